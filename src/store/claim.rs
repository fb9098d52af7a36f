//! Having a store's file for oneself.

use std::fs::{File, OpenOptions};
use std::ops::Bound;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use crate::error::{Error, Result};

/// As long as it lives, nobody can open the file as a store.
#[derive(Debug)]
pub(super) struct Claim {
    locked: FileBackend,
}

impl Claim {
    /// Claims a file, whatever is in it; an error if anybody has it open as a store, this process too.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let file: File = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(Error::io("open", path))?;
        let backend = FileBackend::new(file).map_err(redb::Error::from);
        let backend = backend.map_err(|error| Error::Storage(Box::new(error)))?;
        // The lock of a program that wants the file for itself.
        match backend.try_lock_range(Bound::Unbounded, Bound::Unbounded) {
            // Without locks nobody can tell.
            Ok(true) | Err(BackendError::Unsupported) => Ok(Self { locked: backend }),
            Ok(false) => Err(Error::InUse { path: path.to_owned() }),
            Err(error) => Err(Error::Storage(Box::new(error))),
        }
    }
}

impl Drop for Claim {
    /// To close the file would not do: a process that another thread has just started may have a copy of
    /// it for a moment, and the lock with it.
    fn drop(&mut self) {
        let _ = self.locked.close();
    }
}
