//! A store's way to its file, which outlives a failure of the disk.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::options::OpenOptions;
use crate::store::handle::{Access, Handle};

/// The handle on a store's file. After an error of the disk redb refuses all further work with a
/// handle, so the next call gets a new one: a program that runs for weeks should not have to end
/// because the disk was full for a minute.
#[derive(Debug)]
pub(super) struct Connection {
    path: PathBuf,
    access: Access,
    options: OpenOptions,
    handle: Mutex<Arc<Handle>>,
}

impl Connection {
    pub(super) fn open(path: &Path, access: Access, options: &OpenOptions) -> Result<Self> {
        let handle = Mutex::new(Handle::open(path, access, options)?);
        Ok(Self { path: path.to_owned(), access, options: options.clone(), handle })
    }

    /// With a handle that writes, opened in a way of its own.
    pub(super) fn with_handle(path: &Path, options: &OpenOptions, handle: Handle) -> Self {
        let handle = Mutex::new(Arc::new(handle));
        let options = options.clone();
        Self { path: path.to_owned(), access: Access::ReadWrite, options, handle }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn access(&self) -> Access {
        self.access
    }

    pub(super) fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// A handle that has not failed yet. What still reads with one that has failed keeps it.
    pub(super) fn handle(&self) -> Result<Arc<Handle>> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if handle.has_failed() {
            *handle = Handle::open(&self.path, self.access, &self.options)?;
        }
        Ok(Arc::clone(&handle))
    }
}
