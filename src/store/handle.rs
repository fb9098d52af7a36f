//! The one redb handle that a process has on a file.
//!
//! Two handles on one file would work beside each other as two processes do, but a thread that
//! writes through one and then through the other would wait for itself. So whoever opens a path
//! that is open already gets the same handle.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{
    Builder, ConcurrencyMode, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase,
    StorageError,
};

use crate::error::{Error, LockHolder, Result};
use crate::options::OpenOptions;
use crate::store::creation;
use crate::store::file::{self, FileId};
use crate::store::file_kind::FileKind;
use crate::store::open_mode::open_shared_or_exclusive;
use crate::store::unwind::{Guarded, guard};
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

/// A file's handle, if there is one, and the attempt to open the file, if one is under way.
#[derive(Default)]
struct Slot {
    handle: Weak<Handle>,
    opening: Option<Arc<Opening>>,
}

static SLOTS: LazyLock<Mutex<HashMap<(FileId, Access), Slot>>> = LazyLock::new(Mutex::default);

/// An attempt to open a file, which runs on a thread of its own. Any number of callers wait for it, so
/// that a file that cannot be opened for as long as a stopped process writes to it costs one thread,
/// however many callers try and give up.
#[derive(Default)]
struct Opening {
    outcome: Mutex<Outcome>,
    done: Condvar,
}

#[derive(Default)]
enum Outcome {
    #[default]
    Pending,
    Opened(Arc<Handle>),
    /// `None` once the caller that began it has the error.
    Failed(Option<Error>),
}

pub(super) struct Handle {
    kind: Kind,
    path: PathBuf,
    /// `None` if it was opened in a way of its own, and is not to be compared with what is at a path.
    file_id: Option<FileId>,
    /// Whether no other process can have the file open.
    exclusive: bool,
    /// Set when the disk fails, or redb panics: no further work can be done with the handle.
    failed: AtomicBool,
}

enum Kind {
    ReadOnly(Guarded<ReadOnlyDatabase>),
    ReadWrite(Writer),
}

