//! Maintenance of a store: check, repair, prune, statistics, backup, restore, compact.

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

/// The result of pruning a table, or of a dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// The pruned table.
    pub table: &'static Table,
    /// The number of rows before the cutoff.
    pub rows: u64,
    /// The number of rows found whose time is unreadable, so that they stay. [`check`](Db::check)
    /// lists them.
    pub undated: u64,
}

/// Maintenance of the store.
impl Db {
    /// Checks the whole store without changing anything:
    ///
    /// - each page of the file that the last commit references, against its checksum;
    /// - each row of each table of [`tables`](Self::tables): whether all of its columns can be
    ///   read;
    /// - the zone of each block of rows (row count and time range) against the rows. Zones may lack
    ///   rows that another program has just written;
    /// - the checksum of each block's rows, if it has one. Blocks that an older netsky wrote have
    ///   none until the next row is recorded in them, or [`repair`](Self::repair) is called;
    /// - the id counters: whether an id in use could be assigned again.
    ///
    /// Other processes can record and query during a check. The rows are read from one snapshot. If
    /// a page is damaged, no row is checked. If commits continue while a page seems damaged, the
    /// last attempt to verify the pages blocks writers. Only for this attempt is the file opened
    /// for writing, even by a read-only `Db`; rows and the file's mode do not change.
    ///
    /// Not checked are pages outside the last commit, which are free pages and redb's list of them
    /// (redb rebuilds the list after a crash), and tables that this `Db` does not know.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) and [`Error::Storage`](crate::Error::Storage) if the file
    /// cannot be read. Faults in its content are not errors but part of the report.
    pub fn check(&self) -> Result<CheckReport> {
        self.store()?.check(self.tables())
    }

    /// Rebuilds zones, checksums and id counters from the rows. This repairs every
    /// [fault](crate::Fault) except damaged pages and corrupt rows, and changes nothing that is
    /// correct. Rows that are [not what was recorded](crate::Fault::ChangedRows) are accepted as
    /// they are.
    ///
    /// Netsky itself keeps this data correct; other programs that write to the file may not.
    ///
    /// Each table is read in a write transaction of its own, so other writers wait. Readers do not.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if a page is damaged, because rows read from it may be wrong;
    /// [`Error::ReadOnlyStore`]; [`Error::Busy`]; [`Error::Storage`].
    pub fn repair(&self) -> Result<()> {
        self.store()?.repair(self.tables())
    }

    /// Deletes the rows whose time is before `before`, from one table or from all tables with
    /// times, and returns the counts by table. The time is that of the table's
    /// [`time_column`](Table::time_column).
    ///
    /// The other rows keep their ids, and no id is assigned a second time. A transaction deletes
    /// some thousands of rows, so that other processes can record in between. If pruning fails
    /// halfway, the rows deleted so far stay deleted and the store is consistent. The file keeps
    /// its size, and new rows use the free space.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`]; [`Error::NoTimeColumn`] if the named table has none;
    /// [`Error::Damaged`] at a block whose rows are not what was recorded;
    /// [`Error::ReadOnlyStore`]; [`Error::Storage`].
    pub fn prune(&self, before: DateTime<Utc>, table: Option<&str>) -> Result<Vec<Pruned>> {
        let before = nanos(before);
        self.for_dated_tables(table, |table| self.store()?.prune(table, before))
    }

    /// Returns what [`prune`](Self::prune) would delete now.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`], [`Error::NoTimeColumn`] and [`Error::Storage`].
    pub fn prune_dry_run(&self, before: DateTime<Utc>, table: Option<&str>) -> Result<Vec<Pruned>> {
        let (before, snapshot) = (nanos(before), self.store()?.snapshot()?);
        self.for_dated_tables(table, |table| snapshot.old_rows(table, before))
    }

    /// Returns the size of the file and, for each table, the number of rows, their bytes and their
    /// time range. Reads every page of the tables, but decodes no rows that zones cover.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if a page is damaged, because the numbers would mean nothing;
    /// [`Error::Io`] and [`Error::Storage`].
    pub fn stats(&self) -> Result<StoreStats> {
        self.store()?.stats(self.tables())
    }

