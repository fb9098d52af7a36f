//! `Db`: the store and SQL over it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "sql")]
use arrow::array::RecordBatch;
#[cfg(feature = "sql")]
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
#[cfg(feature = "sql")]
use datafusion::catalog::TableProvider;
#[cfg(feature = "sql")]
use datafusion::prelude::SessionContext;

use crate::clock;
use crate::error::{Error, Result};
use crate::options::OpenOptions;
#[cfg(feature = "sql")]
use crate::query::{self, QueryRuntime, QueryStream, SessionFactory};
use crate::row::{EncodedRow, RowParser, RowSpool, TimeReader};
use crate::schema::{
    CliInvocationRecord, CloneDispatchRecord, CommunicationEventRecord, CrashRecord,
    GitOperationRecord, HarvestEventRecord, McpToolCallRecord, MessageRecord, OwnerDirectiveRecord,
    SessionEvent, SessionRecord, TABLES, TickRecord, TokenUsageRecord, WatchdogEventRecord,
    WorkspaceRecord,
};
use crate::store::{self, Store};
#[cfg(feature = "sql")]
use crate::table::Value;
use crate::table::{Record, Table};
use crate::views::VIEWS;

/// An open store, to record into and, with the feature `sql`, to query.
///
/// It is cheap to clone, and clones can be used from many threads. Any number of processes can have
/// the same store open and record and query at the same time.
#[derive(Debug, Clone)]
pub struct Db {
    store: Store,
    tables: Arc<[&'static Table]>,
    options: OpenOptions,
    #[cfg(feature = "sql")]
    sessions: Arc<SessionFactory>,
    #[cfg(feature = "sql")]
    runtime: Arc<QueryRuntime>,
}

/// A table, and what of it can be told without reading it through.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TableSummary {
    /// The table.
    pub table: &'static Table,
    /// How many rows it has.
    pub rows: u64,
    /// The times of the rows with the lowest and the highest id. `None` if there are no rows, or the
    /// table has no time column.
    pub first_and_last: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Opening.
impl Db {
    /// Where the default store is: `~/.netsky/meta.db`.
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

    /// Opens the store at `path` for recording and querying. If there is none it is made, with the
    /// directories that lead to it, readable by its owner alone.
    ///
    /// A SQLite file of an older netsky at the path is moved aside first;
    /// [`archived`](Self::archived) tells where to. A store of netsky-db 0.1.6 is upgraded to the
    /// file format of today, and the old file is kept beside it; [`backup`](Self::backup) tells where.
    /// netsky-db 0.1.6 cannot use the store from then on.
    ///
    /// # Errors
    ///
    /// [`Error::NotAStore`], [`Error::Locked`] and [`Error::FutureSchemaVersion`], which leave the
    /// file as it is; [`Error::Busy`]; [`Error::Io`] and [`Error::Storage`]. An upgrade that fails leaves
    /// the file as it is, too.
    pub fn open_path(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().open(path)
    }

    /// Opens the store at `path` for querying. Nothing is made or changed, so there must be one.
    ///
    /// # Errors
    ///
    /// [`Error::StoreNotFound`], [`Error::UpgradeRequired`], and those of
    /// [`open_path`](Self::open_path).
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().open_read_only(path)
    }

    fn new(store: Store, tables: Vec<&'static Table>, options: &OpenOptions) -> Self {
        Self {
            #[cfg(feature = "sql")]
            sessions: Arc::new(SessionFactory::new(store.clone(), tables.clone(), options.clone())),
            #[cfg(feature = "sql")]
            runtime: Arc::default(),
            store,
            tables: tables.into(),
            options: options.clone(),
        }
    }

    /// The same store with more tables than the catalogue's: they can be queried and imported, and
    /// are made if the store is open for writing. See [`tables!`](crate::tables).
    ///
    /// # Errors
    ///
    /// [`Error::TableExists`] if a table or view of the name is known, and [`Error::Storage`].
    pub fn with_tables(&self, tables: &[&'static Table]) -> Result<Self> {
        let mut all = self.tables().to_vec();
        for &table in tables {
            let is_view = VIEWS.iter().any(|view| view.name() == table.name());
            if is_view || all.iter().any(|known| known.name() == table.name()) {
                return Err(Error::TableExists { name: table.name().to_owned() });
            }
            all.push(table);
        }
        if !self.store().is_read_only() {
            self.store().create_tables(tables)?;
        }
        Ok(Self {
            #[cfg(feature = "sql")]
            runtime: Arc::clone(&self.runtime),
            ..Self::new(self.store.clone(), all, &self.options)
        })
    }

    /// Brings the store to the newest schema: makes the tables that it lacks and sets its version.
    /// Opening for writing does this already, and before it upgrades the file's format.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnlyStore`], [`Error::FutureSchemaVersion`], and [`Error::Storage`].
    pub fn migrate(&self) -> Result<()> {
        self.store().create_tables(self.tables())
    }

    /// Whether the file at the path begins as a database does: a store, of whatever version
    /// and in whatever state, or another program's file of redb or SQLite. For programs that write
    /// files where their users say, which is never to be in place of a store.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read.
    pub fn is_database(path: impl AsRef<Path>) -> Result<bool> {
        store::is_database(path.as_ref())
    }

    /// The schema version found in the store.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn schema_version(&self) -> Result<i64> {
        self.store().schema_version()
    }

