//! Finds out the kind of a file from its first bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{Error, Result};
use crate::store::creation;
use crate::store::file::{REDB_MAGIC, SQLITE_MAGIC};

/// The offsets of a redb file's two commit slots. The first byte of a slot is its format.
const SLOTS: [usize; 2] = [64, 192];
pub(super) const HEADER_BYTES: u64 = 320;
/// The format of redb 2, which redb 4 does not read.
const OLD_FORMAT: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// No store was ever created in the file: it is empty, or redb was interrupted while it created
    /// the database.
    Uninitialized,
    Sqlite,
    /// A redb file with a commit in the format of netsky-db 0.1.6.
    OldRedb,
    /// A store, or something that redb refuses.
    Other,
}

impl FileKind {
    /// Returns the kind of the file at the path; `None` if there is no file.
    pub(super) fn at(path: &Path) -> Result<Option<Self>> {
        match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => {
                let file = opened.map_err(Error::io("open", path))?;
                Self::of(&file).map(Some).map_err(Error::io("read", path))
            }
        }
    }

    pub(super) fn of(mut file: &File) -> io::Result<Self> {
        let mut header = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(HEADER_BYTES).read_to_end(&mut header)?;
        let is_old = |slot: &usize| header.get(*slot) == Some(&OLD_FORMAT);
        Ok(match header.starts_with(REDB_MAGIC) {
            true if SLOTS.iter().any(is_old) => Self::OldRedb,
            true => Self::Other,
            false if header.starts_with(SQLITE_MAGIC) => Self::Sqlite,
            false if header.is_empty() || creation::is_unfinished(file)? => Self::Uninitialized,
            false => Self::Other,
        })
    }
}
