//! How a command fails: its message and exit code.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use netsky_db::{Error, ErrorKind, Nearest};
use netsky_formats::FormatError;

use crate::caret::Excerpt;
use crate::output;

/// The exit code after Ctrl-C.
pub const INTERRUPTED: u8 = 130;

#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
    /// The place in the SQL that the failure is about.
    excerpt: Option<Excerpt>,
    /// What to do next, if the message does not already say it.
    hint: Cow<'static, str>,
}

impl Failure {
    fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), excerpt: None, hint: Cow::Borrowed("") }
    }

    /// The query or the input is invalid.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(1, message)
    }

    /// The command line is invalid.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(2, message)
    }

    /// The store cannot be used.
    pub fn store(message: impl Into<String>) -> Self {
        Self::new(3, message)
    }

    /// Ctrl-C was pressed. Nothing is printed.
    pub fn interrupted() -> Self {
        Self::new(INTERRUPTED, "")
    }

    /// A named file cannot be read.
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::input(format!("cannot read {}: {error}", path.display()))
    }

    /// The query failed. Shows the place in the SQL if it is known.
    pub fn of_query(error: Error, sql: &str) -> Self {
        let excerpt = error.position().and_then(|position| Excerpt::new(sql, position));
        Self { excerpt, ..Self::from(error) }
    }

    pub fn is_interrupt(&self) -> bool {
        self.code == INTERRUPTED
    }

    /// Whether there is nothing to print, because the reader of the output has closed it.
    pub fn is_silent(&self) -> bool {
        self.message.is_empty()
    }

    /// Prints the message, unless the reader of the output has closed it.
    pub fn report(self) -> ExitCode {
        if self.code == 0 {
            return ExitCode::SUCCESS;
        }
        if !self.message.is_empty() {
            output::warn(&self);
        }
        ExitCode::from(self.code)
    }

    /// Puts the subject before the message.
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        if let Some(line) = self.take_line() {
            self.message = format!("line {line}: {}", self.message);
        }
        Self { message: format!("{subject}: {}", self.message), ..self }
    }

    /// Puts the line of the failure before the message, counted in the file that contains the statement.
    pub fn in_statement_at(mut self, first_line: usize) -> Self {
        let line = first_line + self.take_line().unwrap_or(1) - 1;
        self.about(format_args!("line {line}"))
    }

    /// The line of the failure in its statement, if it is not yet part of the message.
    fn take_line(&mut self) -> Option<usize> {
        self.excerpt.as_mut()?.line.take()
    }
}

impl fmt::Display for Failure {
    /// The message, then on further lines the place in the SQL and what to do next.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.excerpt.as_ref().and_then(|excerpt| excerpt.line) {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        if !self.hint.is_empty() {
            write!(f, "\n  {}", self.hint)?;
        }
        Ok(())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = match error.hint() {
            Some(hint) => Cow::Owned(hint.to_owned()),
            None => Cow::Borrowed(next_step(&error)),
        };
        Self { hint, ..Self::new(code(&error), error.to_string()) }
    }
}

const LINES: &str = "nothing was imported; fix the line, or skip invalid lines with --skip-invalid";

const SPILLING: &str =
    "queries with a memory limit use temporary files: check $TMPDIR, its disk and `ulimit -n`";

fn code(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Timeout => 124,
        ErrorKind::NotFound
        | ErrorKind::Busy
        | ErrorKind::Unsupported
        | ErrorKind::Damaged
        | ErrorKind::Uncertain
        | ErrorKind::Io => 3,
        _ => 1,
    }
}

