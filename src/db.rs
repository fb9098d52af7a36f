//! `Db`: a store, and SQL over it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::clock;
use crate::error::{Error, Result};
use crate::options::OpenOptions;
#[cfg(feature = "sql")]
use crate::query::{Origin, Queries, SessionFactory, TableSource};
use crate::row::{EncodedRow, RowParser, RowSpool, TimeReader};
use crate::schema::{
    CliInvocationRecord, CloneDispatchRecord, CommunicationEventRecord, CrashRecord,
    GitOperationRecord, HarvestEventRecord, McpToolCallRecord, MessageRecord, OwnerDirectiveRecord,
    SessionEvent, SessionRecord, TABLES, TickRecord, TokenUsageRecord, WatchdogEventRecord,
    WorkspaceRecord,
};
use crate::store::{self, Store};
use crate::table::{Record, Table};
#[cfg(feature = "sql")]
use crate::view::View;
use crate::views::VIEWS;

/// An open store, to record into and, with the feature `sql`, to query.
///
/// It is cheap to clone, and clones can be used from many threads. Any number of processes can have the
/// same store open, and record and query at the same time.
#[derive(Debug, Clone)]
pub struct Db {
    place: Place,
    tables: Arc<[&'static Table]>,
    #[cfg(feature = "sql")]
    pub(crate) queries: Queries,
}

/// Where the rows are.
#[derive(Debug, Clone)]
enum Place {
    Store(Store),
    /// In files elsewhere, which can only be queried.
    #[cfg(feature = "sql")]
    Lake(PathBuf),
}

/// A table, and what is known about it without reading all of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TableSummary {
    /// The table.
    pub table: &'static Table,
    /// The number of its rows.
    pub rows: u64,
    /// The times of the rows with the lowest and the highest id. `None` if there are no rows, or if the
    /// table has no time column.
    pub first_and_last: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Opening.
impl Db {
    /// The path of the default store: `~/.netsky/meta.db`.
    ///
    /// # Errors
    ///
    /// [`Error::HomeDirMissing`].
    pub fn default_path() -> Result<PathBuf> {
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        Ok(home.ok_or(Error::HomeDirMissing)?.join(".netsky").join("meta.db"))
    }

    /// Opens the default store as [`open_path`](Self::open_path) does, and makes its directory
    /// private.
    ///
    /// # Errors
    ///
    /// [`Error::HomeDirMissing`]; [`Error::NotAStore`] if a symbolic link is in its place; and those of
    /// `open_path`.
    pub fn open() -> Result<Self> {
        OpenOptions::new().open_default()
    }

    /// Opens the store at `path` for recording and querying. If it does not exist, creates it and its
    /// parent directories, accessible only to their owner.
    ///
    /// If the path has a SQLite file of an older netsky, the file is moved aside first;
    /// [`archived`](Self::archived) returns its new path. A store of netsky-db 0.1.6 is upgraded to the
    /// current file format, and the old file is kept beside it; [`upgraded_from`](Self::upgraded_from)
    /// returns its path. netsky-db 0.1.6 cannot use the store after that.
    ///
    /// # Errors
    ///
    /// [`Error::NotAStore`], [`Error::Locked`] and [`Error::FutureSchemaVersion`], which leave the file
    /// as it is; [`Error::Busy`]; [`Error::Io`] and [`Error::Storage`]. A failed upgrade also leaves
    /// the file as it is.
    pub fn open_path(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().open(path)
    }

    /// Opens the store at `path` for querying. It must exist, because nothing is created or changed.
    ///
    /// # Errors
    ///
    /// [`Error::StoreNotFound`], [`Error::UpgradeRequired`], and those of
    /// [`open_path`](Self::open_path).
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().open_read_only(path)
    }

    fn new(store: Store) -> Self {
        Self {
            #[cfg(feature = "sql")]
            queries: Queries::new(SessionFactory::new(
                Origin::Store(store.clone()),
                TABLES.to_vec(),
                VIEWS.iter().collect(),
            )),
            place: Place::Store(store),
            tables: TABLES.into(),
        }
    }

