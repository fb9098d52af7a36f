//! Errors on their way through DataFusion: one of this crate comes out as itself, and one of DataFusion or
//! Arrow becomes one of this crate.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

use crate::error::Error;
use crate::position::Position;

impl From<DataFusionError> for Error {
    /// An error of this crate that passed through DataFusion comes out as itself.
    fn from(error: DataFusionError) -> Self {
        let mut error = error;
        // The outermost note of a place; DataFusion's own `diagnostic` prefers it too.
        let mut noted = None;
        loop {
            error = match error {
                DataFusionError::External(inner) => match inner.downcast::<Error>() {
                    Ok(own) => return *own,
                    Err(foreign) => match foreign.downcast::<DataFusionError>() {
                        Ok(wrapped) => *wrapped,
                        Err(foreign) => {
                            return Self::Query(Box::new(DataFusionError::External(foreign)));
                        }
                    },
                },
                DataFusionError::Context(_, inner) => *inner,
                DataFusionError::Diagnostic(note, inner) => {
                    noted.get_or_insert(note);
                    *inner
                }
                DataFusionError::ArrowError(inner, trace) => match *inner {
                    ArrowError::ExternalError(inner) => DataFusionError::External(inner),
                    other => {
                        return Self::Query(Box::new(DataFusionError::ArrowError(
                            Box::new(other),
                            trace,
                        )));
                    }
                },
                DataFusionError::Shared(inner) => match std::sync::Arc::try_unwrap(inner) {
                    Ok(inner) => inner,
                    Err(shared) => return Self::from_shared(shared),
                },
                DataFusionError::SQL(error, _) => {
                    return Self::from_parser(&error);
                }
                DataFusionError::ResourcesExhausted(message) => {
                    return Self::MemoryLimit { message };
                }
                // The files of a lake.
                DataFusionError::ObjectStore(error) => return Self::TableSource(error),
                other => {
                    return Self::cause_of(&other).unwrap_or_else(|| {
                        Self::Query(Box::new(match noted {
                            Some(note) => DataFusionError::Diagnostic(note, Box::new(other)),
                            None => other,
                        }))
                    });
                }
            };
        }
    }
}

impl Error {
    /// An error of the SQL parser or its tokenizer. sqlparser puts the place at the end of the message.
    pub(crate) fn from_parser(error: &ParserError) -> Self {
        let message = match error {
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
            ParserError::RecursionLimitExceeded => "it is nested too deeply",
        };
        let (message, position) = Position::split_from(message);
        Self::Syntax { message: message.to_owned(), position }
    }

    /// An error that several partitions share cannot be moved out.
    fn from_shared(shared: std::sync::Arc<DataFusionError>) -> Self {
        if let Some(own) = Self::cause_of(&shared) {
            return own;
        }
        match shared.find_root() {
            DataFusionError::ResourcesExhausted(message) => {
                Self::MemoryLimit { message: message.clone() }
            }
            DataFusionError::ObjectStore(_) => Self::TableSource(Box::new(shared)),
            _ => Self::Query(Box::new(DataFusionError::Shared(shared))),
        }
    }

    /// Copies the error of this crate that is the cause of another, with what callers match on. Errors in those of Parquet
    /// cannot be moved out either.
    fn cause_of(error: &DataFusionError) -> Option<Self> {
        let error: &(dyn std::error::Error + 'static) = error;
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        let own = causes.find_map(|cause| cause.downcast_ref::<Self>())?;
        Some(match own {
            Self::CorruptRow { table, id, reason } => {
                Self::CorruptRow { table: table.clone(), id: *id, reason: reason.clone() }
            }
            Self::Damaged { path, reason } => {
                Self::Damaged { path: path.clone(), reason: reason.clone() }
            }
            Self::NoThread { reason } => Self::NoThread { reason: reason.clone() },
            Self::QueryAborted { reason } => Self::QueryAborted { reason: reason.clone() },
            Self::Storage(cause) => Self::Storage(cause.to_string().into()),
            Self::TableSource(cause) => Self::TableSource(cause.to_string().into()),
            _ => return None,
        })
    }
}

impl From<Error> for DataFusionError {
    /// Wraps the error so that it can pass through DataFusion and come out as itself.
    fn from(error: Error) -> Self {
        match error {
            Error::Query(inner) => *inner,
            other => Self::External(Box::new(other)),
        }
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        DataFusionError::from(error).into()
    }
}
