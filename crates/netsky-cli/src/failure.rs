//! How a command fails: the exit code, and the parts of its message, which are printed as text or as JSON.

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use netsky_db::{Error, ErrorKind, Nearest, Position};
use netsky_formats::FormatError;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::caret::Excerpt;
use crate::output;

/// The exit code after Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// Kinds of failures that are no errors of the library. Other kinds are those of [`ErrorKind`].
const USAGE: &str = "usage";
const FOUND: &str = "found";

#[derive(Debug)]
pub struct Failure {
    code: u8,
    kind: &'static str,
    /// Empty if there is nothing to print as text.
    message: String,
    /// Boxed, because every result of the program is as large as its failure.
    details: Box<Details>,
}

#[derive(Debug, Default)]
struct Details {
    /// What to do next.
    hint: String,
    /// Names that resemble an unknown one.
    nearest: Vec<String>,
    /// The place in the SQL that the failure is about.
    position: Option<Position>,
    /// The line of SQL with that place.
    excerpt: Option<Excerpt>,
    /// What the command did or found, for JSON. As text it is already printed.
    report: Map<String, Value>,
}

impl Failure {
    fn new(code: u8, kind: &'static str, message: impl Into<String>) -> Self {
        Self { code, kind, message: message.into(), details: Box::default() }
    }

    /// A text of the program's own: the message, and on a second line, indented by two spaces, the hint.
    fn of_text(code: u8, kind: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        match text.split_once("\n  ") {
            Some((message, hint)) => Self::new(code, kind, message).with_hint(hint),
            None => Self::new(code, kind, text),
        }
    }

    /// The query or the input is invalid. A second line, indented by two spaces, is the hint.
    pub fn input(text: impl Into<String>) -> Self {
        Self::of_text(1, ErrorKind::InvalidInput.name(), text)
    }

    /// The command found what it was told to fail for.
    pub fn found(message: impl Into<String>) -> Self {
        Self::new(1, FOUND, message)
    }

