//! The store: rows in one redb file. Nothing outside this folder knows redb.

mod append;
mod backup;
mod check;
mod claim;
mod compact;
mod copy;
mod file;
mod handle;
mod legacy;
mod pages;
mod prune;
mod snapshot;
mod stats;
mod times;
mod zone;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{ReadableTable, TableDefinition, TableHandle, WriteTransaction};

use crate::error::{Error, Result};
use crate::schema::SCHEMA_VERSION;
use crate::table::Table;

pub use backup::Copied;
pub(crate) use backup::Existing;
pub use check::{CheckReport, Fault};
pub use compact::Compacted;
pub(crate) use prune::OldRows;
pub(crate) use snapshot::Snapshot;
pub use stats::{StoreStats, TableStats};
pub(crate) use zone::{Zone, ZoneMap};

pub(crate) use file::own_private_dir;

use handle::Handle;
use zone::ZoneWriter;

/// Single numbers of the store: `schema_version`.
const META: TableDefinition<'_, &str, i64> = TableDefinition::new("meta");
/// The last id given out, by table.
const IDS: TableDefinition<'_, &str, i64> = TableDefinition::new("ids");

const SCHEMA_VERSION_KEY: &str = "schema_version";

fn rows_of(table: &Table) -> TableDefinition<'static, i64, &'static [u8]> {
    TableDefinition::new(table.name())
}

/// An open store. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    handle: Arc<Handle>,
    path: PathBuf,
    archived: Option<PathBuf>,
}

impl Store {
    /// Opens the store at `path` for reading and writing, and makes one if there is none. A SQLite
    /// file of an older netsky is moved aside first.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let archived = legacy::archive_sqlite(path)?;
        let handle = Handle::open_writable(path)?;
        let store = Self { handle, path: path.to_owned(), archived };
        store.refuse_foreign_file()?;
        store.refuse_future_schema()?;
        Ok(store)
    }

    /// Opens the store at `path` for reading. Nothing is created or changed.
    pub(crate) fn open_read_only(path: &Path) -> Result<Self> {
        legacy::refuse_sqlite(path)?;
        let handle = Handle::open_read_only(path)?;
        let store = Self { handle, path: path.to_owned(), archived: None };
        store.refuse_foreign_file()?;
        store.refuse_future_schema()?;
        Ok(store)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the SQLite file went that was found at the path.
    pub(crate) fn archived(&self) -> Option<&Path> {
        self.archived.as_deref()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.handle.is_read_only()
    }

    /// What is committed now.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::new(Arc::clone(&self.handle))
    }

    /// The schema version found in the store; 0 if it has none yet.
    pub(crate) fn schema_version(&self) -> Result<i64> {
        self.snapshot()?.meta(SCHEMA_VERSION_KEY).map(Option::unwrap_or_default)
    }

    /// Creates those of `tables` that the store lacks, brings their zones up to their rows, and sets
    /// the schema version.
    pub(crate) fn create_tables(&self, tables: &[&'static Table]) -> Result<()> {
        let snapshot = self.snapshot()?;
        let version = snapshot.meta(SCHEMA_VERSION_KEY)?;
        if version == Some(SCHEMA_VERSION) && snapshot.is_complete(tables)? {
            return Ok(());
        }
        drop(snapshot);
        let txn = self.begin_write()?;
        {
            let mut meta = txn.open_table(META)?;
            let found = meta.get(SCHEMA_VERSION_KEY)?.map_or(0, |version| version.value());
            self.refuse_newer_than_supported(found)?;
            meta.insert(SCHEMA_VERSION_KEY, SCHEMA_VERSION)?;
            txn.open_table(IDS)?;
            for &table in tables {
                let rows = txn.open_table(rows_of(table))?;
                ZoneWriter::open(&txn, table, &rows)?;
            }
        }
        txn.commit()?;
        Ok(())
    }

    fn begin_write(&self) -> Result<WriteTransaction> {
        match self.handle.begin_write() {
            Some(txn) => Ok(txn?),
            None => Err(Error::ReadOnlyStore { path: self.path.clone() }),
        }
    }

    fn refuse_future_schema(&self) -> Result<()> {
        self.refuse_newer_than_supported(self.schema_version()?)
    }

    fn refuse_newer_than_supported(&self, found: i64) -> Result<()> {
        if found > SCHEMA_VERSION {
            let supported = SCHEMA_VERSION;
            return Err(Error::FutureSchemaVersion { path: self.path.clone(), found, supported });
        }
        Ok(())
    }

    /// A redb file with tables but without `meta` belongs to another program.
    fn refuse_foreign_file(&self) -> Result<()> {
        let txn = self.handle.begin_read()?;
        let names: Vec<String> = txn.list_tables()?.map(|table| table.name().to_owned()).collect();
        if names.is_empty() || names.iter().any(|name| name == META.name()) {
            return Ok(());
        }
        Err(Error::NotAStore {
            path: self.path.clone(),
            reason: format!("it is a redb file of another program, with the table {}", names[0]),
        })
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
