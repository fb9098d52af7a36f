//! Why an answer cannot be written.

use std::error::Error as _;
use std::io;

use arrow::error::ArrowError;
use parquet::errors::ParquetError;

/// The result of writing an answer.
pub type Result<T, E = FormatError> = std::result::Result<T, E>;

/// Why an answer cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The query failed while its rows were read.
    #[error(transparent)]
    Query(#[from] netsky_db::Error),
    /// The output cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A temporary file cannot be used.
    #[error("cannot use a temporary file: {0}")]
    TempFile(#[source] io::Error),
    /// Arrow cannot convert a value.
    #[error("{0}")]
    Arrow(ArrowError),
    /// Parquet has no form for a value.
    #[error("cannot write Parquet: {0}")]
    Parquet(String),
    /// One row has more text than a column of Arrow or Parquet can hold, which is 2,047 MiB.
    #[error(
        "a row has {mebibytes} MiB of text, but this format allows 2,047; write NDJSON or CSV instead"
    )]
    RowTooLong {
        /// The text of the row in MiB.
        mebibytes: usize,
    },
}

impl From<ArrowError> for FormatError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::Io(error),
            other => Self::Arrow(other),
        }
    }
}

impl From<ParquetError> for FormatError {
    /// Parquet's own conversion to an I/O error loses its kind, which tells a closed pipe from a full disk.
    fn from(error: ParquetError) -> Self {
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(error) = inner.downcast_ref::<io::Error>() {
                return Self::Io(io::Error::new(error.kind(), error.to_string()));
            }
            cause = inner.source();
        }
        Self::Parquet(error.to_string())
    }
}
