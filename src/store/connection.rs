//! A store's way to its file, which outlives a failure of the disk.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::Result;
use crate::store::handle::{Access, Handle};

/// The handle on a store's file. After an error of the disk redb refuses all further work with a
/// handle, so the next call gets a new one: a program that runs for weeks should not have to end
/// because the disk was full for a minute.
#[derive(Debug)]
pub(super) struct Connection {
    path: PathBuf,
    access: Access,
    patience: Duration,
    handle: Mutex<Arc<Handle>>,
}

impl Connection {
    pub(super) fn open(path: &Path, access: Access, patience: Duration) -> Result<Self> {
        let handle = Mutex::new(Handle::open(path, access, patience)?);
        Ok(Self { path: path.to_owned(), access, patience, handle })
    }

    /// With a handle that writes, opened in a way of its own.
    pub(super) fn with_handle(path: &Path, patience: Duration, handle: Handle) -> Self {
        let handle = Mutex::new(Arc::new(handle));
        Self { path: path.to_owned(), access: Access::ReadWrite, patience, handle }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// How long to wait while another process writes.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// A handle that has not failed yet. What still reads with one that has failed keeps it.
    pub(super) fn handle(&self) -> Result<Arc<Handle>> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if handle.has_failed() {
            *handle = Handle::open(&self.path, self.access, self.patience)?;
        }
        Ok(Arc::clone(&handle))
    }
}