    /// The store's file.
    pub fn path(&self) -> &Path {
        self.store().path()
    }

    /// Whether no other process can open the store while this one has it open. So it is only where
    /// the file system or the platform has no locks on parts of a file, as some network file systems;
    /// others wait for their turn as long as their
    /// [`busy_timeout`](crate::OpenOptions::busy_timeout).
    ///
    /// # Errors
    ///
    /// Those of [`open_path`](Self::open_path), if the file must be opened anew after an error of the
    /// disk.
    pub fn is_exclusive(&self) -> Result<bool> {
        self.store().is_exclusive()
    }

    /// Where the SQLite file went that was found at the path when the store was opened.
    pub fn archived(&self) -> Option<&Path> {
        self.store().archived()
    }

    /// Where the file of netsky-db 0.1.6 is kept that was upgraded when the store was opened.
    pub fn upgraded_from(&self) -> Option<&Path> {
        self.store().upgraded_from()
    }

    /// The tables that can be queried.
    pub fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    /// The known table of that name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`].
    pub fn find_table(&self, name: &str) -> Result<&'static Table> {
        Table::find(name, self.tables())
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
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
        store::own_private_dir(&path)?;
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
        let db = Db::new(store, TABLES.to_vec(), self);
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
        Ok(Db::new(store, TABLES.to_vec(), self))
    }
}

/// Recording. Every call returns once its rows are durable: they outlive a crash of the process and
/// of the machine. Ids count from 1 within a table, without gaps.
impl Db {
    /// Records one row and returns its id.
    ///
    /// Texts longer than their column's limit are cut; times are kept to the millisecond.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidValue`] if a time lies outside 1677-09-21 to 2262-04-11;
    /// [`Error::ReadOnlyStore`]; [`Error::Busy`]; [`Error::Damaged`] and [`Error::Storage`]. After these
    /// nothing is stored. [`Error::CommitUncertain`] and [`Error::StoreReplaced`] leave it open whether
    /// the row is.
    pub fn record<R: Record>(&self, record: &R) -> Result<i64> {
        let mut row = EncodedRow::default();
        row.encode(R::TABLE, record.values()).map_err(|error| error.into_error(R::TABLE))?;
        self.store().append(R::TABLE, move |rows| rows.push(&row))
    }

    /// Records many rows, all or none, and returns their ids. Much faster than one by one: a
    /// transaction costs as much as hundreds of rows.
    ///
    /// The records are encoded before the first transaction begins, so a slow iterator keeps nobody
    /// waiting; beyond some megabytes they wait in a temporary file. More than 50,000 rows or 8 MiB are
    /// stored in many short transactions, between which others can record. Readers see all of the
    /// rows from one of these on, and none before.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record), and [`Error::Io`] of the temporary file.
    pub fn record_all<R: Record>(
        &self,
        records: impl IntoIterator<Item = R>,
    ) -> Result<Range<i64>> {
        self.store().append_rows(R::TABLE, RowSpool::of(records)?)
    }

    /// Records one row of the named table, given as a JSON object, and returns its id.
    ///
    /// The time column may be left out; it is then now. An `id` in the object is ignored.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`]; [`Error::InvalidRow`] if the object is no row of the table;
    /// [`Error::ReadOnlyStore`]; [`Error::Storage`].
    pub fn record_json(&self, table: &str, json: &str) -> Result<i64> {
        let table = self.find_table(table)?;
        let mut encoded = EncodedRow::default();
        let mut input = RowParser::new(table, Some(clock::now()));
        input
            .encode(json.as_bytes(), &mut encoded)
            .map_err(|reason| Error::InvalidRow { table: table.name().to_owned(), reason })?;
        self.store().append(table, move |rows| rows.push(&encoded))
    }
}

/// One call a table, as netsky-db 0.1.6 has them. Each records one row as [`record`](Self::record)
/// does, with the same errors, and returns its id.
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

