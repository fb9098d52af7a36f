//! The one redb handle that a process has on a file.
//!
//! Two handles on one file would work beside each other as two processes do, but a thread that
//! writes through one and then through the other would wait for itself. So whoever opens a path
//! that is open already gets the same handle.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use redb::{
    Builder, ConcurrencyMode, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase,
    StorageError,
};

use crate::error::{Error, Result};
use crate::options::OpenOptions;
use crate::store::concurrency::open_shared_or_alone;
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
pub(super) enum Access {
    ReadOnly,
    ReadWrite,
}

/// A file's handle, if there is one. It is locked while the file opens, so that of two threads that
/// want it one opens it.
type Slot = Arc<Mutex<Weak<Handle>>>;

static HANDLES: LazyLock<Mutex<HashMap<(FileId, Access), Slot>>> = LazyLock::new(Mutex::default);

pub(super) struct Handle {
    kind: Kind,
    /// Whether no other process can have the file open.
    alone: bool,
    /// Set when the disk fails: redb then refuses all further work with the database.
    failed: AtomicBool,
}

enum Kind {
    ReadOnly(ReadOnlyDatabase),
    ReadWrite(Writer),
}

impl Handle {
    /// Opens the file, and makes it if it is to be written and is not there.
    pub(super) fn open(path: &Path, access: Access, options: &OpenOptions) -> Result<Arc<Self>> {
        if access == Access::ReadWrite {
            file::create_private(path)?;
        }
        let (patience, options) = (options.busy_timeout, options.clone());
        let deadline = Instant::now().checked_add(patience);
        shared(path, access, patience, move |path| {
            let (kind, alone) = open_shared_or_alone(deadline, |mode| match access {
                Access::ReadOnly => {
                    let mut builder = builder(READ_CACHE_BYTES, &options);
                    open_read_only(path, builder.set_concurrency_mode(mode)).map(Kind::ReadOnly)
                }
                Access::ReadWrite => {
                    let mut builder = builder(WRITE_CACHE_BYTES, &options);
                    let db = builder.set_concurrency_mode(mode).create(path)?;
                    Ok(Kind::ReadWrite(Writer::new(db)))
                }
            })?;
            Ok(Self { kind, alone, failed: AtomicBool::new(false) })
        })
    }

    /// Opens a file that an older redb wrote, and looks at every page of it. Errors name the store
    /// that the file is to become.
    pub(super) fn open_looked_through(file: &Path, store: &Path) -> Result<Self> {
        // To look is no repair, so nobody is told how far it is.
        match builder(WRITE_CACHE_BYTES, &OpenOptions::new())
            .set_check_integrity_on_open(true)
            .open(file)
        {
            Ok(db) => Ok(Self::of_writer(Writer::new(db))),
            Err(error) => Err(open_error(store.to_owned(), error)),
        }
    }

    pub(super) fn of_writer(writer: Writer) -> Self {
        Self { kind: Kind::ReadWrite(writer), alone: false, failed: AtomicBool::new(false) }
    }

    /// `None` if the file is only read.
    pub(super) fn writer(&self) -> Option<&Writer> {
        match &self.kind {
            Kind::ReadOnly(_) => None,
            Kind::ReadWrite(writer) => Some(writer),
        }
    }

    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// Whether the disk has failed it, so that redb refuses all further work.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.writer().is_some_and(Writer::has_failed)
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction> {
        let begun = match &self.kind {
            Kind::ReadOnly(db) => db.begin_read(),
            Kind::ReadWrite(writer) => writer.db().begin_read(),
        };
        if begun.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        Ok(begun?)
    }
}

fn open_read_only(path: &Path, builder: &Builder) -> Result<ReadOnlyDatabase, DatabaseError> {
    match builder.open_read_only(path) {
        // The last writer was killed. To open the file for writing, which takes less than a
        // millisecond, tidies it up; without the right to write, the error stands.
        Err(DatabaseError::RepairAborted) => {
            builder.open(path)?.close()?;
            builder.open_read_only(path)
        }
        opened => opened,
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("alone", &self.alone).finish_non_exhaustive()
    }
}

pub(super) fn builder(cache_bytes: usize, options: &OpenOptions) -> Builder {
    let mut builder = Builder::new();
    let listener = options.on_repair.clone();
    builder.set_repair_callback(move |repair| listener.tell(repair.progress()));
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
        let handle = slot.upgrade().filter(|handle| !handle.has_failed());
        let handle = handle.map_or_else(|| open(&of_thread).map(Arc::new), Ok);
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
