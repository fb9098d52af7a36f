//! Why settings cannot be read or changed.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why hooks cannot be installed, removed or listed. Nothing was changed, except for
/// [`NotKept`](Self::NotKept).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HookError {
    /// No agent has this name.
    #[error("no agent named '{name}'")]
    UnknownAgent {
        /// The name.
        name: String,
    },
    /// The home directory of the user is not known.
    #[error("the home directory is unknown")]
    NoHome,
    /// The agent has no settings in projects.
    #[error("netsky cannot install hooks of Codex for one project")]
    NoProjectScope,
    /// The program cannot be named in settings.
    #[error("{} cannot be the command of a hook: {reason}", path.display())]
    InvalidProgram {
        /// The program.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A settings file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A settings file is not what its agent reads.
    #[error("{} is not valid: {reason}", path.display())]
    InvalidSettings {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A setting has a value that someone else gave it.
    #[error("{} has {key} = {found}, and netsky needs {wanted}", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// The setting.
        key: String,
        /// Its value, as JSON or TOML.
        found: String,
        /// The value that it would need.
        wanted: String,
    },
    /// The file changed after the change was planned.
    #[error("{} has changed meanwhile", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The file must not be written.
    #[error("{} is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file, its directory or its backup cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file was written, but has other contents now. Another program changed it at the same time.
    #[error("{} was written, but has other contents now", path.display())]
    NotKept {
        /// The file.
        path: PathBuf,
    },
}

impl HookError {
    /// What to do next, in one line. `None` if the message says it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownAgent { .. } => Some("the agents are claude-code and codex"),
            Self::NoHome => Some("set $HOME"),
            Self::NoProjectScope => Some("install them for all projects, without --project"),
            Self::InvalidProgram { .. } => {
                Some("install netsky under its own name, then try again")
            }
            Self::Unreadable { .. } => Some("nothing was changed; correct its permissions"),
            Self::InvalidSettings { .. } => Some("nothing was changed; correct the file first"),
            Self::Conflict { .. } => Some(
                "nothing was changed; remove the setting, or install without --telemetry or --mcp",
            ),
            Self::Changed { .. } => Some("nothing was changed; try again"),
            Self::ReadOnly { .. } => {
                Some("nothing was changed; change it where it comes from, or run chmod u+w on it")
            }
            Self::Unwritable { .. } => Some("the settings are as before"),
            Self::NotKept { .. } => Some("look at the file; its backup is beside it"),
        }
    }
}

impl HookError {
    pub(super) fn invalid(path: &std::path::Path, reason: impl Into<String>) -> Self {
        Self::InvalidSettings { path: path.to_owned(), reason: reason.into() }
    }
}
