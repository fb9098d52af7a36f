//! A store's handle on its file, which is renewed after a disk failure or if the file is replaced.

use std::io;
use std::path::{self, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::options::OpenOptions;
use crate::store::file::FileId;
use crate::store::handle::{Access, Handle};
use crate::table::Table;

/// The handle on a store's file. The next call opens a new one if redb refuses all further work
/// with it, as after a disk error, or if the path now leads to another file. A program that runs
/// for weeks should not have to restart because the disk was full for a minute, and must not record
/// into a deleted file.
#[derive(Debug)]
pub(super) struct ReopeningHandle {
    path: PathBuf,
    /// The path, independent of later changes of the working directory.
    absolute: PathBuf,
    access: Access,
    options: OpenOptions,
    /// Whether to open a new handle when the current one cannot be used. False while one is being
    /// opened for that reason, so that reopening does not recurse.
    reopens: bool,
    handle: Mutex<Arc<Handle>>,
    /// The tables that were created through it. A store that replaces this one must have them too.
    tables: Mutex<Vec<&'static Table>>,
}

impl ReopeningHandle {
    pub(super) fn open(path: &Path, access: Access, options: &OpenOptions) -> Result<Self> {
        let handle = Handle::open(path, access, options)?;
        Ok(Self::new(path, access, options, handle))
    }

    pub(super) fn without_reopening(self) -> Self {
        Self { reopens: false, ..self }
    }

    /// Wraps a read-write handle that was opened by other means.
    #[cfg(test)]
    pub(super) fn with_handle(path: &Path, options: &OpenOptions, handle: Handle) -> Self {
        Self::new(path, Access::ReadWrite, options, Arc::new(handle))
    }

    fn new(path: &Path, access: Access, options: &OpenOptions, handle: Arc<Handle>) -> Self {
        Self {
            path: path.to_owned(),
            absolute: path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            access,
            options: options.clone(),
            reopens: true,
            handle: Mutex::new(handle),
            tables: Mutex::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn absolute(&self) -> &Path {
        &self.absolute
    }

    pub(super) fn access(&self) -> Access {
        self.access
    }

    pub(super) fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Returns a handle that has not failed, on the file that is at the path now. If there is none,
    /// `reopen` opens one. Readers that still use an older handle keep it.
    pub(super) fn handle(
        &self,
        reopen: impl FnOnce() -> Result<Arc<Handle>>,
    ) -> Result<Arc<Handle>> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let is_replaced = || refuse_replaced(&self.absolute, handle.file_id()).is_err();
        if self.reopens && (handle.has_failed() || is_replaced()) {
            *handle = reopen()?;
        }
        Ok(Arc::clone(&handle))
    }

    /// Returns the handle if it can be used. Neither blocks nor opens a file.
    pub(super) fn ready_handle(&self) -> Option<Arc<Handle>> {
        let handle = Arc::clone(&*self.handle.try_lock().ok()?);
        let is_replaced = || refuse_replaced(&self.absolute, handle.file_id()).is_err();
        (!handle.has_failed() && !is_replaced()).then_some(handle)
    }

    pub(super) fn tables(&self) -> Vec<&'static Table> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn add_tables(&self, tables: &[&'static Table]) {
        let mut known = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        for table in tables {
            if !known.iter().any(|known| known.name() == table.name()) {
                known.push(table);
            }
        }
    }
}

/// Fails if the path leads to no file, or to another file than the handle's. A path that cannot be
/// examined is no reason to fail. The check takes about a microsecond.
pub(super) fn refuse_replaced(path: &Path, handle: Option<FileId>) -> Result<()> {
    let Some(own) = handle else { return Ok(()) };
    let replaced = match FileId::of(path) {
        Ok(found) => found != own,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if replaced {
        return Err(Error::StoreReplaced { path: path.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::row::EncodedRow;
    use crate::schema::TickRecord;
    use crate::store::Store;
    use crate::table::Record;

    #[test]
    fn a_store_deleted_during_a_commit_acknowledges_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.db");
        let store = Store::open(&path, &OpenOptions::new()).unwrap();
        store.create_tables(&[TickRecord::TABLE]).unwrap();
        let mut row = EncodedRow::default();
        let tick = TickRecord { ts_utc: chrono::Utc::now(), source: "a", detail_json: "{}" };
        row.encode(TickRecord::TABLE, tick.values()).unwrap();
        let (row, file) = (Arc::new(row), path.clone());
        let of_call = Arc::clone(&row);
        let error = store.append(TickRecord::TABLE, move |appender| {
            let _ = fs::remove_file(&file);
            appender.push(&of_call)
        });
        assert!(matches!(error, Err(Error::StoreReplaced { path: named }) if named == path));
        // The next call creates the file again, and stores its row there.
        assert_eq!(store.append(TickRecord::TABLE, move |rows| rows.push(&row)).unwrap(), 1);
        assert!(path.exists());
    }
}
