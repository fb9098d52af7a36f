//! Errors of reading sources.

use std::io;
use std::path::PathBuf;

/// The result of reading sources.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a source could not be read, or what it told could not be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is neither a transcript of Claude Code nor one of Codex.
    #[error("{} is not a transcript of Claude Code or Codex: {reason}", path.display())]
    NotATranscript {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        reason: &'static str,
    },
    /// The store refused the rows.
    #[error(transparent)]
    Store(#[from] netsky_db::Error),
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
