//! The crate's error type.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "sql")]
use arrow::datatypes::DataType;
#[cfg(feature = "sql")]
use datafusion::error::DataFusionError;

#[cfg(feature = "sql")]
use crate::datafusion_message;
use crate::nearest::Nearest;
use crate::position::Position;
use crate::row_location::RowLocation;

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, with the details as fields.
///
/// Each variant's documentation says what the caller can do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The home directory is unknown, so the default store has no path. Set `HOME`, or give a path.
    #[error("home directory not found; set HOME, or give the path of the store")]
    HomeDirMissing,

    /// There is no store at the path, and the call only reads. Nothing was created. Open the path for
    /// writing to create a store there.
    #[error("no store at {}", path.display())]
    StoreNotFound {
        /// The path where a store was expected.
        path: PathBuf,
    },

    /// The file at the path is not a store that this crate can open. It was left unchanged. Use another
    /// path, or restore the file from a backup.
    #[error("{} is not a netsky store: {reason}", path.display())]
    NotAStore {
        /// The refused file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },

    /// The store was written by netsky-db 0.1.6, in a file format that must be upgraded before it can
    /// be read, and the call only reads. The store was left unchanged. Open it for writing once, or run
    /// `netsky migrate`: both upgrade it and keep the old file beside it.
    #[error(
        "{} is a store of netsky-db 0.1.6, in an older file format; open it for writing or run \
         `netsky migrate` to upgrade it, which keeps a backup",
        path.display()
    )]
    UpgradeRequired {
        /// The refused store.
        path: PathBuf,
    },

    /// The store's file is not what was written to it: a checksum is wrong, or redb panicked while
    /// reading it. [`Db::check`](crate::Db::check) and `netsky check` verify every page. Restore a
    /// backup, or query the store with [`skip_corrupt`](crate::QueryOptions::skip_corrupt) to rescue
    /// what can still be read. If another program changed existing rows,
    /// [`Db::repair`](crate::Db::repair) accepts them as they are.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What was found.
        reason: String,
    },

    /// Another program has locked the whole file. Close that program, then try again.
    #[error("{} is locked by another program: {reason}", path.display())]
    Locked {
        /// The locked file.
        path: PathBuf,
        /// The message of the storage layer.
        reason: String,
    },

    /// Another writer used the store for as long as the call would wait. Nothing of the call was
    /// stored. Try again, or open with a longer [`busy_timeout`](crate::OpenOptions::busy_timeout). If
    /// a process was suspended while it was writing, resume or end it.
    #[error(
        "{} is busy: {holder} has been writing for {} s; nothing was stored",
        path.display(),
        waited.as_secs_f64()
    )]
    Busy {
        /// The store.
        path: PathBuf,
        /// How long the call waited.
        waited: Duration,
        /// The other writer.
        holder: LockHolder,
    },

    /// The store's file was deleted or replaced while the rows of the call were made durable. The rows
    /// may be in the deleted file, in the current one, or in none. Check whether they are stored before
    /// you record them again. The next call uses the file that is then at the path.
    #[error(
        "{} was deleted or replaced while rows were being recorded; check whether they are stored before \
         you record them again",
        path.display()
    )]
    StoreReplaced {
        /// The store.
        path: PathBuf,
    },

    /// The file is open, in this process or another, and the call needs exclusive access. Close
    /// everything that uses it, then try again.
    #[error("{} is in use", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },

    /// There is already a file where the call was to create one. It was left unchanged. Use another
    /// path, or the call that replaces the file.
    #[error("{} already exists", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },

    /// The store was written by a newer version of this crate. Use that version, or a later one.
    #[error(
        "{} has schema version {found}, but this version supports at most {supported}; use a newer \
         netsky",
        path.display()
    )]
    FutureSchemaVersion {
        /// The store that was refused.
        path: PathBuf,
        /// The version found in the store.
        found: i64,
        /// The newest version that this crate reads and writes.
        supported: i64,
    },

    /// The call writes, and the store was opened read-only. Open it for writing instead.
    #[error("{} is open read-only; open it for writing to record", path.display())]
    ReadOnlyStore {
        /// The store.
        path: PathBuf,
    },

    /// The call needs a store, and its handle is on a lake, which can only be queried. Use the handle of a
    /// store.
    #[error("{url} is a lake, which can only be queried; use a store")]
    IsALake {
        /// The lake.
        url: String,
    },

    /// There is no table with the name. Use one of `nearest`, or list the tables with `SHOW TABLES`.
    #[error("no table named '{name}'{nearest}")]
    UnknownTable {
        /// The unknown name.
        name: String,
        /// Similar names, or all names.
        nearest: Nearest,
        /// The place of the name in the SQL, if it is in SQL.
        position: Option<Position>,
    },

    /// There is no column with the name. Use one of `nearest`.
    #[error("no column named '{name}'{nearest}")]
    UnknownColumn {
        /// The unknown name.
        name: String,
        /// Similar names, or all names.
        nearest: Nearest,
        /// The place of the name in the SQL, if it is in SQL.
        position: Option<Position>,
    },

    /// There is no function with the name. Use one of `nearest` or the form in `hint`, or list the functions
    /// with `functions()`.
    #[error("no function named '{name}'{}", resembling(nearest))]
    UnknownFunction {
        /// The unknown name.
        name: String,
        /// Similar names, or all names.
        nearest: Nearest,
        /// What to write instead of a function of another database. Empty if that is not known.
        hint: String,
        /// The place of the name in the SQL.
        position: Option<Position>,
    },

    /// The call uses the times of rows, and the table has no required time column. Use another table,
    /// or none.
    #[error("table '{table}' has no required time column")]
    NoTimeColumn {
        /// The named table.
        table: String,
    },

    /// There is already a table or view with the name. Choose another name.
    #[error("a table or view named '{name}' already exists")]
    TableExists {
        /// The name.
        name: String,
    },

    /// The view cannot be used as declared. Correct its SQL or its columns.
    #[error("the view '{view}' is invalid: {reason}")]
    InvalidView {
        /// The view's name.
        view: String,
        /// What is wrong.
        reason: String,
    },

    /// The SQL does not parse, or is too large. Correct it at `position`, or shorten it.
    #[error("cannot parse the SQL: {message}")]
    Syntax {
        /// What the parser expected and what it found, or which limit the SQL exceeds.
        message: String,
        /// The place of what the parser found.
        position: Option<Position>,
    },

    /// The SQL parses, but has a construct that queries do not support. Use the form in `hint`.
    #[error("{message}")]
    UnsupportedSql {
        /// What is not supported, in words of SQL.
        message: String,
        /// A form that works.
        hint: String,
        /// The place of the construct.
        position: Option<Position>,
    },

    /// The query has a different number of parameters than were given. Pass one for each of
    /// `PreparedQuery::parameter_names`.
    #[error(
        "the query takes {wanted} parameter{}, but {given} {} given",
        if *wanted == 1 { "" } else { "s" },
        if *given == 1 { "was" } else { "were" }
    )]
    ParameterCount {
        /// The highest number in the query, plus the number of names.
        wanted: usize,
        /// The number of given parameters.
        given: usize,
    },

    /// The name of a parameter is invalid. Parameters are `$1` to `$65535`, or a `$` and a name, as in
    /// `$since`.
    #[error("invalid parameter '{name}'; use $1, $2, ... or a name, as in $since")]
    ParameterName {
        /// The name in the query.
        name: String,
    },

    /// A parameter cannot be cast to the type that the query requires. Pass another value, or cast it
    /// in the query, as in `$1::text`.
    #[cfg(feature = "sql")]
    #[error("parameter ${name}: '{value}' is not {}", described(.wanted))]
    InvalidParameter {
        /// The name of the parameter without its `$`: a number counted from 1, or a name.
        name: String,
        /// The value, formatted.
        value: String,
        /// The required type.
        wanted: DataType,
    },

    /// The statement is not a query. Only queries run: SQL cannot change a store or access files.
    #[error(
        "read-only: {statement} is not allowed; use SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, or SHOW of \
         tables, columns, functions or settings"
    )]
    ReadOnlySql {
        /// The kind of the refused statement, such as `INSERT`.
        statement: String,
    },

    /// A stored row does not fit its table. The query that read it fails; no value of the row is
    /// guessed.
    #[error("corrupt row {id} in {table}: {reason}")]
    CorruptRow {
        /// The table of the row.
        table: String,
        /// The row's id.
        id: i64,
        /// What is wrong, and where in the row's JSON.
        reason: String,
    },

    /// A value cannot be stored, so nothing of the call was stored. Correct the value.
    #[error("cannot store {table}.{column}: {reason}")]
    InvalidValue {
        /// The table.
        table: String,
        /// The column of the value.
        column: String,
        /// What is wrong with the value.
        reason: String,
    },

    /// A row given as JSON does not fit its table, so it was not stored. Correct the row.
    #[error("invalid row for table '{table}': {reason}")]
    InvalidRow {
        /// The table.
        table: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A line of an import does not fit its table, so nothing of the import was stored. Correct the
    /// line, or skip invalid lines with [`Db::import_valid`](crate::Db::import_valid).
    #[error("line {line}: {reason}")]
    InvalidLine {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },

    /// A row that was pushed into an [`Appender`](crate::Appender) does not fit its table, so it was
    /// not added. Correct the row and push it again, continue without it, or drop the appender.
    #[error("{location}: {reason}")]
    RejectedRow {
        /// The row's location in its source.
        location: RowLocation,
        /// What is wrong with it.
        reason: String,
    },

    /// Rows to be stored are in the table already, with the same time and values, so nothing of the call
    /// was stored. Leave them out with [`Duplicates::Skip`](crate::Duplicates), or store them again with
    /// `Duplicates::Allow`.
    #[error("{existing} of {rows} rows are in {table} already, with the same time and values")]
    DuplicateRows {
        /// The table.
        table: String,
        /// The number of rows that the table has already.
        existing: u64,
        /// The number of rows to be stored, including these.
        rows: u64,
    },

    /// The columns of an Arrow batch do not fit its table, so no row of it was added. Rename the
    /// columns as in the table, and cast those of other types.
    #[error("the batch does not fit {table}: {reason}")]
    InvalidBatch {
        /// The table.
        table: String,
        /// What is wrong with its columns.
        reason: String,
    },

    /// The source of an import could not be read, so nothing of the import was stored. `error` has the
    /// cause. Fix the cause, then import again.
    #[error("{location}: cannot be read: {error}")]
    SourceUnreadable {
        /// The row that could not be read.
        location: RowLocation,
        /// The cause.
        #[source]
        error: io::Error,
    },

    /// The store's file could not be read or written. `source` has the cause.
    #[error("the store failed: {0}")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// What the tables are read from, such as a lake, could not be read or is damaged. `source` has the cause, and says
    /// what to do.
    #[error("{0}")]
    TableSource(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// The disk failed while the rows of the call were made durable. Either all of them are stored or
    /// none, and it is unknown which. Check whether they are stored before you record them again, or
    /// they may be stored twice. The store is still usable: the next call reopens its file.
    #[error(
        "the store failed during a commit: {0}; check whether the rows are stored before you record them \
         again"
    )]
    CommitUncertain(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// A file or directory could not be used. `source` has the cause.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The attempted action, as a verb: `create`, `read`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },

    /// The query took longer than [`QueryOptions::timeout`](crate::QueryOptions::timeout) allows, and
    /// was cancelled. Query less, for example a shorter time range, or allow more time.
    #[error("the query was cancelled after {} s", after.as_secs_f64())]
    TimedOut {
        /// The allowed time.
        after: Duration,
    },

    /// The query needed more memory than [`memory_limit`](crate::QueryOptions::memory_limit) allows,
    /// and could not use temporary files instead. Query less, or allow more memory.
    #[error("the query exceeded its memory limit: {message}")]
    MemoryLimit {
        /// What needed memory, and how much.
        message: String,
    },

    /// DataFusion could not plan or run the query. The message says why.
    #[cfg(feature = "sql")]
    #[error("{}", datafusion_message::message(.0))]
    Query(#[source] Box<DataFusionError>),

    /// The system refused a thread that the call needs. Run fewer threads at the same time, or raise
    /// the thread limit of the user or the container (`ulimit -u`, `pids.max`).
    #[error("cannot start a thread: {reason}")]
    NoThread {
        /// The operating system's error.
        reason: String,
    },

    /// The thread that ran a query ended without an answer. This is a bug in this crate: report it with
    /// the query.
    #[error("the query ended without an answer: {reason}")]
    QueryAborted {
        /// What is known about the cause.
        reason: String,
    },
}

/// Who held the lock that a call waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockHolder {
    /// Another call of this process, on another thread.
    ThisProcess,
    /// Another process.
    OtherProcess,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ThisProcess => "another call of this process",
            Self::OtherProcess => "another process",
        })
    }
}

