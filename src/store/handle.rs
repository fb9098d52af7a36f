//! The one redb handle that a process has on a file.
//!
//! Two handles on one file would work beside each other as two processes do, but a thread that
//! writes through one and then through the other would wait for itself. So whoever opens a path
//! that is open already gets the same handle.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use redb::{
    Builder, ConcurrencyMode, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase,
    StorageError,
};

use crate::error::{Error, Result};
use crate::store::file::{self, FileId};
use crate::store::writer::Writer;

/// How much of the file redb keeps in memory: enough for the upper pages of its trees. A scan reads
/// rows once and in order, and a page that comes from the system's cache into memory just let go of
/// is there sooner than one that was kept: a walk of 500,000 rows took a third longer with 4 MiB, and
/// three times as long with 400.
const READ_CACHE_BYTES: usize = 256 << 10;
/// For writing, the cache also holds what a large transaction has changed so far.
pub(super) const WRITE_CACHE_BYTES: usize = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Access {
    ReadOnly,
    ReadWrite,
}

/// A file's handle, if there is one. It is locked while the file opens, so that of two threads that
/// want it one opens it.
type Slot = Arc<Mutex<Weak<Handle>>>;

static HANDLES: LazyLock<Mutex<HashMap<(FileId, Access), Slot>>> = LazyLock::new(Mutex::default);

pub(super) enum Handle {
    ReadOnly(ReadOnlyDatabase),
    ReadWrite(Writer),
}

impl Handle {
    pub(super) fn open_writable(path: &Path, patience: Duration) -> Result<Arc<Self>> {
        file::create_private(path)?;
        shared(path, Access::ReadWrite, patience, |path| {
            let db = builder(WRITE_CACHE_BYTES).create(path)?;
            Ok(Self::ReadWrite(Writer::new(db)))
        })
    }

    pub(super) fn open_read_only(path: &Path, patience: Duration) -> Result<Arc<Self>> {
        shared(path, Access::ReadOnly, patience, |path| {
            let builder = builder(READ_CACHE_BYTES);
            match builder.open_read_only(path) {
                // The last writer was killed. To open the file for writing, which takes less than a
                // millisecond, tidies it up; without the right to write, the error stands.
                Err(DatabaseError::RepairAborted) => {
                    builder.open(path)?.close()?;
                    builder.open_read_only(path)
                }
                opened => opened,
            }
            .map(Self::ReadOnly)
        })
    }

    /// Opens a file that an older redb wrote, and looks at every page of it. Errors name the store
    /// that the file is to become.
    pub(super) fn open_looked_through(file: &Path, store: &Path) -> Result<Arc<Self>> {
        match builder(WRITE_CACHE_BYTES).set_check_integrity_on_open(true).open(file) {
            Ok(db) => Ok(Arc::new(Self::ReadWrite(Writer::new(db)))),
            Err(error) => Err(open_error(store.to_owned(), error)),
        }
    }

    pub(super) fn is_read_only(&self) -> bool {
        matches!(self, Self::ReadOnly(_))
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction> {
        Ok(match self {
            Self::ReadOnly(db) => db.begin_read()?,
            Self::ReadWrite(writer) => writer.db().begin_read()?,
        })
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_read_only() { "Handle::ReadOnly" } else { "Handle::ReadWrite" })
    }
}

pub(super) fn builder(cache_bytes: usize) -> Builder {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_cache_size(cache_bytes);
    builder
}

/// The process's handle on the file, or a new one.
///
/// To open a file takes a moment, unless another process writes: then redb waits without an end of
/// its own. So a thread waits, and the caller only as long as its patience lasts.
fn shared(
    path: &Path,
    access: Access,
    patience: Duration,
    open: impl FnOnce(&Path) -> Result<Handle, DatabaseError> + Send + 'static,
) -> Result<Arc<Handle>> {
    let slot = slot(path, access)?;
    let (opened, answer) = mpsc::channel();
    let of_thread = path.to_owned();
    let opener = thread::Builder::new().name("netsky-opener".to_owned()).spawn(move || {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = slot.upgrade().map_or_else(|| open(&of_thread).map(Arc::new), Ok);
        if let Ok(handle) = &handle {
            *slot = Arc::downgrade(handle);
        }
        // Who has lost patience gets no handle, and then nobody holds it.
        let _ = opened.send(handle);
    });
    opener.map_err(Error::io("start a thread to open", path))?;
    match answer.recv_timeout(patience) {
        Ok(handle) => handle.map_err(|error| open_error(path.to_owned(), error)),
        Err(RecvTimeoutError::Timeout) => {
            Err(Error::Busy { path: path.to_owned(), waited: patience })
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(Error::Storage("the program panicked while it opened the store".into()))
        }
    }
}

fn slot(path: &Path, access: Access) -> Result<Slot> {
    let id = match FileId::of(path) {
        Ok(id) => id,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::StoreNotFound { path: path.to_owned() });
        }
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let mut slots = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
    // A slot that only this map knows is nobody's, nor is anybody opening its file.
    slots.retain(|_, slot| {
        Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|handle| handle.strong_count() > 0)
    });
    Ok(Arc::clone(slots.entry((id, access)).or_default()))
}

fn open_error(path: PathBuf, error: DatabaseError) -> Error {
    let not_a_store = |path, reason: String| Error::NotAStore { path, reason };
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            Error::Locked { path, reason: error.to_string() }
        }
        DatabaseError::UpgradeRequired(version) => {
            not_a_store(path, format!("it has redb's file format {version}, which no netsky wrote"))
        }
        DatabaseError::RepairAborted => not_a_store(
            path,
            "its last writer was killed, and it must be opened for writing once".to_owned(),
        ),
        DatabaseError::Storage(StorageError::Io(source)) => match source.kind() {
            io::ErrorKind::InvalidData => not_a_store(path, "it is no redb file".to_owned()),
            io::ErrorKind::UnexpectedEof => not_a_store(path, "it is cut short".to_owned()),
            _ => Error::io("open", path)(source),
        },
        DatabaseError::Storage(StorageError::Corrupted(reason)) => not_a_store(path, reason),
        other => Error::Storage(Box::new(redb::Error::from(other))),
    }
}
