//! How far a file has been read.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// How far a file has been read, and how to recognize it. It is stored in the transaction that stores the rows
/// read so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FileState {
    /// The size in bytes when it was last read.
    pub size: u64,
    /// The time of its last change, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Its first bytes. Others mean that it is another file.
    pub head: Fingerprint,
    /// Where reading goes on: the start of the first line that belongs to something unfinished.
    pub offset: u64,
    /// The number of lines before the offset.
    pub lines: u64,
    /// The bytes before the offset.
    pub tail: Fingerprint,
    /// The end of the last line that was read. What is between the offset and this has been counted already.
    pub seen: u64,
    /// When to read what is unfinished again, even if the file has not changed, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_ms: Option<i64>,
    /// What the reader of its kind of file must know to go on at the offset.
    #[serde(default)]
    pub context: serde_json::Value,
}

/// The number and a hash of some bytes of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The number of bytes.
    pub length: u64,
    /// Their hash.
    pub hash: u64,
}

impl FileState {
    const PREFIX: &str = "file:";

    /// The name of a file's state.
    pub fn name(path: &Path) -> String {
        // Bytes that are no UTF-8 are escaped, so that two paths have two names.
        let path = path.as_os_str().as_encoded_bytes();
        match std::str::from_utf8(path) {
            Ok(path) => format!("{}{path}", Self::PREFIX),
            Err(_) => format!("{}//{}", Self::PREFIX, path.escape_ascii()),
        }
    }

    /// Whether a file with this metadata has nothing new at this time.
    pub(crate) fn is_current(&self, size: u64, modified_ns: i64, now_ms: i64) -> bool {
        self.size == size
            && self.modified_ns == modified_ns
            && self.due_ms.is_none_or(|due| now_ms < due)
    }
}

/// Returns a time in nanoseconds since 1970.
pub(crate) fn unix_ns(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}