    /// Returns a handle whose queries read tables from elsewhere. Calls that need a store fail with
    /// [`Error::IsALake`].
    #[cfg(feature = "sql")]
    #[doc(hidden)]
    pub fn of_lake(url: &str, source: Arc<dyn TableSource>, views: Vec<&'static View>) -> Self {
        let tables = source.tables();
        let sessions = SessionFactory::new(Origin::Lake(source), tables.clone(), views);
        let queries = Queries::new(sessions);
        Self { place: Place::Lake(url.into()), tables: tables.into(), queries }
    }

    /// Returns the same store with additional tables. They can be queried and imported, and are created
    /// if the store is open for writing. See [`tables!`](crate::tables).
    ///
    /// # Errors
    ///
    /// [`Error::TableExists`] if there is already a table or view with the name, and
    /// [`Error::Storage`].
    pub fn with_tables(&self, tables: &[&'static Table]) -> Result<Self> {
        let mut all = self.tables().to_vec();
        for &table in tables {
            if self.has_view(table.name()) || all.iter().any(|known| known.name() == table.name()) {
                return Err(Error::TableExists { name: table.name().to_owned() });
            }
            all.push(table);
        }
        let store = self.store()?;
        if !store.is_read_only() {
            store.create_tables(tables)?;
        }
        Ok(Self {
            #[cfg(feature = "sql")]
            queries: self.queries.with_tables(all.clone()),
            tables: all.into(),
            ..self.clone()
        })
    }

    /// Whether a view has the name. Without the feature `sql` this checks the catalogue's views, so
    /// that a program that only records cannot create a table that other programs cannot query.
    fn has_view(&self, name: &str) -> bool {
        #[cfg(feature = "sql")]
        let views = self.queries.sessions().views().iter().copied();
        #[cfg(not(feature = "sql"))]
        let views = VIEWS.iter();
        views.into_iter().any(|view| view.name() == name)
    }

    /// Upgrades the store to the newest schema: creates missing tables and sets the version. Opening a
    /// store for writing already does this, after it has upgraded the file format.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnlyStore`], [`Error::FutureSchemaVersion`], and [`Error::Storage`].
    pub fn migrate(&self) -> Result<()> {
        self.store()?.create_tables(self.tables())
    }

    /// Whether the file at the path starts like a database: a store of any version and in any state, or
    /// a redb or SQLite file of another program. Programs that write files to paths that their users
    /// choose can use it so that they never overwrite a store.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read.
    pub fn is_database(path: impl AsRef<Path>) -> Result<bool> {
        store::is_database(path.as_ref())
    }

    /// The schema version stored in the file.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn schema_version(&self) -> Result<i64> {
        self.store()?.schema_version()
    }

    /// The store's file.
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::Store(store) => store.path(),
            #[cfg(feature = "sql")]
            Place::Lake(url) => url,
        }
    }

    /// Whether no other process can open the store while this one has it open. This is the case if the
    /// file system or the platform cannot lock parts of a file, as with some network file systems.
    /// Other processes then wait, up to their [`busy_timeout`](crate::OpenOptions::busy_timeout).
    ///
    /// # Errors
    ///
    /// Those of [`open_path`](Self::open_path), if the file must be reopened after a disk error.
    pub fn is_exclusive(&self) -> Result<bool> {
        self.store()?.is_exclusive()
    }

    /// Whether the handle is on a lake, which can only be queried.
    pub fn is_lake(&self) -> bool {
        self.store().is_err()
    }

    /// The new path of the SQLite file that was found at the path when the store was opened.
    pub fn archived(&self) -> Option<&Path> {
        self.store().ok()?.archived()
    }

    /// The path of the file of netsky-db 0.1.6 that was upgraded when the store was opened.
    pub fn upgraded_from(&self) -> Option<&Path> {
        self.store().ok()?.upgraded_from()
    }

    /// The tables that can be queried.
    pub fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    /// Returns the table with the name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`].
    pub fn find_table(&self, name: &str) -> Result<&'static Table> {
        Table::find(name, self.tables())
    }

    pub(crate) fn store(&self) -> Result<&Store> {
        match &self.place {
            Place::Store(store) => Ok(store),
            #[cfg(feature = "sql")]
            Place::Lake(url) => Err(Error::IsALake { url: url.display().to_string() }),
        }
    }
}