/// Querying. A query sees one snapshot of the store: what was committed when it began, in all of
/// its tables. SQL only reads: it can change nothing and reach no file.
///
/// Rows lie in blocks of 1,024 ids, and each block has a checksum. A query that reads a whole block
/// compares it, and fails with [`Error::Damaged`] if bytes of the rows have changed in the file, or if rows
/// are missing. It does not compare it if it reads only part of the block: rows by their ids, up to a
/// limit, or the smallest and the largest id. With
/// [`skip_corrupt`](crate::OpenOptions::skip_corrupt) no checksum is compared.
///
/// Each query runs on threads of its own. A statement has at most 16 MiB, 20,000 operators and
/// operands in one expression (lists are longer: commas do not count), and 2,000 queries, tables and
/// joins together; a larger one fails with [`Error::Syntax`].
#[cfg(feature = "sql")]
impl Db {
    /// Runs a query and returns the answer as an ASCII table.
    ///
    /// Call it from anywhere: plain code, or inside an async runtime, whose thread it blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`], [`Error::ReadOnlySql`], [`Error::UnknownTable`] and
    /// [`Error::UnknownColumn`] if the SQL is at fault; [`Error::CorruptRow`] if the query meets one;
    /// [`Error::Damaged`] if rows are not what was recorded; [`Error::Query`], [`Error::QueryAborted`] and [`Error::Storage`].
    pub fn query(&self, sql: &str) -> Result<String> {
        let (schema, batches) = self.collect(sql)?;
        query::format_table(&schema, &batches)
    }

    /// Runs a query and returns the answer as Arrow batches, all in memory. Times are timestamps;
    /// [`times_as_text`](crate::times_as_text) turns them into text.
    ///
    /// # Errors
    ///
    /// Those of [`query`](Self::query).
    pub fn query_batches(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        Ok(self.collect(sql)?.1)
    }

    fn collect(&self, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        query::collect(Arc::clone(&self.sessions), &self.runtime, sql.to_owned())
    }

    /// Starts a query and returns the answer as a stream of Arrow batches, in bounded memory. It
    /// works on any executor.
    ///
    /// # Errors
    ///
    /// Those of [`query`](Self::query) that planning finds; the stream gives the others.
    pub async fn query_stream(&self, sql: &str) -> Result<QueryStream> {
        self.query_stream_with(sql, &[]).await
    }

    /// Starts a query with parameters: `$1` in it stands for the first, `$2` for the second, and so on.
    ///
    /// A parameter is a value, and never read as SQL. It is taken for the type of what it is compared
    /// with, so that a text will do for a time or a number, in the form that SQL has it.
    ///
    /// ```
    /// # use chrono::Utc;
    /// use futures::executor::block_on_stream;
    /// use netsky_db::Value;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
    /// # db.record_tick(Utc::now(), "it's cron", "{}")?;
    /// let sql = "SELECT id FROM ticks WHERE source = $1 AND ts_utc >= $2";
    /// let parameters = [Value::Text("it's cron".into()), Value::Text("2026-04-15".into())];
    /// let answer = db.query_stream_with(sql, &parameters).await?;
    /// let rows: usize = block_on_stream(answer).map(|batch| batch.unwrap().num_rows()).sum();
    /// assert_eq!(rows, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ParameterCount`], [`Error::InvalidParameter`] and [`Error::ParameterName`] if the parameters do not
    /// fit the query; and those of [`query_stream`](Self::query_stream).
    pub async fn query_stream_with(
        &self,
        sql: &str,
        parameters: &[Value<'_>],
    ) -> Result<QueryStream> {
        let parameters = parameters.iter().map(query::scalar).collect();
        query::start(Arc::clone(&self.sessions), &self.runtime, sql.to_owned(), parameters).await
    }

    /// A DataFusion session that has every table and view registered, for analysis of your own. Unlike
    /// [`query`](Self::query) it is not limited to reading, and each scan in it sees what is
    /// committed when it is planned.
    ///
    /// It is DataFusion's own session: queries run on the caller's threads, without a timeout, and
    /// nothing bounds the size of a statement. Some thousand operators in a row overflow a stack of
    /// 2 MiB, which ends the process, so do not hand it SQL of others.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] if DataFusion does not take a table.
    pub fn session(&self) -> Result<SessionContext> {
        self.sessions.latest()
    }

    /// The provider of a table, to register in a session of your own. Each scan sees what is
    /// committed when it is planned.
    ///
    /// Your session plans queries by its own rules. Those of [`session`](Self::session) avoid faults of
    /// DataFusion that change answers; without them, a table answers as one in memory does. A scan
    /// evaluates conditions itself, and reads no further than a limit needs if rows are sorted by the id
    /// or the time. But `min` and `max` of these read all rows, as does a limited sort above a union or
    /// above computed columns, and a join does not look up the keys of its other side.
    ///
    /// ```
    /// # use datafusion::prelude::SessionContext;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
    /// let ctx = SessionContext::new();
    /// ctx.register_table("messages", db.table("messages")?)?;
    /// let rows = ctx.sql("SELECT * FROM messages").await?.count().await?;
    /// assert_eq!(rows, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`].
    pub fn table(&self, name: &str) -> Result<Arc<dyn TableProvider>> {
        let table = self.find_table(name)?;
        Ok(Arc::new(self.sessions.latest_of(table).for_any_session()))
    }
}

/// What can be told of tables without SQL.
impl Db {
    /// Every table with its row count and the times of its first and last row, without reading the
    /// tables through.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptRow`] if a first or last row is, and [`Error::Storage`].
    pub fn summaries(&self) -> Result<Vec<TableSummary>> {
        let snapshot = self.store().snapshot()?;
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
