//! Failures, with the codes that PostgreSQL has for them.

use std::fmt::{self, Display};

use arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use netsky_db::{Error, ErrorKind, Position};

/// Why a request failed, as an ErrorResponse says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
    pub position: Option<Position>,
}

impl Failure {
    pub fn new(code: &'static str, message: impl Display) -> Self {
        Self { code, message: message.to_string(), hint: None, position: None }
    }

    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub fn without_position(self) -> Self {
        Self { position: None, ..self }
    }

    pub fn syntax(message: impl Display) -> Self {
        Self::new("42601", message)
    }

    pub fn unsupported(message: impl Display) -> Self {
        Self::new("0A000", message)
    }

    /// The request does not follow the protocol.
    pub fn protocol(message: impl Display) -> Self {
        Self::new("08P01", message)
    }

    pub fn out_of_range(ty: &str) -> Self {
        let code = if ty == "numeric" { "22003" } else { "22008" };
        Self::new(code, format!("{ty} out of range"))
    }

    pub fn too_large(message: impl Display) -> Self {
        Self::new("54000", message)
    }

    /// A value that a client sent is not one of its type.
    pub fn invalid_value(message: impl Display) -> Self {
        Self::new("22P02", message)
    }

    pub fn internal(message: impl Display) -> Self {
        Self::new("XX000", message)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// A function that fails, fails its query.
impl From<Failure> for DataFusionError {
    fn from(failure: Failure) -> Self {
        Self::External(Box::new(failure))
    }
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self::from(Error::from(DataFusionError::from(error)))
    }
}

/// As of a query, with its place.
impl From<ParserError> for Failure {
    fn from(error: ParserError) -> Self {
        Self::from(Error::from(DataFusionError::from(error)))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Error::Query(error) = &error
            && let DataFusionError::External(external) = error.find_root()
            && let Some(failure) = external.downcast_ref::<Self>()
        {
            return failure.clone();
        }
        Self {
            code: code(&error),
            hint: error.hint().or_else(|| next_step(&error)).map(str::to_owned),
            position: error.position(),
            message: error.to_string(),
        }
    }
}

/// What to do about an error that is not about the SQL.
fn next_step(error: &Error) -> Option<&'static str> {
    match error {
        Error::StoreNotFound { .. } => {
            Some("`netsky ingest`, `netsky record` and `netsky demo` create a store")
        }
        _ => None,
    }
}

fn code(error: &Error) -> &'static str {
    match error {
        Error::Syntax { .. } => "42601",
        Error::UnknownTable { .. } => "42P01",
        Error::UnknownColumn { .. } => "42703",
        Error::UnknownFunction { .. } => "42883",
        Error::UnsupportedSql { .. } => "0A000",
        Error::ReadOnlySql { .. } => "25006",
        Error::ParameterCount { .. } => "08P01",
        Error::ParameterName { .. } => "42P02",
        Error::InvalidParameter { .. } => "22P02",
        Error::TimedOut { .. } => "57014",
        Error::MemoryLimit { .. } => "53200",
        Error::NoThread { .. } => "53000",
        Error::Query(error) => code_of_query(error),
        other => match other.kind() {
            ErrorKind::NotFound => "58P01",
            ErrorKind::Busy => "55006",
            ErrorKind::Damaged => "XX001",
            ErrorKind::Unsupported => "55000",
            ErrorKind::Io => "58030",
            ErrorKind::ResourceLimit => "53000",
            ErrorKind::InvalidInput => "22023",
            _ => "XX000",
        },
    }
}

fn code_of_query(error: &DataFusionError) -> &'static str {
    let root = error.find_root();
    match root {
        DataFusionError::ResourcesExhausted(_) => "53200",
        DataFusionError::IoError(_) => "53100",
        DataFusionError::NotImplemented(_) => "0A000",
        DataFusionError::SQL(..) => "42601",
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::AmbiguousReference { .. } => "42702",
            _ => "42703",
        },
        DataFusionError::ArrowError(error, _) => match error.as_ref() {
            ArrowError::DivideByZero => "22012",
            ArrowError::ArithmeticOverflow(_) => "22003",
            ArrowError::CastError(message) if message.starts_with("Can't cast value") => "22003",
            ArrowError::CastError(_) | ArrowError::ParseError(_) => "22P02",
            ArrowError::IoError(..) => "53100",
            _ => "22000",
        },
        DataFusionError::Plan(message) if message.contains("must be in GROUP BY") => "42803",
        DataFusionError::Plan(_) => "42804",
        DataFusionError::Internal(_) => "XX000",
        _ => "22000",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_codes_of_postgresql() {
        let query = |error: DataFusionError| code(&Error::from(error));
        assert_eq!(query(ArrowError::DivideByZero.into()), "22012");
        let read_only = Error::ReadOnlySql { statement: "INSERT".to_owned() };
        assert_eq!(Failure::from(read_only).code, "25006");
        let timeout = Error::TimedOut { after: std::time::Duration::from_secs(1) };
        assert_eq!(Failure::from(timeout).code, "57014");
    }
}