impl OpenOptions {
    /// Opens the default store as [`Db::open`] does.
    ///
    /// # Errors
    ///
    /// Those of `Db::open`.
    pub fn open_default(&self) -> Result<Db> {
        let path = Db::default_path()?;
        if self.create || path.exists() {
            store::own_private_dir(&path)?;
        }
        store::refuse_link(&path)?;
        self.open(path)
    }

    /// Opens the store at `path` as [`Db::open_path`] does.
    ///
    /// # Errors
    ///
    /// Those of `Db::open_path`.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Db> {
        let store = Store::open(path.as_ref(), self)?;
        let db = Db::new(store);
        db.migrate()?;
        Ok(db)
    }

    /// Opens the store at `path` as [`Db::open_read_only`] does.
    ///
    /// # Errors
    ///
    /// Those of `Db::open_read_only`.
    pub fn open_read_only(&self, path: impl AsRef<Path>) -> Result<Db> {
        let store = Store::open_read_only(path.as_ref(), self)?;
        Ok(Db::new(store))
    }
}

/// Recording. Each call returns when its rows are durable: they survive a crash of the process or of
/// the machine. Ids count from 1 in each table, without gaps.
impl Db {
    /// Records one row and returns its id.
    ///
    /// Text longer than its column's limit is truncated. Times are kept to the millisecond.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidValue`] if a time is outside 1677-09-21 to 2262-04-11; [`Error::ReadOnlyStore`];
    /// [`Error::Busy`]; [`Error::Damaged`] and [`Error::Storage`]. After these, nothing is stored.
    /// After [`Error::CommitUncertain`] and [`Error::StoreReplaced`], the row may or may not be stored.
    pub fn record<R: Record>(&self, record: &R) -> Result<i64> {
        let mut row = EncodedRow::default();
        row.encode(R::TABLE, record.values()).map_err(|error| error.into_error(R::TABLE))?;
        self.store()?.append(R::TABLE, move |rows| rows.push(&row))
    }

    /// Records many rows, all or none, and returns their ids. This is much faster than recording them
    /// one by one, because a transaction costs as much as hundreds of rows.
    ///
    /// The records are encoded before the first transaction begins, so a slow iterator does not block
    /// other writers; beyond some megabytes they are buffered in a temporary file. More than 50,000
    /// rows or 8 MiB are stored in many short transactions, between which other calls and processes can
    /// record. One of these transactions makes all of the rows visible at once; before it, readers see
    /// none of them.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record), and [`Error::Io`] from the temporary file.
    pub fn record_all<R: Record>(
        &self,
        records: impl IntoIterator<Item = R>,
    ) -> Result<Range<i64>> {
        self.store()?.append_rows(R::TABLE, RowSpool::of(records)?)
    }

    /// Records one row, given as a JSON object, in the named table, and returns its id.
    ///
    /// If the time column is missing, the time is now, and another column must have a value. Values may have
    /// the forms that [`Appender::push_json`](crate::Appender::push_json) accepts. An `id` in the object
    /// is ignored.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`]; [`Error::InvalidRow`] if the object does not fit the table;
    /// [`Error::ReadOnlyStore`]; [`Error::Storage`].
    pub fn record_json(&self, table: &str, json: &str) -> Result<i64> {
        let table = self.find_table(table)?;
        let mut encoded = EncodedRow::default();
        let mut input = RowParser::new(table, Some(clock::now()));
        input
            .encode(json.as_bytes(), &mut encoded)
            .map_err(|reason| Error::InvalidRow { table: table.name().to_owned(), reason })?;
        self.store()?.append(table, move |rows| rows.push(&encoded))
    }
}