/// What to do next. Empty if the message says it.
fn next_step(error: &Error) -> &'static str {
    match error {
        Error::StoreNotFound { .. } => {
            "record, import and demo create a store; --db PATH selects another"
        }
        Error::NotAStore { .. } => {
            "select another file with --db, or replace it with a backup: netsky restore FILE --force"
        }
        Error::Locked { .. } => "close that program, then try again",
        Error::TimedOut { .. } => {
            "query less, for example a shorter time range, or allow more time with --timeout"
        }
        Error::MemoryLimit { .. } => "query less, or allow more memory with --memory-limit",
        Error::Busy { .. } => "try again, or wait longer with --busy-timeout",
        Error::CorruptRow { .. } => "nothing was changed; --skip-corrupt skips such rows",
        Error::Damaged { .. } => {
            "`netsky check` verifies every page; to replace it with a backup: netsky restore FILE --force"
        }
        Error::InUse { .. } => "close the programs that have it open, then try again",
        Error::FileExists { .. } => "name another file, or replace it with --force",
        Error::UnknownColumn { nearest, .. } if nearest.names().is_empty() => {
            "the query has no table; add a FROM clause"
        }
        Error::UnknownColumn { nearest: Nearest::All(_), .. } => {
            "write a string in single quotes, as in source = 'cron'"
        }
        Error::NoTimeColumn { .. } => "name another table, or none",
        Error::TableExists { .. } => "choose another name",
        Error::InvalidView { .. } => "correct its SQL, or the columns that it declares",
        Error::Syntax { .. } => {
            "the dialect is described at https://datafusion.apache.org/user-guide/sql/"
        }
        Error::ParameterCount { .. } => "pass one value per parameter: netsky q NAME VALUE...",
        Error::InvalidParameter { .. } => {
            "pass another value, or cast it in the query, as in $1::text"
        }
        Error::InvalidValue { .. } | Error::InvalidRow { .. } => {
            "nothing was stored; `netsky schema TABLE` lists the columns and their types"
        }
        Error::InvalidLine { .. } | Error::RejectedRow { .. } => LINES,
        Error::InvalidBatch { .. } => {
            "nothing was stored; `netsky schema TABLE` describes what each column accepts"
        }
        Error::SourceUnreadable { .. } => "nothing was stored; import it again when it can be read",
        Error::Storage(_) | Error::Io { .. } => {
            "`netsky doctor` checks paths, permissions and the disk"
        }
        Error::Query(error) if error.to_string().contains("Error parsing timestamp") => {
            "write a time as '2026-04-15' or '2026-04-15T23:00:00Z', or as now() - INTERVAL '7 days'"
        }
        // DataFusion's message already contains a suggestion.
        Error::Query(error) if error.to_string().contains("Did you mean") => "",
        Error::Query(error) => match error.find_root() {
            DataFusionError::ArrowError(error, _) if matches!(**error, ArrowError::IoError(..)) => {
                SPILLING
            }
            DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => {
                "use WHERE, nullif or try_cast to leave out the values that cause the error"
            }
            DataFusionError::IoError(_) => SPILLING,
            _ => "`netsky schema` lists the columns and their types, SHOW FUNCTIONS the functions",
        },
        Error::NoThread { .. } => {
            "run fewer programs at the same time, or raise the thread limit (`ulimit -u`)"
        }
        Error::QueryAborted { .. } => "this is a bug in netsky: report it with the query",
        _ => "",
    }
}

impl From<io::Error> for Failure {
    /// An error while writing the output.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // The reader, such as `head`, has closed the pipe.
            io::ErrorKind::BrokenPipe => Self::new(0, ""),
            _ => Self::new(1, format!("cannot write the output: {error}")),
        }
    }
}

