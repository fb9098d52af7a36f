//! What a store needs now and then.

use std::ops::ControlFlow;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::db::Db;
use crate::error::{Error, Result};
use crate::options::OpenOptions;
use crate::schema::TABLES;
use crate::store::{
    CheckReport, Compacted, Copied, Existing, OldRows, Store, StoreStats, UnknownTable,
};
use crate::table::Table;

/// What pruning has done to a table, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// The table.
    pub table: &'static Table,
    /// How many rows were before the moment.
    pub rows: u64,
    /// How many rows were met whose time cannot be read, so that they stay.
    /// [`check`](Db::check) names them.
    pub undated: u64,
}

/// Care of the store.
impl Db {
    /// Checks the whole store, and changes nothing in it:
    ///
    /// - each page of the file that the last commit reaches, against its checksum;
    /// - each row of each table of [`tables`](Self::tables): whether all of its columns can be read;
    /// - what is noted of each block of rows (its zone: their number, and the span of their times)
    ///   against the rows. Zones may lack what another program has just written;
    /// - the checksum of each block's rows, if it has one. Blocks that an older netsky wrote have none
    ///   until the next row is recorded in them, or [`repair`](Self::repair) is called;
    /// - the ids: whether none that a row has is still to be given out.
    ///
    /// Others may record and query meanwhile. The rows are those of one moment. If a page is damaged
    /// no row is looked at. If commits keep coming while there seems to be one, the last look at the pages
    /// is taken while writers wait. For that alone the file is opened for writing, by a `Db` that is open
    /// read-only, too; no row, and not the file's mode, is changed.
    ///
    /// It does not look at what is no part of the last commit: free pages, and redb's list of them,
    /// which redb makes anew after a crash. Nor at tables that this `Db` does not know.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) and [`Error::Storage`](crate::Error::Storage) if the file
    /// cannot be read. What is wrong with its content is no error, but stands in the report.
    pub fn check(&self) -> Result<CheckReport> {
        self.store().check(self.tables())
    }

    /// Makes anew what the store notes of its rows: the zones, the checksums, and which ids are given
    /// out. That mends every [fault](crate::Fault) but damaged pages and corrupt rows, and what is true
    /// stays as it is. Rows that are [not what was recorded](crate::Fault::ChangedRows) are taken as they
    /// are.
    ///
    /// Netsky itself leaves nothing untrue; other programs that write to the file may.
    ///
    /// Each table's rows are read in a transaction of its own, and others who write wait for that. Who
    /// reads does not.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if a page is: what is read there may be untrue, too. [`Error::ReadOnlyStore`];
    /// [`Error::Busy`]; [`Error::Storage`].
    pub fn repair(&self) -> Result<()> {
        self.store().repair(self.tables())
    }

    /// Deletes the rows whose time is before a moment, from one table or from all that have a time,
    /// and says how many by table. The time is that of the table's
    /// [`time_column`](Table::time_column).
    ///
    /// The other rows keep their ids, and no id is given out a second time. Some thousands of rows go
    /// in a transaction, so that others can record in between; if it fails half way, what is gone is
    /// gone, and the store is in order. The file keeps its size, and new rows take the room.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`]; [`Error::NoTimeColumn`] if the table that is named has none;
    /// [`Error::Damaged`] at a block whose rows are not what was recorded; [`Error::ReadOnlyStore`];
    /// [`Error::Storage`].
    pub fn prune(&self, before: DateTime<Utc>, table: Option<&str>) -> Result<Vec<Pruned>> {
        let before = nanos(before);
        self.for_dated_tables(table, |table| self.store().prune(table, before))
    }

    /// What [`prune`](Self::prune) would delete now.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`], [`Error::NoTimeColumn`] and [`Error::Storage`].
    pub fn prune_dry_run(&self, before: DateTime<Utc>, table: Option<&str>) -> Result<Vec<Pruned>> {
        let (before, snapshot) = (nanos(before), self.store().snapshot()?);
        self.for_dated_tables(table, |table| snapshot.old_rows(table, before))
    }

    /// How large the file is, and of each table how many rows it has, how many bytes they take, and
    /// from when to when they are. Reads every page of the tables, but no rows that zones know of.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if a page is, since its numbers would mean nothing; [`Error::Io`] and
    /// [`Error::Storage`].
    pub fn stats(&self) -> Result<StoreStats> {
        self.store().stats(self.tables())
    }