impl Handle {
    /// Opens the file, and makes it if it is to be written and is not there and the options allow it.
    ///
    /// # Errors
    ///
    /// [`Error::StoreNotFound`]; [`Error::UpgradeRequired`] and [`Error::NotAStore`] for files of older
    /// netskys.
    pub(super) fn open(path: &Path, access: Access, options: &OpenOptions) -> Result<Arc<Self>> {
        let timeout = options.busy_timeout;
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let creates = access == Access::ReadWrite && options.create;
            let found = match FileId::of(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && creates => {
                    file::create_private(path)?;
                    FileId::of(path)
                }
                found => found,
            };
            let id = match found {
                Ok(id) => id,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(Error::StoreNotFound { path: path.to_owned() });
                }
                Err(error) => return Err(Error::io("open", path)(error)),
            };
            let options = options.clone();
            let opened = shared(path, (id, access), deadline, move |path| {
                Self::open_now(path, access, &options, deadline)
            });
            match opened {
                // Somebody has replaced the file meanwhile, and the handle is on the new one.
                Ok(Some(handle)) if handle.file_id != Some(id) && !is_over(deadline) => {}
                Ok(Some(handle)) => return Ok(handle),
                Ok(None) => {
                    return Err(Error::Busy {
                        path: path.to_owned(),
                        waited: timeout,
                        holder: LockHolder::OtherProcess,
                    });
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn open_now(
        path: &Path,
        access: Access,
        options: &OpenOptions,
        deadline: Option<Instant>,
    ) -> Result<Self> {
        let opened = open_shared_or_exclusive(deadline, |mode| match access {
            Access::ReadOnly => {
                let mut builder = builder(READ_CACHE_BYTES, options);
                let file = File::open(path)?;
                if let Some(refused) = refusal(FileKind::of(&file)?, path, false) {
                    return Ok(Err(refused));
                }
                let id = FileId::of_open(&file, path)?;
                let db = open_read_only(path, file, builder.set_concurrency_mode(mode))?;
                Ok(Ok((Kind::ReadOnly(Guarded::new(db)), id)))
            }
            Access::ReadWrite => {
                let mut builder = builder(WRITE_CACHE_BYTES, options);
                // Not the caller's: it may have been replaced since.
                let file = match options.create {
                    true => file::open_or_create(path)?,
                    false => File::options().read(true).write(true).open(path)?,
                };
                if let Some(refused) = refusal(FileKind::of(&file)?, path, options.create) {
                    return Ok(Err(refused));
                }
                creation::clear_unfinished(path, &file)?;
                let id = FileId::of_open(&file, path)?;
                let backend = FileBackend::new(file)?;
                let db = builder.set_concurrency_mode(mode).create_with_backend(backend)?;
                Ok(Ok((Kind::ReadWrite(Writer::new(db, path)), id)))
            }
        });
        let (opened, exclusive) = opened.map_err(|error| open_error(path.to_owned(), error))?;
        let (kind, id) = opened?;
        let (path, file_id) = (path.to_owned(), Some(id));
        Ok(Self { kind, path, file_id, exclusive, failed: AtomicBool::new(false) })
    }

    /// Opens a file that an older redb wrote, and looks at every page of it. Errors name the store
    /// that the file is to become.
    pub(super) fn open_looked_through(file: &Path, store: &Path) -> Result<Self> {
        // Verifying is no repair, so nobody is told how far it is.
        let options = OpenOptions::new();
        guard(store, || {
            match builder(WRITE_CACHE_BYTES, &options).set_check_integrity_on_open(true).open(file)
            {
                Ok(db) => Ok(Self::of_writer(Writer::new(db, store), store)),
                Err(error) => Err(open_error(store.to_owned(), error)),
            }
        })
    }

    pub(super) fn of_writer(writer: Writer, path: &Path) -> Self {
        let (kind, path) = (Kind::ReadWrite(writer), path.to_owned());
        Self { kind, path, file_id: None, exclusive: false, failed: AtomicBool::new(false) }
    }

    /// The file that it is on.
    pub(super) fn file_id(&self) -> Option<FileId> {
        self.file_id
    }

    /// `None` if the file is only read.
    pub(super) fn writer(&self) -> Option<&Writer> {
        match &self.kind {
            Kind::ReadOnly(_) => None,
            Kind::ReadWrite(writer) => Some(writer),
        }
    }

    pub(super) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Whether no further work can be done with it.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.writer().is_some_and(Writer::has_failed)
    }

    /// The file, as it was named when it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Calls into redb to read the file. After damage the handle counts as failed: what redb keeps in
    /// memory may have been left half changed.
    pub(super) fn guard<T>(&self, call: impl FnOnce() -> Result<T>) -> Result<T> {
        let result = guard(&self.path, call);
        if matches!(result, Err(Error::Damaged { .. })) {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }

    pub(super) fn begin_read(&self) -> Result<Guarded<ReadTransaction>> {
        let begun = self.guard(|| {
            let begun = match &self.kind {
                Kind::ReadOnly(db) => db.begin_read(),
                Kind::ReadWrite(writer) => writer.db().begin_read(),
            };
            Ok(Guarded::new(begun?))
        });
        if begun.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        begun
    }
}

/// Why a file is not opened, going by what it is.
fn refusal(found: FileKind, path: &Path, creates: bool) -> Option<Error> {
    let path = path.to_owned();
    match found {
        FileKind::OldRedb => Some(Error::UpgradeRequired { path }),
        FileKind::Sqlite => {
            Some(Error::NotAStore { path, reason: "it is a SQLite file".to_owned() })
        }
        FileKind::Unmade if !creates => Some(Error::StoreNotFound { path }),
        FileKind::Unmade | FileKind::Other => None,
    }
}

fn open_read_only(
    path: &Path,
    file: File,
    builder: &Builder,
) -> Result<ReadOnlyDatabase, DatabaseError> {
    match builder.open_read_only_with_backend(FileBackend::new(file)?) {
        // The last writer was killed. To open the file for writing, which takes less than a
        // millisecond, tidies it up; without the right to write, the error stands.
        Err(DatabaseError::RepairAborted) => {
            if File::options().write(true).open(path).is_err() {
                return Err(DatabaseError::RepairAborted);
            }
            builder.open(path)?.close()?;
            builder.open_read_only(path)
        }
        opened => opened,
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("exclusive", &self.exclusive).finish_non_exhaustive()
    }
}

pub(super) fn builder(cache_bytes: usize, options: &OpenOptions) -> Builder {
    let mut builder = Builder::new();
    let listener = options.on_repair.clone();
    builder.set_repair_callback(move |repair| listener.tell(repair.progress()));
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_cache_size(cache_bytes);
    builder
}

/// The process's handle on the file, or a new one; `None` if there was none before the deadline.
///
/// To open a file takes some milliseconds, unless another process writes: then redb waits without a
/// bound. So a thread waits, and the caller only as long as its patience lasts.
fn shared(
    path: &Path,
    key: (FileId, Access),
    deadline: Option<Instant>,
    open: impl FnOnce(&Path) -> Result<Handle> + Send + Clone + 'static,
) -> Result<Option<Arc<Handle>>> {
    loop {
        let (found, opening) = {
            let mut slots = slots();
            slots.retain(|_, slot| slot.opening.is_some() || slot.handle.strong_count() > 0);
            let slot = slots.entry(key).or_default();
            (slot.handle.upgrade(), slot.opening.clone())
        };
        // Dropping a handle closes its file, so one that has failed is not dropped under the lock.
        if let Some(handle) = found.filter(|handle| !handle.has_failed()) {
            return Ok(Some(handle));
        }
        let (opening, is_own) = match opening {
            Some(opening) => (opening, false),
            None => match begin_opening(path, key, open.clone())? {
                Some(opening) => (opening, true),
                // Another thread was faster.
                None => continue,
            },
        };
        match opening.wait(deadline, is_own) {
            // It failed for another caller, whose deadline may have been an earlier one.
            Some(Ok(None)) => {}
            Some(opened) => return opened,
            None => return Ok(None),
        }
    }
}

/// Starts a thread that opens the file; `None` if there is one.
fn begin_opening(
    path: &Path,
    key: (FileId, Access),
    open: impl FnOnce(&Path) -> Result<Handle> + Send + 'static,
) -> Result<Option<Arc<Opening>>> {
    let mut slots = slots();
    let slot = slots.entry(key).or_default();
    if slot.opening.is_some() {
        return Ok(None);
    }
    let (opening, of_thread) = (Arc::<Opening>::default(), path.to_owned());
    let for_thread = Arc::clone(&opening);
    let opener = thread::Builder::new().name("netsky-opener".to_owned()).spawn(move || {
        let opened = guard(&of_thread, || open(&of_thread).map(Arc::new));
        {
            let mut slots = self::slots();
            let slot = slots.entry(key).or_default();
            slot.opening = None;
            if let Ok(handle) = &opened {
                slot.handle = Arc::downgrade(handle);
            }
        }
        // If every caller has given up, nobody holds the handle, and this closes it.
        for_thread.finish(opened);
    });
    opener.map_err(Error::io("start a thread that opens", path))?;
    slot.opening = Some(Arc::clone(&opening));
    Ok(Some(opening))
}

fn slots() -> MutexGuard<'static, HashMap<(FileId, Access), Slot>> {
    SLOTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

impl Opening {
    fn finish(&self, opened: Result<Arc<Handle>>) {
        let outcome = match opened {
            Ok(handle) => Outcome::Opened(handle),
            Err(error) => Outcome::Failed(Some(error)),
        };
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
        self.done.notify_all();
    }

    /// `None` if it is still under way at the deadline. An error is for the caller that began it; the
    /// others get `Some(Ok(None))`.
    fn wait(&self, deadline: Option<Instant>, is_own: bool) -> Option<Result<Option<Arc<Handle>>>> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &mut *outcome {
                Outcome::Opened(handle) => return Some(Ok(Some(Arc::clone(handle)))),
                Outcome::Failed(error) => {
                    return Some(match error.take_if(|_| is_own) {
                        Some(error) => Err(error),
                        None => Ok(None),
                    });
                }
                Outcome::Pending if is_over(deadline) => return None,
                Outcome::Pending => {}
            }
            let left =
                deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            let waited = self.done.wait_timeout(outcome, left);
            outcome = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn open_error(path: PathBuf, error: DatabaseError) -> Error {
    let not_a_store = |path, reason: String| Error::NotAStore { path, reason };
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            Error::Locked { path, reason: error.to_string() }
        }
        DatabaseError::UpgradeRequired(version) => {
            not_a_store(path, format!("it has redb file format {version}, which netsky never wrote"))
        }
        DatabaseError::RepairAborted => not_a_store(
            path,
            "its last writer was killed, and what it left must be tidied up by a user who may write to \
             the file: any command of that user does it"
                .to_owned(),
        ),
        DatabaseError::Storage(StorageError::Io(source)) => match source.kind() {
            io::ErrorKind::InvalidData => not_a_store(path, "it is not a redb file".to_owned()),
            io::ErrorKind::UnexpectedEof => not_a_store(path, "it is truncated".to_owned()),
            io::ErrorKind::NotFound => Error::StoreNotFound { path },
            _ => Error::io("open", path)(source),
        },
        DatabaseError::Storage(StorageError::Corrupted(reason)) => not_a_store(path, reason),
        other => Error::Storage(Box::new(redb::Error::from(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_that_give_up_leave_one_thread() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.db");
        let other = builder(1 << 20, &OpenOptions::new()).create(&path).unwrap();
        let txn = other.begin_write().unwrap();
        let options = OpenOptions { busy_timeout: Duration::from_millis(5), ..OpenOptions::new() };
        let open = || Handle::open(&path, Access::ReadWrite, &options);
        let key = (FileId::of(&path).unwrap(), Access::ReadWrite);
        let mut openings: Vec<Arc<Opening>> = Vec::new();
        for _ in 0..10 {
            assert!(matches!(open(), Err(Error::Busy { .. })));
            openings.extend(slots().get(&key).and_then(|slot| slot.opening.clone()));
        }
        assert_eq!(openings.len(), 10);
        assert!(openings.iter().all(|opening| Arc::ptr_eq(opening, &openings[0])));
        txn.abort().unwrap();
        let patient = OpenOptions::new();
        Handle::open(&path, Access::ReadWrite, &patient).unwrap();
        assert!(slots().get(&key).is_none_or(|slot| slot.opening.is_none()));
    }
}
