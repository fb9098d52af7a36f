//! An exclusive lock on a store's file.

use std::fs::{File, OpenOptions};
use std::ops::Bound;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

use crate::error::{Error, Result};

/// While it lives, no process can open the file as a store.
#[derive(Debug)]
pub(super) struct ExclusiveLock {
    locked: FileBackend,
}

impl ExclusiveLock {
    /// Locks a file, whatever its content. Fails if any process, this one included, has it open as
    /// a store.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let file: File = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(Error::io("open", path))?;
        Self::of(file, path)
    }

    /// Like [`take`](Self::take), but waits up to `timeout` for other processes to close the file.
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
            Ok(Some(lock)) => Ok(lock),
            Ok(None) => Err(Error::InUse { path: path.to_owned() }),
            Err(error) => Err(Error::Storage(Box::new(redb::Error::from(error)))),
        }
    }
}

/// The pause between attempts to lock a file that another process has open.
const PAUSE: Duration = Duration::from_millis(20);

/// Locks the whole file, like a program that needs exclusive access. Returns `None` if the file is
/// open as a store. On a file system without locks, use by other processes cannot be detected, and
/// the file counts as free.
pub(super) fn try_lock(file: File) -> Result<Option<ExclusiveLock>, DatabaseError> {
    let locked = FileBackend::new(file)?;
    match locked.try_lock_range(Bound::Unbounded, Bound::Unbounded) {
        Ok(true) | Err(BackendError::Unsupported) => Ok(Some(ExclusiveLock { locked })),
        Ok(false) => Ok(None),
        Err(error) => Err(DatabaseError::Storage(error.into())),
    }
}

impl Drop for ExclusiveLock {
    /// Closing the file would not be enough: a child process that another thread is just starting
    /// may briefly hold a copy of the descriptor, and the lock with it.
    fn drop(&mut self) {
        let _ = self.locked.close();
    }
}
