//! Where a price comes from.

use std::fmt;
use std::path::PathBuf;

/// The source of a price. `Display` gives it in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The data of genai-prices in the program.
    Data,
    /// A newer file of that data, which the user stored.
    DataFile {
        /// The file.
        path: PathBuf,
    },
    /// The supplement to that data in the program.
    Supplement,
    /// The user's file.
    User {
        /// The file.
        path: PathBuf,
        /// The line of the model's entry, from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data => f.write_str("built in, from genai-prices"),
            Self::DataFile { path } => write!(f, "{}", path.display()),
            Self::Supplement => f.write_str("built in, from netsky's supplement"),
            Self::User { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}
