//! Whether an operation of Git succeeded.

use std::fmt;

/// Whether a command of Git succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitStatus {
    /// The line succeeded and could not without this command, or Git printed what it does when it succeeds.
    Ok,
    /// The line failed and had no other command.
    Failed,
    /// The line's result does not tell.
    Unknown,
}

impl GitStatus {
    /// The text in the table: `ok`, `failed` or `unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for GitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
