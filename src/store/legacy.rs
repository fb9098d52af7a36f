//! SQLite files of netsky before redb: moved aside, never overwritten.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::store::file::{SQLITE_MAGIC, first_bytes};
use crate::store::kept;

fn is_sqlite(path: &Path) -> Result<bool> {
    let magic = first_bytes(path, SQLITE_MAGIC.len() as u64)?;
    Ok(magic.is_some_and(|magic| magic == SQLITE_MAGIC))
}

/// Refuses a SQLite file, for those who only read.
pub(super) fn refuse_sqlite(path: &Path) -> Result<()> {
    if is_sqlite(path)? {
        return Err(Error::NotAStore {
            path: path.to_owned(),
            reason:
                "it is a SQLite file of an older netsky; opened for writing, it is moved aside \
                     and a new store is made"
                    .to_owned(),
        });
    }
    Ok(())
}

/// Moves a SQLite file at the path to `<name>.sqlite-v1-<timestamp>.bak` beside it, with the
/// journal files that belong to it, and returns where it went.
pub(super) fn archive_sqlite(path: &Path) -> Result<Option<PathBuf>> {
    if !is_sqlite(path)? {
        return Ok(None);
    }
    let file = File::open(path).map_err(Error::io("open", path))?;
    // Two processes may be here at once. The second gets the lock once the first has moved the file
    // away, and must not move the store that stands in its place by then.
    file.lock().map_err(Error::io("lock", path))?;
    if !is_sqlite(path)? {
        return Ok(None);
    }
    let archive = kept::free_name(path, "sqlite-v1");
    for suffix in ["-wal", "-shm"] {
        let from = with_suffix(path, suffix);
        match fs::rename(&from, with_suffix(&archive, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("archive", from)(error));
            }
            _ => {}
        }
    }
    fs::rename(path, &archive).map_err(Error::io("archive", path))?;
    Ok(Some(archive))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