impl From<FormatError> for Failure {
    /// An answer that cannot be written.
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Query(error) => error.into(),
            FormatError::Io(error) => error.into(),
            FormatError::Arrow(error) => error.into(),
            other => Self::input(other.to_string()),
        }
    }
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => error.into(),
            other => Self::from(Error::from(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use arrow::datatypes::DataType;
    use netsky_db::{LockHolder, RowLocation, RowUnit};

    use super::*;

    /// One error of each variant.
    fn errors() -> Vec<Error> {
        let path = || PathBuf::from("meta.db");
        let text = || "it".to_owned();
        let nearest = || Nearest::Resembling(vec!["ticks".to_owned()]);
        let time = Duration::from_secs(1);
        let location = || RowLocation::new(Some("a.ndjson".to_owned()), RowUnit::Line, 7);
        vec![
            Error::HomeDirMissing,
            Error::StoreNotFound { path: path() },
            Error::NotAStore { path: path(), reason: text() },
            Error::UpgradeRequired { path: path() },
            Error::Damaged { path: path(), reason: text() },
            Error::Locked { path: path(), reason: text() },
            Error::Busy { path: path(), waited: time, holder: LockHolder::OtherProcess },
            Error::StoreReplaced { path: path() },
            Error::InUse { path: path() },
            Error::FileExists { path: path() },
            Error::FutureSchemaVersion { path: path(), found: 9, supported: 2 },
            Error::ReadOnlyStore { path: path() },
            Error::UnknownTable { name: text(), nearest: nearest(), position: None },
            Error::UnknownColumn { name: text(), nearest: nearest(), position: None },
            Error::NoTimeColumn { table: text() },
            Error::TableExists { name: text() },
            Error::InvalidView { view: text(), reason: text() },
            Error::Syntax { message: text(), position: None },
            Error::UnsupportedSql { message: text(), hint: text(), position: None },
            Error::ParameterCount { wanted: 2, given: 1 },
            Error::ParameterName { name: text() },
            Error::InvalidParameter { number: 1, value: text(), wanted: DataType::Int64 },
            Error::ReadOnlySql { statement: text() },
            Error::CorruptRow { table: text(), id: 1, reason: text() },
            Error::InvalidValue { table: text(), column: text(), reason: text() },
            Error::InvalidRow { table: text(), reason: text() },
            Error::InvalidLine { line: 1, reason: text() },
            Error::RejectedRow { location: location(), reason: text() },
            Error::InvalidBatch { table: text(), reason: text() },
            Error::SourceUnreadable {
                location: location(),
                error: io::ErrorKind::BrokenPipe.into(),
            },
            Error::Storage("it".into()),
            Error::CommitUncertain("it".into()),
            Error::Io { action: "read", path: path(), source: io::ErrorKind::NotFound.into() },
            Error::TimedOut { after: time },
            Error::MemoryLimit { message: text() },
            Error::Query(Box::new(DataFusionError::Plan(text()))),
            Error::NoThread { reason: text() },
            Error::QueryAborted { reason: text() },
        ]
    }

    #[test]
    fn a_full_disk_suggests_checking_tmpdir() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let in_arrow = ArrowError::IoError(full.to_string(), full);
        for error in [
            DataFusionError::ArrowError(Box::new(in_arrow), None),
            DataFusionError::IoError(io::ErrorKind::StorageFull.into()),
        ] {
            let message = Failure::from(Error::Query(Box::new(error))).to_string();
            assert!(message.contains("$TMPDIR"), "{message}");
        }
    }

    #[test]
    fn every_error_names_a_next_step() {
        let mut kinds: Vec<String> = Vec::new();
        for error in errors() {
            let kind = format!("{error:?}");
            let kind = kind.split(|char: char| !char.is_alphanumeric()).next().unwrap();
            kinds.push(kind.to_owned());
            let message = Failure::from(error).to_string();
            // Some messages contain the next step themselves, after a semicolon.
            assert!(message.contains("\n  ") || message.contains("; "), "{message}");
            assert!(
                message.lines().count() <= 2 && message.lines().all(|line| line.len() < 200),
                "{message}"
            );
        }
        let source = include_str!("../../../src/error.rs");
        let body = source.split("pub enum Error {").nth(1).unwrap().split("\n}").next().unwrap();
        let declared = body.lines().filter_map(|line| {
            let name = line.strip_prefix("    ")?;
            let end = name.find(|char: char| !char.is_alphanumeric())?;
            name.starts_with(|first: char| first.is_ascii_uppercase())
                .then(|| name[..end].to_owned())
        });
        assert_eq!(kinds, declared.collect::<Vec<_>>());
    }
}
