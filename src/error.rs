//! The one error type of the crate.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "sql")]
use arrow::datatypes::DataType;
#[cfg(feature = "sql")]
use datafusion::error::DataFusionError;

use crate::nearest::Nearest;
use crate::row_location::RowLocation;

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, with what it concerns as fields.
///
/// Each variant's documentation says what the caller can do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No home directory is known, so the default store has no place. Set `HOME`, or name a path.
    #[error("home directory not found; set HOME, or give the path of the store")]
    HomeDirMissing,

    /// Nothing is stored at the path, and the call only reads. Nothing was created. Open the path
    /// for writing to make a store there.
    #[error("no store at {}", path.display())]
    StoreNotFound {
        /// Where a store was looked for.
        path: PathBuf,
    },

    /// The file at the path is not a store that this crate can open. It was left as it is. Name
    /// another path, or restore the file from a backup.
    #[error("{} is not a netsky store: {reason}", path.display())]
    NotAStore {
        /// The file that was refused.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },

    /// The store was written by netsky-db 0.1.6, in a file format that must be upgraded before it can be
    /// read, and the call only reads. It was left as it is. Open it for writing once, or run
    /// `netsky migrate`: both upgrade it and keep the old file beside it.
    #[error(
        "{} is a store of netsky-db 0.1.6, in an older file format; open it for writing or run \
         `netsky migrate` to upgrade it, which keeps a backup",
        path.display()
    )]
    UpgradeRequired {
        /// The store that was refused.
        path: PathBuf,
    },

    /// The store's file is not what was written to it: a checksum is wrong, or reading it made redb
    /// panic. [`Db::check`](crate::Db::check) and `netsky check` look at every page. Restore a backup; or,
    /// to rescue what can still be read, query the store with
    /// [`skip_corrupt`](crate::QueryOptions::skip_corrupt). If another program changed rows that were
    /// there, [`Db::repair`](crate::Db::repair) takes them as they are.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What was found.
        reason: String,
    },

    /// Another program holds the whole file for itself. Close it, then try again.
    #[error("{} is locked by another program: {reason}", path.display())]
    Locked {
        /// The file that is held.
        path: PathBuf,
        /// The store's own words.
        reason: String,
    },

    /// Somebody else was writing to the store for as long as the caller would wait. Nothing of the call
    /// was stored. Try again, or open with a longer
    /// [`busy_timeout`](crate::OpenOptions::busy_timeout); a process that is stopped while it writes
    /// must be continued or ended.
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
        /// Who was writing.
        holder: LockHolder,
    },

    /// The store's file was deleted, or another was put in its place, while the rows of the call were
    /// made durable. They may be in the file that is gone, in the one that is there now, or in none. Look
    /// whether they are stored before you record them again. The next call uses the file that is at the
    /// path then.
    #[error(
        "{} was deleted or replaced while rows were being recorded; check whether they are stored before \
         you record them again",
        path.display()
    )]
    StoreReplaced {
        /// The store.
        path: PathBuf,
    },

    /// Somebody has the file open, in this process or another, and the call needs it for itself.
    /// Close what uses it, then try again.
    #[error("{} is in use", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },

    /// A file stands where the call was to make one. It was left as it is. Name another path, or make
    /// the call that replaces it.
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

    /// A write was asked of a store that was opened read-only. Open it for writing instead.
    #[error("{} is open read-only; open it for writing to record", path.display())]
    ReadOnlyStore {
        /// The store.
        path: PathBuf,
    },

    /// No table has that name. Pick one of `nearest`, or list them with `SHOW TABLES`.
    #[error("no table named '{name}'{nearest}")]
    UnknownTable {
        /// The name that was asked for.
        name: String,
        /// The names that resemble it, or all there are.
        nearest: Nearest,
    },

    /// No column has that name. Pick one of `nearest`.
    #[error("no column named '{name}'{nearest}")]
    UnknownColumn {
        /// The name that was asked for.
        name: String,
        /// The names that resemble it, or all there are.
        nearest: Nearest,
    },

    /// The call goes by the rows' times, and the table has no time that every row must have. Name
    /// another table, or none.
    #[error("table '{table}' has no required time column")]
    NoTimeColumn {
        /// The table that was named.
        table: String,
    },

    /// A table of that name and other columns is known already. Give the table another name.
    #[error("a table named '{name}' already exists")]
    TableExists {
        /// The name that is taken.
        name: String,
    },

    /// A view cannot be used as it is declared. Correct its SQL or its columns.
    #[error("the view '{view}' is invalid: {reason}")]
    InvalidView {
        /// The view's name.
        view: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The SQL does not parse, or is too large. The message says where, or which bound it exceeds.
    #[error("cannot parse the SQL: {message}")]
    Syntax {
        /// What the parser expected, what it found, and the line and column.
        message: String,
    },

    /// The query takes another number of parameters than it was given. Give one for each of `$1`, `$2`
    /// and so on.
    #[error(
        "the query takes {wanted} parameter{}, but {given} {} given",
        if *wanted == 1 { "" } else { "s" },
        if *given == 1 { "was" } else { "were" }
    )]
    ParameterCount {
        /// The highest number that stands in the query.
        wanted: usize,
        /// How many there were.
        given: usize,
    },

    /// A parameter has a name that is no number. Parameters are `$1`, `$2` and so on.
    #[error("invalid parameter '{name}'; use $1, $2, ...")]
    ParameterName {
        /// The name as it stands in the query.
        name: String,
    },

    /// A parameter cannot be taken for a value of the type that its place in the query asks for. Give
    /// another, or cast it in the query, as in `$1::text`.
    #[cfg(feature = "sql")]
    #[error("parameter ${number}: '{value}' is not {}", described(.wanted))]
    InvalidParameter {
        /// Which one, counted from 1.
        number: usize,
        /// The value, as it prints.
        value: String,
        /// The type that its place asks for.
        wanted: DataType,
    },

    /// The statement is not a query. Only queries run: nothing in SQL can change a store or reach
    /// a file.
    #[error(
        "read-only: {statement} is not allowed; use SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, or SHOW of \
         tables, columns, functions or settings"
    )]
    ReadOnlySql {
        /// The kind of statement that was refused, such as `INSERT`.
        statement: String,
    },

    /// A stored row is not what its table says. The query that met it fails; no value of the row is
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

    /// A value cannot be stored as it is, so nothing of the call was stored. Mend the value.
    #[error("cannot store {table}.{column}: {reason}")]
    InvalidValue {
        /// The table that was written to.
        table: String,
        /// The column whose value was refused.
        column: String,
        /// What is wrong with the value.
        reason: String,
    },

    /// A row given as JSON does not fit its table, so it was not stored. Mend the row.
    #[error("invalid row for table '{table}': {reason}")]
    InvalidRow {
        /// The table it was meant for.
        table: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A line of an import does not fit its table, so nothing of the import was stored. Mend the
    /// line, or import the others with [`Db::import_valid`](crate::Db::import_valid).
    #[error("line {line}: {reason}")]
    InvalidLine {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },

    /// A row that was pushed into an [`Appender`](crate::Appender) does not fit its table, so it was not
    /// added. Correct the row and push it again, go on without it, or drop the appender.
    #[error("{location}: {reason}")]
    RejectedRow {
        /// Where the row stands in its source.
        location: RowLocation,
        /// What is wrong with it.
        reason: String,
    },

    /// The columns of an Arrow batch do not fit its table, so no row of it was added. Name the columns as
    /// the table does, and cast those of other types.
    #[error("the batch does not fit {table}: {reason}")]
    InvalidBatch {
        /// The table it was meant for.
        table: String,
        /// What is wrong with its columns.
        reason: String,
    },

    /// The source of an import could not be read, so nothing of the import was stored. `error` has the
    /// cause; import again when it is gone.
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

    /// The disk failed while the rows of the call were made durable, so all of them are stored or none,
    /// and which of the two cannot be told from here. Look whether they are there before you record them
    /// again, or they may be stored twice. The store can still be used: the next call reopens its file.
    #[error(
        "the store failed during a commit: {0}; check whether the rows are stored before you record them \
         again"
    )]
    CommitUncertain(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// A file or directory could not be used. `source` has the cause.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb: `create`, `read`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },

    /// The query took longer than [`QueryOptions::timeout`](crate::QueryOptions::timeout) allows, and was
    /// ended. Ask for less, as for a shorter time, or allow more.
    #[error("the query was cancelled after {} s", after.as_secs_f64())]
    TimedOut {
        /// How long it was allowed to take.
        after: Duration,
    },

    /// The query needed more memory than [`memory_limit`](crate::QueryOptions::memory_limit) allows,
    /// where it could not use temporary files instead. Ask for less, or allow more.
    #[error("the query exceeded its memory limit: {message}")]
    MemoryLimit {
        /// What asked for how much.
        message: String,
    },

    /// DataFusion could not plan or run the query. The message says why.
    #[cfg(feature = "sql")]
    #[error("{}", plain_message(.0))]
    Query(#[source] Box<DataFusionError>),

    /// The system refused a thread that the call needs. Run less at the same time, or raise the limit on
    /// the user's or the container's threads (`ulimit -u`, `pids.max`).
    #[error("cannot start a thread: {reason}")]
    NoThread {
        /// The operating system's error.
        reason: String,
    },

    /// The thread that ran a query ended without an answer. This is a fault of the program: report
    /// it with the query.
    #[error("the query ended without an answer: {reason}")]
    QueryAborted {
        /// What is known of the cause.
        reason: String,
    },
}

/// Who holds the lock that a call waited for in vain.
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
    /// Whether it says that a file is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// A function for `map_err` that adds to an I/O error what was tried, and on what.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
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

/// DataFusion's message without the layers it passed through on its way here.
#[cfg(feature = "sql")]
fn plain_message(error: &DataFusionError) -> String {
    error.find_root().strip_backtrace()
}