    /// The command line is invalid. A second line, indented by two spaces, is the hint.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::of_text(2, USAGE, text)
    }

    /// The command line is invalid, with clap's message: paragraphs of the error, tips and the usage.
    pub fn of_usage(text: &str, nearest: Vec<String>) -> Self {
        let mut paragraphs = text.split("\n\n").map(|lines| {
            let words: Vec<&str> = lines.split_whitespace().collect();
            words.join(" ")
        });
        let message = paragraphs.next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(&message);
        let hints: Vec<String> = paragraphs.collect();
        let tip = hints.iter().find_map(|hint| hint.strip_prefix("tip: "));
        let usage = hints.iter().find(|hint| hint.starts_with("Usage: ")).map(String::as_str);
        let hint = tip.or(usage).unwrap_or("`netsky --help` lists the commands and exit codes");
        let mut failure = Self::new(2, USAGE, message).with_hint(hint);
        failure.details.nearest = nearest;
        failure
    }

    /// The store cannot be used. A second line, indented by two spaces, is the hint.
    pub fn store(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self::of_text(3, kind.name(), text)
    }

    /// Ctrl-C was pressed. As text, nothing is printed.
    pub fn interrupted() -> Self {
        Self::new(INTERRUPTED, "interrupted", "")
    }

    /// A named file cannot be read.
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        Self::new(1, kind.name(), format!("cannot read {}: {error}", path.display()))
    }

    /// A message that says what to do next after a semicolon, as those of lakes do.
    fn with_next_step(code: u8, kind: ErrorKind, text: &str) -> Self {
        match text.split_once("; ") {
            Some((message, hint)) => Self::new(code, kind.name(), message).with_hint(hint),
            None => Self::new(code, kind.name(), text),
        }
    }

    /// Adds what to do next, in one line.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.details.hint = hint.into();
        self
    }

    /// Adds the names that resemble the unknown one. The message already contains them.
    pub fn with_nearest(mut self, nearest: &Nearest) -> Self {
        self.details.nearest = resembling(nearest);
        self
    }

    /// Adds what the command did or found before it failed.
    pub fn with_report(mut self, report: &impl Serialize) -> Self {
        if let Ok(Value::Object(report)) = serde_json::to_value(report) {
            self.details.report = report;
        }
        self
    }

    /// The query failed. Shows the place in the SQL if it is known.
    pub fn of_query(error: Error, sql: &str) -> Self {
        let excerpt = error.position().and_then(|position| Excerpt::new(sql, position));
        let mut failure = Self::from(error);
        failure.details.excerpt = excerpt;
        failure
    }

    /// Whether the input is wrong, and not the store or the command line.
    pub fn is_of_input(&self) -> bool {
        self.code == 1 && !self.is_silent()
    }

    pub fn is_interrupt(&self) -> bool {
        self.code == INTERRUPTED
    }

    /// Whether there is nothing to print, because the reader of the output has closed it.
    pub fn is_silent(&self) -> bool {
        self.message.is_empty()
    }

    /// Prints the message on standard error, unless the reader of the output has closed it.
    pub fn report(self) -> ExitCode {
        if self.code == 0 {
            return ExitCode::SUCCESS;
        }
        if !self.message.is_empty() {
            output::warn(&self);
        }
        ExitCode::from(self.code)
    }

    /// Prints the failure as one JSON object on standard output, with the report of the command.
    pub fn report_json(self) -> ExitCode {
        if self.code == 0 {
            return ExitCode::SUCCESS;
        }
        let mut object = self.details.report.clone();
        object.insert("error".to_owned(), self.to_json());
        match output::json::print_json(&object) {
            Ok(()) => ExitCode::from(self.code),
            // Standard output is closed or full, so standard error has to do.
            Err(_) => self.report(),
        }
    }

    /// Prints the parts of the message as one line of JSON on standard error.
    pub fn report_json_as_warning(self) -> ExitCode {
        if self.code == 0 {
            return ExitCode::SUCCESS;
        }
        // Not escaped for a terminal: a program reads it. If nobody does, the exit code has to do.
        let _ = writeln!(io::stderr(), "{}", self.to_json());
        ExitCode::from(self.code)
    }

    /// The parts of the message, as in `error.json`.
    pub fn to_json(&self) -> Value {
        let message = if self.message.is_empty() { self.kind } else { self.message.as_str() };
        let hint = Some(self.details.hint.as_str()).filter(|hint| !hint.is_empty());
        let position = self.details.position;
        let position = position.map(|at| json!({"line": at.line, "column": at.column}));
        json!({
            "code": self.code,
            "kind": self.kind,
            "message": message,
            "hint": hint,
            "position": position,
            "nearest": self.details.nearest,
        })
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
        if let Some(position) = &mut self.details.position {
            position.line += first_line as u64 - 1;
        }
        let line = first_line + self.take_line().unwrap_or(1) - 1;
        self.about(format_args!("line {line}"))
    }

    /// The line of the failure in its statement, if it is not yet part of the message.
    fn take_line(&mut self) -> Option<usize> {
        self.details.excerpt.as_mut()?.line.take()
    }
}

impl fmt::Display for Failure {
    /// The message, then on further lines the place in the SQL and what to do next.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &self.details;
        if let Some(line) = details.excerpt.as_ref().and_then(|excerpt| excerpt.line) {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(excerpt) = &details.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        if !details.hint.is_empty() {
            write!(f, "\n  {}", details.hint)?;
        }
        Ok(())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Error::TableSource(_) = error {
            return Self::with_next_step(code(&error), error.kind(), &error.to_string());
        }
        let failure = Self::new(code(&error), error.kind().name(), error.to_string());
        let mut failure = failure.with_hint(error.hint().unwrap_or_else(|| next_step(&error)));
        failure.details.position = error.position();
        match &error {
            Error::UnknownTable { nearest, .. }
            | Error::UnknownColumn { nearest, .. }
            | Error::UnknownFunction { nearest, .. } => failure.with_nearest(nearest),
            _ => failure,
        }
    }
}

impl From<netsky_lake::Error> for Failure {
    fn from(error: netsky_lake::Error) -> Self {
        use netsky_lake::Error as E;
        let (code, kind) = match error {
            E::Store(error) => return error.into(),
            E::InvalidUrl { .. } | E::InvalidMachine { .. } => (1, ErrorKind::InvalidInput),
            E::NotFound { .. } => (3, ErrorKind::NotFound),
            E::Busy { .. } => (3, ErrorKind::Busy),
            E::NewerFormat { .. }
            | E::ForeignFile { .. }
            | E::OtherStore { .. }
            | E::OtherName { .. }
            | E::OlderCopy { .. }
            | E::OlderLake { .. }
            | E::Forgotten { .. } => (3, ErrorKind::Unsupported),
            _ => (3, ErrorKind::Io),
        };
        Self::with_next_step(code, kind, &error.to_string())
    }
}