impl Error {
    /// The place in the SQL that the error is about, if it is known.
    ///
    /// ```
    /// use netsky_db::Position;
    ///
    /// # fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
    /// let error = db.query("SELECT id,\n       sorce FROM ticks").unwrap_err();
    /// assert_eq!(error.to_string(), "no column named 'sorce'; did you mean 'source'?");
    /// assert_eq!(error.position(), Some(Position::new(2, 8)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Syntax { position, .. }
            | Self::UnsupportedSql { position, .. }
            | Self::UnknownTable { position, .. }
            | Self::UnknownFunction { position, .. }
            | Self::UnknownColumn { position, .. } => *position,
            #[cfg(feature = "sql")]
            Self::Query(error) => position_of(error),
            _ => None,
        }
    }

    /// A form that works in place of what the error refuses, if the error is about SQL and there is one.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::UnsupportedSql { hint, .. } => Some(hint),
            Self::UnknownFunction { hint, .. } => {
                Some(hint.as_str()).filter(|hint| !hint.is_empty())
            }
            Self::UnknownTable { name, .. } => foreign_table_hint(name),
            #[cfg(feature = "sql")]
            Self::Query(error) => datafusion_message::hint(error),
            _ => None,
        }
    }

    /// Whether the error says that a file does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Returns a function for `map_err` that adds the attempted action and the path to an I/O error.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// Similar names. There are too many functions to name all.
