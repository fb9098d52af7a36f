//! Having a store's file for oneself.

use std::fs::{File, OpenOptions};
use std::ops::Bound;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

use crate::error::{Error, Result};

/// As long as it lives, nobody can open the file as a store.
#[derive(Debug)]
pub(super) struct ExclusiveLock {
    locked: FileBackend,
}

impl ExclusiveLock {
    /// Claims a file, whatever is in it; an error if anybody has it open as a store, this process too.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let file: File = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(Error::io("open", path))?;
        Self::of(file, path)
    }

    /// As [`take`](Self::take), but waits for others to close the file.
    pub(super) fn take_within(path: &Path, timeout: Duration) -> Result<Self> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            match Self::take(path) {
                Err(Error::InUse { .. })
                    if deadline.is_none_or(|deadline| Instant::now() + PAUSE < deadline) =>
                {
                    thread::sleep(PAUSE);
                }
                taken => return taken,
            }
        }
    }

    fn of(file: File, path: &Path) -> Result<Self> {
        match try_lock(file) {
            Ok(Some(claim)) => Ok(claim),
            Ok(None) => Err(Error::InUse { path: path.to_owned() }),
            Err(error) => Err(Error::Storage(Box::new(redb::Error::from(error)))),
        }
    }
}

/// How often a file that somebody has open is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// Locks the whole file as a program does that wants it for itself; `None` if somebody has it open as a
/// store. On file systems without locks nobody can tell, and the file counts as free.
pub(super) fn try_lock(file: File) -> Result<Option<ExclusiveLock>, DatabaseError> {
    let locked = FileBackend::new(file)?;
    match locked.try_lock_range(Bound::Unbounded, Bound::Unbounded) {
        Ok(true) | Err(BackendError::Unsupported) => Ok(Some(ExclusiveLock { locked })),
        Ok(false) => Ok(None),
        Err(error) => Err(DatabaseError::Storage(error.into())),
    }
}

impl Drop for ExclusiveLock {
    /// To close the file would not do: a process that another thread has just started may have a copy of
    /// it for a moment, and the lock with it.
    fn drop(&mut self) {
        let _ = self.locked.close();
    }
}