#[cfg(feature = "cluster")]
impl From<netsky_cluster::Error> for Failure {
    fn from(error: netsky_cluster::Error) -> Self {
        match error {
            netsky_cluster::Error::Session(error) => error.into(),
            other => Self::usage(other.to_string()),
        }
    }
}

/// The names that a program can try instead. A message also lists all names if none is similar.
fn resembling(nearest: &Nearest) -> Vec<String> {
    match nearest {
        Nearest::Resembling(names) => names.clone(),
        _ => Vec::new(),
    }
}

const LINES: &str =
    "nothing of it was imported; fix the line, or skip invalid lines with --skip-invalid";

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
        Error::ParameterCount { .. } => {
            "pass one value per parameter: netsky q NAME VALUE..., or netsky query -p VALUE for $1 and \
             --param NAME=VALUE for $NAME"
        }
        Error::InvalidParameter { .. } => {
            "pass another value, or cast it in the query, as in $1::text"
        }
        Error::InvalidRow { reason, .. } if reason.starts_with("invalid JSON") => {
            "nothing was stored; pass one JSON object, for example written by `jq -c`"
        }
        Error::InvalidValue { .. } | Error::InvalidRow { .. } => {
            "nothing was stored; `netsky schema TABLE` lists the columns and their types"
        }
        Error::InvalidLine { .. } | Error::RejectedRow { .. } => LINES,
        Error::DuplicateRows { .. } => {
            "nothing of it was imported; --skip-existing imports only the others, --allow-duplicates all rows"
        }
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
        Error::UnknownFunction { .. } => "`netsky functions PATTERN` lists the functions by name",
        Error::Query(error) => match error.find_root() {
            DataFusionError::ArrowError(error, _) if matches!(**error, ArrowError::IoError(..)) => {
                SPILLING
            }
            DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => {
                "use WHERE, nullif or try_cast to leave out the values that cause the error"
            }
            DataFusionError::IoError(_) => SPILLING,
            _ => {
                "`netsky schema` lists the columns and their types, `netsky functions` the functions"
            }
        },
        Error::NoThread { .. } => {
            "run fewer programs at the same time, or raise the thread limit (`ulimit -u`)"
        }
        Error::QueryAborted { .. } => "this is a bug in netsky: report it with the query",
        _ => "",
    }
}

impl From<netsky_ingest::Error> for Failure {
    fn from(error: netsky_ingest::Error) -> Self {
        match error {
            netsky_ingest::Error::Store(error) => error.into(),
            netsky_ingest::Error::Io { path, source } => Self::unreadable(&path, &source),
            other => Self::input(other.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    /// An error while writing the output.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // The reader, such as `head`, has closed the pipe.
            io::ErrorKind::BrokenPipe => Self::new(0, "", ""),
            _ => Self::new(1, ErrorKind::Io.name(), format!("cannot write the output: {error}")),
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
            Error::IsALake { url: text() },
            Error::UnknownTable { name: text(), nearest: nearest(), position: None },
            Error::UnknownColumn { name: text(), nearest: nearest(), position: None },
            Error::UnknownFunction {
                name: text(),
                nearest: nearest(),
                hint: String::new(),
                position: None,
            },
            Error::NoTimeColumn { table: text() },
            Error::TableExists { name: text() },
            Error::InvalidView { view: text(), reason: text() },
            Error::Syntax { message: text(), position: None },
            Error::UnsupportedSql { message: text(), hint: text(), position: None },
            Error::ParameterCount { wanted: 2, given: 1 },
            Error::ParameterName { name: text() },
            Error::InvalidParameter {
                name: "1".to_owned(),
                value: text(),
                wanted: DataType::Int64,
            },
            Error::ReadOnlySql { statement: text() },
            Error::CorruptRow { table: text(), id: 1, reason: text() },
            Error::InvalidValue { table: text(), column: text(), reason: text() },
            Error::InvalidRow { table: text(), reason: text() },
            Error::InvalidLine { line: 1, reason: text() },
            Error::RejectedRow { location: location(), reason: text() },
            Error::DuplicateRows { table: text(), existing: 1, rows: 2 },
            Error::InvalidBatch { table: text(), reason: text() },
            Error::SourceUnreadable {
                location: location(),
                error: io::ErrorKind::BrokenPipe.into(),
            },
            Error::Storage("it".into()),
            Error::TableSource("a file is damaged; restore it".into()),
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
