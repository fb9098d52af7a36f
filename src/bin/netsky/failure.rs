//! How a command fails: what it says, and the exit code.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use netsky_db::Error;

#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The query or the input is wrong.
    pub fn input(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// Something is wrong with the store.
    pub fn store(message: impl Into<String>) -> Self {
        Self { code: 3, message: message.into() }
    }

    /// A file that was named cannot be read.
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::input(format!("cannot read {}: {error}", path.display()))
    }

    /// Says what went wrong. Nothing, if that is only that nobody reads our output any more.
    pub fn report(self) -> ExitCode {
        if self.code == 0 {
            return ExitCode::SUCCESS;
        }
        eprintln!("netsky: {}", self.message);
        ExitCode::from(self.code)
    }

    /// Puts what it is about before the message.
    pub fn about(self, subject: impl std::fmt::Display) -> Self {
        Self { message: format!("{subject}: {}", self.message), ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut message = error.to_string();
        let code = match &error {
            Error::StoreNotFound { .. } => {
                message += "\n  record, import and demo make one; --db PATH names another";
                3
            }
            Error::TimedOut { .. } => 124,
            Error::MemoryLimit { .. } => {
                message += "\n  ask for less, or allow more with --memory-limit";
                1
            }
            Error::Busy { .. } => {
                message += "\n  try again, or wait longer with --busy-timeout";
                3
            }
            Error::CorruptRow { .. } => {
                message += "\n  nothing was changed; --skip-corrupt leaves such rows out";
                3
            }
            Error::Damaged { .. } => {
                message += "\n  nothing was changed; an older backup can take its place: netsky restore FILE --force";
                3
            }
            Error::InUse { .. } => {
                message += "\n  end the programs that have it open, then try again";
                3
            }
            Error::FileExists { .. } => {
                message += "\n  name another file, or replace it with --force";
                1
            }
            Error::NotAStore { .. }
            | Error::UpgradeRequired { .. }
            | Error::Locked { .. }
            | Error::FutureSchemaVersion { .. }
            | Error::ReadOnlyStore { .. }
            | Error::HomeDirMissing
            | Error::CommitUncertain(_)
            | Error::Storage(_)
            | Error::Io { .. } => 3,
            _ => 1,
        };
        Self { code, message }
    }
}

impl From<io::Error> for Failure {
    /// Of writing the output.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Whoever read the output, such as `head`, has seen enough.
            io::ErrorKind::BrokenPipe => Self { code: 0, message: String::new() },
            _ => Self { code: 1, message: format!("cannot write the output: {error}") },
        }
    }
}

impl From<arrow::error::ArrowError> for Failure {
    fn from(error: arrow::error::ArrowError) -> Self {
        match error {
            arrow::error::ArrowError::IoError(_, error) => error.into(),
            other => Self::from(Error::from(other)),
        }
    }
}
