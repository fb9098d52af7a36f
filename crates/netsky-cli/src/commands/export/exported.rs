//! What an export has written.

use std::fmt;
use std::path::Path;

use indicatif::HumanBytes;
use serde::Serialize;

use crate::output::counted;

/// The files of a table. Its text is the line that the command prints.
#[derive(Debug, Serialize)]
pub struct Exported {
    pub table: String,
    /// The file, or the directory of the files by day.
    pub path: String,
    pub rows: u64,
    pub files: u64,
    pub bytes: u64,
    /// The files of days without rows that were removed.
    pub removed_files: u64,
    #[serde(skip)]
    pub is_by_day: bool,
}

impl Exported {
    /// One file.
    pub fn file(table: &str, path: &Path, rows: u64, bytes: u64) -> Self {
        let (table, path) = (table.to_owned(), path.display().to_string());
        Self { table, path, rows, files: 1, bytes, removed_files: 0, is_by_day: false }
    }
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} to ", self.table, counted(self.rows, "row"))?;
        if self.is_by_day {
            write!(f, "{} in ", counted(self.files, "file"))?;
        }
        write!(f, "{}, {}", self.path, HumanBytes(self.bytes))?;
        match self.removed_files {
            0 => Ok(()),
            files => write!(f, "; removed {} of days without rows", counted(files, "file")),
        }
    }
}