    /// The tables in the file that this `Db` does not know, by name: other programs have declared them with
    /// [`tables!`](crate::tables). They cannot be queried or checked here, but a [backup](Self::backup) has
    /// them, and [`stored_rows`](Self::stored_rows) reads them.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn unknown_tables(&self) -> Result<Vec<UnknownTable>> {
        self.store().unknown_tables(self.tables())
    }

    /// Gives each row of a table to `visit`, by id, until it breaks: the id, and the row as it is stored,
    /// which is a JSON object unless another program wrote it. The table need not be known.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`], also if the table is not one of rows.
    pub fn stored_rows(
        &self,
        table: &str,
        visit: impl FnMut(i64, &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        self.store().snapshot()?.stored_rows(table, visit)
    }

    /// Copies what is committed now to a new file, which is a store itself, readable by its owner
    /// alone. Nobody has to wait meanwhile.
    ///
    /// The rows are copied one by one, those of tables too that this `Db` does not know. So the copy has
    /// no free pages, its zones are made anew, and its ids are brought up to the rows. It is written
    /// under another name beside `file`, and durable once it has its own.
    ///
    /// # Errors
    ///
    /// [`Error::FileExists`]; [`Error::Damaged`] if a page is, or if rows are not what was recorded;
    /// [`Error::Io`] and [`Error::Storage`]. No file is left behind.
    pub fn backup(&self, file: impl AsRef<Path>) -> Result<Copied> {
        self.store().backup(file.as_ref(), Existing::Refuse, self.tables())
    }

    /// As [`backup`](Self::backup), but a file at the path is replaced, at once and only by a whole copy.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] if the file is a store that somebody has open; [`Error::Damaged`];
    /// [`Error::Io`] and [`Error::Storage`]. The file is left as it is.
    pub fn backup_replacing(&self, file: impl AsRef<Path>) -> Result<Copied> {
        self.store().backup(file.as_ref(), Existing::Replace, self.tables())
    }

    /// Makes a store at `path` of the one in the file `backup`, which is left as it is: copies it as
    /// [`backup`](Self::backup) does.
    ///
    /// # Errors
    ///
    /// [`Error::FileExists`] if there is a file at `path`; if `backup` is no store, those of
    /// [`open_read_only`](Self::open_read_only), and [`Error::Damaged`]; [`Error::Io`] and
    /// [`Error::Storage`].
    pub fn restore(backup: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<Copied> {
        OpenOptions::new().restore(backup, path)
    }

    /// As [`restore`](Self::restore), but a file at `path` makes room. It is kept beside it as
    /// `<name>.before-restore-<timestamp>.bak`, where [`Copied::kept`] says. While the copy is made,
    /// nobody can open the store.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] if anybody has the store open; if `backup` is no store, those of
    /// [`open_read_only`](Self::open_read_only), and [`Error::Damaged`]; [`Error::Io`] and
    /// [`Error::Storage`]. They leave the file at `path` as it is.
    pub fn restore_replacing(backup: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<Copied> {
        OpenOptions::new().restore_replacing(backup, path)
    }

    /// Makes the file as small as its rows allow, and says how much was gained. Pruning and long
    /// snapshots leave free pages, which new rows take; there is need of this only where the room is
    /// wanted for something else.
    ///
    /// Nobody can read or write meanwhile. Others may have the store open.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] if anybody reads at this moment, in this process (a stream that is not read to
    /// its end, too) or another; [`Error::Damaged`] if a page is, since moving it would give it a right
    /// checksum; [`Error::ReadOnlyStore`]; [`Error::Io`] and [`Error::Storage`].
    pub fn compact(&self) -> Result<Compacted> {
        self.store().compact()
    }

    fn for_dated_tables(
        &self,
        named: Option<&str>,
        mut old_rows: impl FnMut(&'static Table) -> Result<OldRows>,
    ) -> Result<Vec<Pruned>> {
        let tables = match named {
            Some(name) => vec![self.find_table(name)?],
            None => self.tables().to_vec(),
        };
        let mut all = Vec::new();
        for table in tables {
            if table.time_column().is_some() {
                let OldRows { rows, undated } = old_rows(table)?;
                all.push(Pruned { table, rows, undated });
            } else if named.is_some() {
                return Err(Error::NoTimeColumn { table: table.name().to_owned() });
            }
        }
        Ok(all)
    }
}

impl OpenOptions {
    /// Restores a store as [`Db::restore`] does.
    ///
    /// # Errors
    ///
    /// Those of `Db::restore`.
    pub fn restore(&self, backup: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<Copied> {
        Store::restore(backup.as_ref(), path.as_ref(), Existing::Refuse, TABLES, self)
    }

    /// Restores a store as [`Db::restore_replacing`] does.
    ///
    /// # Errors
    ///
    /// Those of `Db::restore_replacing`.
    pub fn restore_replacing(
        &self,
        backup: impl AsRef<Path>,
        path: impl AsRef<Path>,
    ) -> Result<Copied> {
        Store::restore(backup.as_ref(), path.as_ref(), Existing::Keep, TABLES, self)
    }
}

/// A moment as rows' times are compared with it. No row has a time that nanoseconds cannot tell.
fn nanos(moment: DateTime<Utc>) -> i64 {
    let beyond = if moment < DateTime::UNIX_EPOCH { i64::MIN } else { i64::MAX };
    moment.timestamp_nanos_opt().unwrap_or(beyond)
}