/// One call per table, as in netsky-db 0.1.6. Each records one row, as [`record`](Self::record) does
/// and with the same errors, and returns its id.
impl Db {
    /// Records a message.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_message(&self, record: MessageRecord<'_>) -> Result<i64> {
        self.record(&record)
    }

    /// Records a run of a command-line program. `duration_ms` is in milliseconds.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_cli(
        &self,
        ts_utc: DateTime<Utc>,
        bin: &str,
        argv_json: &str,
        exit_code: Option<i64>,
        duration_ms: Option<i64>,
        host: &str,
    ) -> Result<i64> {
        self.record(&CliInvocationRecord { ts_utc, bin, argv_json, exit_code, duration_ms, host })
    }

    /// Records a crash.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_crash(
        &self,
        ts_utc: DateTime<Utc>,
        kind: &str,
        agent: &str,
        detail_json: &str,
    ) -> Result<i64> {
        self.record(&CrashRecord { ts_utc, kind, agent, detail_json })
    }

    /// Records a tick.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_tick(
        &self,
        ts_utc: DateTime<Utc>,
        source: &str,
        detail_json: &str,
    ) -> Result<i64> {
        self.record(&TickRecord { ts_utc, source, detail_json })
    }

    /// Records a workspace.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_workspace(
        &self,
        ts_utc_created: DateTime<Utc>,
        name: &str,
        branch: &str,
        ts_utc_deleted: Option<DateTime<Utc>>,
        verdict: Option<&str>,
    ) -> Result<i64> {
        self.record(&WorkspaceRecord { ts_utc_created, name, branch, ts_utc_deleted, verdict })
    }

    /// Records an event of a session.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_session(
        &self,
        ts_utc: DateTime<Utc>,
        agent: &str,
        session_num: i64,
        event: SessionEvent,
    ) -> Result<i64> {
        self.record(&SessionRecord { ts_utc, agent, session_num, event })
    }

    /// Records the dispatch of a clone.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_clone_dispatch(&self, record: CloneDispatchRecord<'_>) -> Result<i64> {
        self.record(&record)
    }

    /// Records a harvest.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_harvest_event(&self, record: HarvestEventRecord<'_>) -> Result<i64> {
        self.record(&record)
    }

    /// Records an event of a communication tool.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_communication_event(&self, record: CommunicationEventRecord<'_>) -> Result<i64> {
        self.record(&record)
    }

    /// Records a call of a tool.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_mcp_tool_call(&self, record: McpToolCallRecord<'_>) -> Result<i64> {
        self.record(&record)
    }

    /// Records a git command.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_git_operation(&self, record: GitOperationRecord<'_>) -> Result<i64> {
        self.record(&record)
    }

    /// Records a directive of the owner.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_owner_directive(&self, record: OwnerDirectiveRecord<'_>) -> Result<i64> {
        self.record(&record)
    }

    /// Records the tokens that a call of a model used.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_token_usage(&self, record: TokenUsageRecord<'_>) -> Result<i64> {
        self.record(&record)
    }

    /// Records an event of the watchdog.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record).
    pub fn record_watchdog_event(&self, record: WatchdogEventRecord<'_>) -> Result<i64> {
        self.record(&record)
    }
}

/// Information on the tables without a query.
impl Db {
    /// Returns every table with its row count and the times of its first and last row. It does not read
    /// the whole tables.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptRow`] if the first or last row of a table is corrupt, and [`Error::Storage`].
    pub fn summaries(&self) -> Result<Vec<TableSummary>> {
        let snapshot = self.store()?.snapshot()?;
        self.tables().iter().map(|table| summary(table, &snapshot)).collect()
    }
}

fn summary(table: &'static Table, snapshot: &store::Snapshot) -> Result<TableSummary> {
    let rows = snapshot.count(table)?;
    let first_and_last = match TimeReader::new(table) {
        None => None,
        Some(mut times) => snapshot.first_and_last(table, |id, json| {
            let time = times.read(json).map_err(|reason| {
                let table = table.name().to_owned();
                Error::CorruptRow { table, id, reason }
            });
            Ok(DateTime::from_timestamp_nanos(time?))
        })?,
    };
    Ok(TableSummary { table, rows, first_and_last })
}
