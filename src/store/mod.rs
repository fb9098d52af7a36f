//! The store: rows in one redb file. Only this folder uses redb.

mod append;
mod backup;
mod block;
mod check;
mod check_report;
mod checksum;
mod compact;
mod copy;
mod creation;
mod duplicates;
mod exclusive_lock;
#[cfg(test)]
pub(crate) mod faults;
mod file;
mod file_kind;
mod handle;
#[cfg(test)]
mod interleavings;
mod keys;
mod legacy;
mod open_mode;
mod page_checksums;
mod prune;
mod reopening_handle;
mod repair;
mod row_cursor;
mod rows;
mod schema_version;
mod sealer;
mod sealing;
#[cfg(test)]
mod sealing_faults;
mod segment_check;
mod segment_rows;
mod segments;
mod side_copy;
mod snapshot;
mod staged;
mod staging;
mod stats;
mod tables;
mod times;
mod unknown;
mod unwind;
mod upgrade;
mod upsert;
mod watermark;
mod write_async;
mod writer;
mod zone;
mod zone_map;
mod zone_writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use redb::{ReadableTable, WriteTransaction};

use crate::error::{Error, Result};
use crate::maintenance_progress::MaintenanceProgress;
use crate::options::OpenOptions;
use crate::schema::SCHEMA_VERSION;
use crate::table::Table;

pub use backup::Copied;
pub(crate) use backup::Existing;
pub use check_report::{CheckReport, Fault};
#[cfg(feature = "sql")]
pub(crate) use checksum::Expected;
pub use compact::Compacted;
pub use keys::{Key, OWN_STATE};
pub(crate) use prune::OldRows;
pub(crate) use row_cursor::RowCursor;
#[cfg(feature = "sql")]
pub(crate) use segment_rows::SegmentRows;
pub(crate) use snapshot::Snapshot;
pub use stats::{StoreStats, TableStats};
pub use unknown::UnknownTable;
pub use unwind::{caught, is_caught};
pub use upsert::UpsertTransaction;
#[cfg(feature = "sql")]
pub(crate) use zone::Zone;
#[cfg(feature = "sql")]
pub(crate) use zone_map::ZoneMap;

pub(crate) use file::{is_database, own_private_dir, refuse_link};

use file::FileId;
use handle::{Access, Handle};
use reopening_handle::{ReopeningHandle, refuse_replaced};
use sealer::Sealer;
use tables::{IDS, META, SCHEMA_VERSION_KEY, rows_of};
use zone_writer::ZoneWriter;

/// An open store. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    connection: Arc<ReopeningHandle>,
    archived: Option<PathBuf>,
    upgraded_from: Option<PathBuf>,
    /// Dropped last by the last clone, after which nothing writes any more.
    sealer: Arc<Sealer>,
}