    /// Returns the tables in the file that this `Db` does not know, by name: other programs have
    /// declared them with [`tables!`](crate::tables). They cannot be queried or checked here, but a
    /// [backup](Self::backup) includes them, and [`stored_rows`](Self::stored_rows) reads them.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn unknown_tables(&self) -> Result<Vec<UnknownTable>> {
        self.store()?.unknown_tables(self.tables())
    }

    /// Passes each row of a table to `visit`, by id, until it breaks: the id, and the row as
    /// stored, which is a JSON object unless another program wrote it. The table need not be known.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`], also if the table does not hold rows.
    pub fn stored_rows(
        &self,
        table: &str,
        visit: impl FnMut(i64, &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        self.store()?.snapshot()?.stored_rows(table, visit)
    }

    /// Copies the committed state to a new file. The copy is a store itself, and readable by its
    /// owner only. Readers and writers are not blocked.
    ///
    /// The rows are copied one by one, including those of tables that this `Db` does not know. So
    /// the copy has no free pages, its zones are rebuilt, and its id counters are raised to the
    /// highest ids. It is written under a temporary name beside `file`, and is durable once it has
    /// its final name.
    ///
    /// # Errors
    ///
    /// [`Error::FileExists`]; [`Error::Damaged`] if a page is damaged, or if rows are not what was
    /// recorded; [`Error::Io`] and [`Error::Storage`]. No file is left behind.
    pub fn backup(&self, file: impl AsRef<Path>) -> Result<Copied> {
        self.store()?.backup(file.as_ref(), Existing::Refuse, self.tables())
    }

    /// Like [`backup`](Self::backup), but replaces a file at the path, atomically and only with a
    /// complete copy.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] if the file is a store that a process has open; [`Error::Damaged`];
    /// [`Error::Io`] and [`Error::Storage`]. The file stays as it is.
    pub fn backup_replacing(&self, file: impl AsRef<Path>) -> Result<Copied> {
        self.store()?.backup(file.as_ref(), Existing::Replace, self.tables())
    }

    /// Restores the store in the file `backup` to `path`. Copies it like [`backup`](Self::backup)
    /// does, and leaves `backup` as it is.
    ///
    /// # Errors
    ///
    /// [`Error::FileExists`] if there is a file at `path`; those of
    /// [`open_read_only`](Self::open_read_only) if `backup` is not a store, and [`Error::Damaged`];
    /// [`Error::Io`] and [`Error::Storage`].
    pub fn restore(backup: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<Copied> {
        OpenOptions::new().restore(backup, path)
    }

    /// Like [`restore`](Self::restore), but replaces a file at `path`. The old file is kept beside
    /// it as `<name>.before-restore-<timestamp>.bak`; [`Copied::kept`] is its path. No process can
    /// open the store while the copy is being made.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] if any process has the store open; those of
    /// [`open_read_only`](Self::open_read_only) if `backup` is not a store, and [`Error::Damaged`];
    /// [`Error::Io`] and [`Error::Storage`]. In these cases the file at `path` stays as it is.
    pub fn restore_replacing(backup: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<Copied> {
        OpenOptions::new().restore_replacing(backup, path)
    }

    /// Sets whether the store keeps columnar copies of its rows, which full scans read instead of the rows.
    /// That is the default. If `keep` is false, the copies are deleted, and no program makes any until this
    /// is called with true; [`compact`](Self::compact) then makes them for the rows so far.
    ///
    /// Copies take 5 to 10 % of the space of the rows. Answers are the same without them.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnlyStore`], [`Error::Busy`], [`Error::Io`] and [`Error::Storage`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> netsky_db::Result<()> {
    /// # let dir = std::env::temp_dir().join(format!("netsky-columns-{}", std::process::id()));
    /// let db = netsky_db::Db::open_path(dir.join("meta.db"))?;
    /// db.keep_columns(false)?;
    /// db.compact()?;
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_columns(&self, keep: bool) -> Result<()> {
        self.store()?.keep_columns(keep)
    }

    /// Makes the missing columnar copies of the rows, and the file as small as it can be. Returns its size before and after. Pruning
    /// and long-lived snapshots leave free pages, which new rows use; compact only if you need the
    /// space for something else.
    ///
    /// No process can read or write during compaction. Other processes may have the store open.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] if anything is reading, in this process (including a stream that has not
    /// been read to its end) or another; [`Error::Damaged`] if a page is damaged, because moving it
    /// would give it a correct checksum; [`Error::ReadOnlyStore`]; [`Error::Io`] and
    /// [`Error::Storage`].
    pub fn compact(&self) -> Result<Compacted> {
        self.store()?.compact()
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
    /// Restores a store like [`Db::restore`].
    ///
    /// # Errors
    ///
    /// Those of `Db::restore`.
    pub fn restore(&self, backup: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<Copied> {
        Store::restore(backup.as_ref(), path.as_ref(), Existing::Refuse, TABLES, self)
    }

    /// Restores a store like [`Db::restore_replacing`].
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

/// Converts a time to the unit of rows' times. Times outside the range of nanoseconds saturate,
/// because no row can have one.
fn nanos(time: DateTime<Utc>) -> i64 {
    let limit = if time < DateTime::UNIX_EPOCH { i64::MIN } else { i64::MAX };
    time.timestamp_nanos_opt().unwrap_or(limit)
}
