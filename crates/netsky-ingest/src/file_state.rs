//! How far a file has been read.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// How far a file has been read, and how to recognize it. It is stored in the transaction that stores the rows
/// read so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FileState {
    /// The size in bytes when it was last read.
    pub size: u64,
    /// The time of its last change, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// A hash of its first bytes. Another hash means another file.
    pub head: u64,
    /// Where reading goes on: the start of the first line that belongs to something unfinished.
    pub offset: u64,
    /// A hash of the bytes before the offset.
    pub tail: u64,
    /// The number of lines before the offset.
    pub lines: u64,
    /// What the reader of its kind of file must know to go on at the offset.
    #[serde(default)]
    pub context: serde_json::Value,
    /// The number of lines that were left out, by reason.
    #[serde(default)]
    pub skipped: Skipped,
}

/// The number of lines that were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Skipped {
    /// Lines that are no JSON.
    pub not_json: u64,
    /// Lines that are JSON, but no object.
    pub not_object: u64,
    /// Lines of more than 64 MiB.
    pub too_long: u64,
}

impl Skipped {
    /// The number of all lines that were left out.
    pub fn total(&self) -> u64 {
        self.not_json.saturating_add(self.not_object).saturating_add(self.too_long)
    }

    /// Adds other lines.
    pub fn add(&mut self, other: Self) {
        self.not_json = self.not_json.saturating_add(other.not_json);
        self.not_object = self.not_object.saturating_add(other.not_object);
        self.too_long = self.too_long.saturating_add(other.too_long);
    }
}

impl FileState {
    /// The name of a file's state.
    pub fn name(path: &Path) -> String {
        // Bytes that are no UTF-8 are written so that two paths have two names.
        format!("file:{}", path.as_os_str().as_encoded_bytes().escape_ascii())
    }
}
