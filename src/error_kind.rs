//! Groups of errors by what a caller can do about them.

#[cfg(feature = "sql")]
use arrow::error::ArrowError;
#[cfg(feature = "sql")]
use datafusion::error::DataFusionError;

use crate::error::Error;
use crate::names::names;

/// What a caller can do about an [`Error`]. A program that maps errors to exit codes, HTTP statuses or
/// retries can match on this instead of on each [`Error`]. [`name`](Self::name) is the same in every
/// release, so that programs in other languages can match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call cannot succeed. Correct the SQL, the value, the name or the row. Nothing was stored.
    InvalidInput,
    /// There is no store at the path. Use another path, or create a store.
    NotFound,
    /// The name of a file, table or view is taken, or a table has the rows already. Use another name, or
    /// the call that replaces the file, or leave out the rows. Nothing was stored.
    AlreadyExists,
    /// The store is in use. Nothing was stored. Retry later.
    Busy,
    /// The query took too long. Query less, or allow more time.
    Timeout,
    /// The query needs more memory, threads or space for temporary files than are available. Query
    /// less, allow more, or run fewer queries at a time.
    ResourceLimit,
    /// The file cannot be used like this: it is not a store, it has another version, or it is open
    /// read-only. Upgrade the store or the program, or open it for writing.
    Unsupported,
    /// Stored data is not what was written. Check the store, and restore a backup.
    Damaged,
    /// The rows may or may not be stored. Check before you record them again.
    Uncertain,
    /// The operating system or the disk failed. `source` has the cause. Nothing was stored.
    Io,
    /// A bug in this crate. Report it.
    Internal,
}

names! {
    /// The kind's name for programs, such as `invalid_input`.
    ErrorKind {
        InvalidInput = "invalid_input",
        NotFound = "not_found",
        AlreadyExists = "already_exists",
        Busy = "busy",
        Timeout = "timeout",
        ResourceLimit = "resource_limit",
        Unsupported = "unsupported",
        Damaged = "damaged",
        Uncertain = "uncertain",
        Io = "io",
        Internal = "internal",
    }
}

impl Error {
    /// The error's kind.
    ///
    /// ```
    /// use netsky_db::{Db, ErrorKind};
    ///
    /// let error = Db::open_read_only("/nowhere/meta.db").unwrap_err();
    /// let exit_code = match error.kind() {
    ///     ErrorKind::InvalidInput => 1,
    ///     ErrorKind::Busy => 75, // EX_TEMPFAIL: a caller may retry
    ///     _ => 3,
    /// };
    /// assert_eq!((error.kind(), exit_code), (ErrorKind::NotFound, 3));
    /// ```
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::HomeDirMissing | Self::StoreNotFound { .. } => ErrorKind::NotFound,
            Self::NotAStore { .. }
            | Self::UpgradeRequired { .. }
            | Self::FutureSchemaVersion { .. }
            | Self::ReadOnlyStore { .. }
            | Self::IsALake { .. } => ErrorKind::Unsupported,
            Self::Damaged { .. } | Self::CorruptRow { .. } => ErrorKind::Damaged,
            Self::Locked { .. } | Self::Busy { .. } | Self::InUse { .. } => ErrorKind::Busy,
            Self::StoreReplaced { .. } | Self::CommitUncertain(_) => ErrorKind::Uncertain,
            Self::FileExists { .. } | Self::TableExists { .. } | Self::DuplicateRows { .. } => {
                ErrorKind::AlreadyExists
            }
            Self::UnknownTable { .. }
            | Self::UnknownColumn { .. }
            | Self::UnknownFunction { .. }
            | Self::NoTimeColumn { .. }
            | Self::InvalidView { .. }
            | Self::Syntax { .. }
            | Self::UnsupportedSql { .. }
            | Self::ParameterCount { .. }
            | Self::ParameterName { .. }
            | Self::ReadOnlySql { .. }
            | Self::InvalidValue { .. }
            | Self::InvalidRow { .. }
            | Self::InvalidLine { .. }
            | Self::RejectedRow { .. }
            | Self::InvalidBatch { .. } => ErrorKind::InvalidInput,
            Self::Storage(_)
            | Self::TableSource(_)
            | Self::Io { .. }
            | Self::SourceUnreadable { .. } => ErrorKind::Io,
            Self::TimedOut { .. } => ErrorKind::Timeout,
            Self::MemoryLimit { .. } | Self::NoThread { .. } => ErrorKind::ResourceLimit,
            #[cfg(feature = "sql")]
            Self::InvalidParameter { .. } => ErrorKind::InvalidInput,
            #[cfg(feature = "sql")]
            Self::Query(error) => of_query(error),
            Self::QueryAborted { .. } => ErrorKind::Internal,
        }
    }
}

#[cfg(feature = "sql")]
/// I/O errors of a query come from temporary files only: DataFusion accesses no other files.
fn of_query(error: &DataFusionError) -> ErrorKind {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) | DataFusionError::IoError(_) => {
            ErrorKind::ResourceLimit
        }
        DataFusionError::ArrowError(error, _) if matches!(**error, ArrowError::IoError(..)) => {
            ErrorKind::ResourceLimit
        }
        DataFusionError::Internal(_) => ErrorKind::Internal,
        _ => ErrorKind::InvalidInput,
    }
}

#[cfg(all(test, feature = "sql"))]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn temporary_files_count_as_resources() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        for error in [
            DataFusionError::IoError(full()),
            DataFusionError::ArrowError(Box::new(ArrowError::IoError(String::new(), full())), None)
                .context("a sort"),
            DataFusionError::ResourcesExhausted(String::new()),
        ] {
            assert_eq!(Error::Query(Box::new(error)).kind(), ErrorKind::ResourceLimit);
        }
        let plan = DataFusionError::Plan("no such function".to_owned());
        assert_eq!(Error::from(plan).kind(), ErrorKind::InvalidInput);
    }
}