fn resembling(nearest: &Nearest) -> String {
    match nearest {
        Nearest::Resembling(_) => nearest.to_string(),
        Nearest::All(_) => String::new(),
    }
}

#[cfg(feature = "sql")]
fn described(ty: &DataType) -> String {
    match ty {
        DataType::Timestamp(..) => "a time such as 2026-04-15 or 2026-04-15T23:00:00Z".to_owned(),
        DataType::Date32 | DataType::Date64 => "a date such as 2026-04-15".to_owned(),
        DataType::Interval(_) => "an interval such as 7 days".to_owned(),
        DataType::Boolean => "true or false".to_owned(),
        ty if ty.is_integer() => "an integer".to_owned(),
        ty if ty.is_numeric() => "a number".to_owned(),
        ty => format!("a value of type {ty}"),
    }
}

/// The place that DataFusion's planner noted.
#[cfg(feature = "sql")]
pub(crate) fn position_of(error: &DataFusionError) -> Option<Position> {
    let start = error.diagnostic()?.span?.start;
    Some(Position::new(start.line, start.column))
}

/// What to do instead of reading a table that other systems have.
fn foreign_table_hint(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    Some(match name.as_str() {
        "sqlite_master" | "sqlite_schema" | "sqlite_temp_master" | "duckdb_tables"
        | "duckdb_views" | "pg_tables" | "pg_class" => {
            "SHOW TABLES lists the tables; information_schema.tables has them as rows"
        }
        "pragma_table_info" | "duckdb_columns" | "pg_attribute" => {
            "DESCRIBE ticks lists the columns of a table; information_schema.columns has all"
        }
        "duckdb_functions" | "pg_proc" => "`netsky functions` lists the functions",
        "dual" => "leave out the FROM clause",
        _ if name.starts_with("read_")
            || [".csv", ".parquet", ".json", ".ndjson", ".arrow"]
                .iter()
                .any(|suffix| name.ends_with(suffix)) =>
        {
            "SQL reads no files; `netsky import` stores the rows of a file in a table"
        }
        _ => return None,
    })
}