impl Store {
    /// Opens the store at `path` for reading and writing. Creates it if it is missing and the
    /// options allow it. A SQLite file of an older netsky is moved aside first, and a store of
    /// netsky-db 0.1.6 is upgraded.
    pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        Self::open_by(path, options, |connection| connection)
    }

    fn open_by(
        path: &Path,
        options: &OpenOptions,
        adapt: fn(ReopeningHandle) -> ReopeningHandle,
    ) -> Result<Self> {
        file::refuse_special(path)?;
        let (mut archived, mut upgraded_from) = (None, None);
        // `ReopeningHandle::open` finds out the kind of the file that it opens. Nearly every file
        // is a store, and examining it beforehand would open it twice.
        let opened = loop {
            match ReopeningHandle::open(path, Access::ReadWrite, options) {
                Err(Error::UpgradeRequired { .. }) if upgraded_from.is_none() => {
                    upgraded_from = Some(upgrade::upgrade_old(path, options)?);
                }
                Err(Error::NotAStore { .. })
                    if archived.is_none() && legacy::is_sqlite(path).unwrap_or(false) =>
                {
                    if !options.create {
                        legacy::refuse_sqlite(path)?;
                    }
                    archived = Some(legacy::archive_sqlite(path, options)?);
                }
                opened => break opened?,
            }
        };
        legacy::finish_journals(path)?;
        let connection = Arc::new(adapt(opened));
        let (archived, upgraded_from) = (archived.flatten(), upgraded_from.flatten());
        Self { archived, upgraded_from, ..Self::without_sealer(connection) }.checked()
    }

    /// Opens the store at `path` read-only. Nothing is created or changed.
    pub(crate) fn open_read_only(path: &Path, options: &OpenOptions) -> Result<Self> {
        Self::open_read_only_by(path, options, |connection| connection)
    }

    fn open_read_only_by(
        path: &Path,
        options: &OpenOptions,
        adapt: fn(ReopeningHandle) -> ReopeningHandle,
    ) -> Result<Self> {
        file::refuse_special(path)?;
        let opened = ReopeningHandle::open(path, Access::ReadOnly, options);
        if let Err(Error::NotAStore { .. }) = opened {
            legacy::refuse_sqlite(path)?;
        }
        let connection = Arc::new(adapt(opened?));
        Self::without_sealer(connection).checked()
    }

    /// A store that has not started its sealer, and was not made of an older one.
    fn without_sealer(connection: Arc<ReopeningHandle>) -> Self {
        let (archived, upgraded_from) = (None, None);
        Self { connection, archived, upgraded_from, sealer: Arc::default() }
    }

    fn checked(self) -> Result<Self> {
        schema_version::refuse_unusable(&self.snapshot()?)?;
        if self.is_read_only() {
            return Ok(self);
        }
        file::make_store_private(self.connection.absolute())?;
        Ok(self)
    }

    pub(crate) fn path(&self) -> &Path {
        self.connection.path()
    }

    fn maintenance_progress(&self) -> &MaintenanceProgress {
        &self.connection.options().maintenance_progress
    }

    /// Whether no other process can have the store open, because the system cannot lock parts of a
    /// file.
    pub(crate) fn is_exclusive(&self) -> Result<bool> {
        Ok(self.handle()?.is_exclusive())
    }

    /// Returns the path to which the SQLite file found at the store's path was moved.
    pub(crate) fn archived(&self) -> Option<&Path> {
        self.archived.as_deref()
    }

    /// Returns the path of the unmodified original, if the store was upgraded.
    pub(crate) fn upgraded_from(&self) -> Option<&Path> {
        self.upgraded_from.as_deref()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.connection.access() == Access::ReadOnly
    }

    /// Returns a handle on the file that is at the path now. If the store was deleted, it is
    /// created again with the same tables.
    fn handle(&self) -> Result<Arc<Handle>> {
        let connection = &self.connection;
        connection.handle(|| {
            let (path, options) = (connection.absolute(), connection.options());
            let once = ReopeningHandle::without_reopening;
            if connection.access() == Access::ReadOnly {
                return Self::open_read_only_by(path, options, once)?.handle();
            }
            let reopened = Self::open_by(path, options, once)?;
            let tables = connection.tables();
            if !tables.is_empty() {
                reopened.create_tables(&tables)?;
            }
            reopened.handle()
        })
    }

    /// Returns a snapshot of the committed state.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let handle = self.handle()?;
        match Snapshot::new(Arc::clone(&handle)) {
            // The disk failed when the handle was last used, perhaps long ago. If no other handle
            // can be opened, the first error says more than the second.
            Err(error) if handle.has_failed() => match self.handle()? {
                same if Arc::ptr_eq(&same, &handle) => Err(error),
                reopened => Snapshot::new(reopened),
            },
            snapshot => snapshot,
        }
    }

    /// Returns the schema version of the store; 0 if it has none yet.
    pub(crate) fn schema_version(&self) -> Result<i64> {
        schema_version::found(&self.snapshot()?)
    }

    /// Creates those of `tables` that are missing, brings their zones up to date, and sets the
    /// schema version.
    pub(crate) fn create_tables(&self, tables: &[&'static Table]) -> Result<()> {
        self.connection.add_tables(tables);
        let snapshot = self.snapshot()?;
        let version = snapshot.meta(SCHEMA_VERSION_KEY)?;
        if version == Some(SCHEMA_VERSION) && snapshot.is_complete(tables)? {
            return Ok(());
        }
        tables.iter().try_for_each(|table| snapshot.refuse_lost(table))?;
        drop(snapshot);
        let (tables, path) = (tables.to_vec(), self.path().to_owned());
        self.write(move |txn| {
            let mut meta = txn.open_table(META)?;
            let found = meta.get(SCHEMA_VERSION_KEY)?.map_or(0, |version| version.value());
            schema_version::refuse_newer(found, &path)?;
            meta.insert(SCHEMA_VERSION_KEY, SCHEMA_VERSION)?;
            txn.open_table(IDS)?;
            for table in &tables {
                let rows = txn.open_table(rows_of(table))?;
                ZoneWriter::open(txn, table, &rows)?;
            }
            Ok(())
        })
    }

    /// Runs `work` in a write transaction, which other callers may share, and returns once it is
    /// durable. The work is run again if another caller's work makes the transaction fail, or if
    /// the path leads to another file by the time the lock is acquired.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&WriteTransaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let timeout = self.connection.options().busy_timeout;
        self.write_until(Instant::now().checked_add(timeout), work)
    }

    /// Like [`write`](Self::write), with a deadline for the lock.
    fn write_until<T: Send + 'static>(
        &self,
        deadline: Option<Instant>,
        work: impl FnMut(&WriteTransaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let timeout = self.connection.options().busy_timeout;
        let work = Work::new(work);
        loop {
            let handle = self.handle()?;
            let Some(writer) = handle.writer() else {
                return Err(Error::ReadOnlyStore { path: self.path().to_owned() });
            };
            let id = handle.file_id();
            let left = deadline.map_or(timeout, |at| at.saturating_duration_since(Instant::now()));
            let written = writer.write(left, self.work_on(id, &work));
            if let Some(result) = self.result(written, id, deadline) {
                return result;
            }
        }
    }

    /// Wraps the work so that it fails if the path no longer leads to the file with that id.
    fn work_on<T, F>(
        &self,
        id: Option<FileId>,
        work: &Work<F>,
    ) -> impl FnMut(&WriteTransaction) -> Result<T> + Send + use<T, F>
    where
        F: FnMut(&WriteTransaction) -> Result<T> + Send,
    {
        let (work, path) = (work.clone(), self.connection.absolute().to_owned());
        move |txn| {
            // The file may have been replaced while waiting for the lock.
            refuse_replaced(&path, id)?;
            work.run(txn)
        }
    }

    /// Returns the result of work on the file with that id; `None` if the file was replaced before
    /// anything was stored and there is time for another attempt.
    fn result<T>(
        &self,
        written: Result<T>,
        id: Option<FileId>,
        deadline: Option<Instant>,
    ) -> Option<Result<T>> {
        match written {
            Err(Error::StoreReplaced { .. }) if deadline.is_none_or(|at| Instant::now() < at) => {
                None
            }
            Err(error) => Some(Err(error)),
            Ok(value) => Some(refuse_replaced(self.connection.absolute(), id).map(|()| value)),
        }
    }
}

/// Work that several attempts share.
struct Work<F>(Arc<Mutex<F>>);

impl<F> Clone for Work<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F> Work<F> {
    fn new(work: F) -> Self {
        Self(Arc::new(Mutex::new(work)))
    }

    fn run<T>(&self, txn: &WriteTransaction) -> Result<T>
    where
        F: FnMut(&WriteTransaction) -> Result<T>,
    {
        let mut work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(txn)
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Error {
            fn from(error: redb::$error) -> Self {
                Self::Storage(Box::new(redb::Error::from(error)))
            }
        }
    )*};
}
from_redb!(TransactionError, TableError, StorageError, CommitError);
