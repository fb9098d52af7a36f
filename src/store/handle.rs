//! The one redb handle that a process has on a file.
//!
//! Two handles on one file would work beside each other as two processes do, but a thread that
//! writes through one and then through the other would wait for itself. So whoever opens a path
//! that is open already gets the same handle.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase, ReadTransaction,
    ReadableDatabase, StorageError, TransactionError, WriteTransaction,
};

use crate::error::{Error, Result};
use crate::store::file::{self, FileId};

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

type Handles = HashMap<(FileId, Access), Weak<Handle>>;

static HANDLES: LazyLock<Mutex<Handles>> = LazyLock::new(Mutex::default);

pub(super) enum Handle {
    ReadOnly(ReadOnlyDatabase),
    ReadWrite(Database),
}

impl Handle {
    pub(super) fn open_writable(path: &Path) -> Result<Arc<Self>> {
        file::create_private(path)?;
        shared(path, Access::ReadWrite, || {
            builder(WRITE_CACHE_BYTES).create(path).map(Self::ReadWrite)
        })
    }

    pub(super) fn open_read_only(path: &Path) -> Result<Arc<Self>> {
        shared(path, Access::ReadOnly, || {
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

    pub(super) fn is_read_only(&self) -> bool {
        matches!(self, Self::ReadOnly(_))
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction> {
        Ok(match self {
            Self::ReadOnly(db) => db.begin_read()?,
            Self::ReadWrite(db) => db.begin_read()?,
        })
    }

    /// `None` if the handle only reads.
    pub(super) fn begin_write(&self) -> Option<Result<WriteTransaction, TransactionError>> {
        match self {
            Self::ReadOnly(_) => None,
            Self::ReadWrite(db) => Some(db.begin_write()),
        }
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
fn shared(
    path: &Path,
    access: Access,
    open: impl FnOnce() -> Result<Handle, DatabaseError>,
) -> Result<Arc<Handle>> {
    // The lock is held while the file opens, so that two threads do not both open it.
    let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
    let key = match FileId::of(path) {
        Ok(id) => (id, access),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::StoreNotFound { path: path.to_owned() });
        }
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    if let Some(handle) = handles.get(&key).and_then(Weak::upgrade) {
        return Ok(handle);
    }
    let handle = Arc::new(open().map_err(|error| open_error(path.to_owned(), error))?);
    handles.retain(|_, handle| handle.strong_count() > 0);
    handles.insert(key, Arc::downgrade(&handle));
    Ok(handle)
}

fn open_error(path: PathBuf, error: DatabaseError) -> Error {
    let not_a_store = |path, reason: String| Error::NotAStore { path, reason };
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            Error::Locked { path, reason: error.to_string() }
        }
        DatabaseError::UpgradeRequired(version) => not_a_store(
            path,
            format!(
                "it has redb's file format {version}, of netsky-db 0.1.6, which must be upgraded first"
            ),
        ),
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
