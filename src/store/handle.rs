//! Opens files with redb: a process has one handle for each file and kind of access.
//!
//! Two handles on one file would behave like two processes, but a thread that writes through one
//! and then through the other would wait for itself. So opening a file that is already open returns
//! the same handle.

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
use crate::store::page_checksums::PageReader;
use crate::store::unwind::{Guarded, guard};
use crate::store::writer::Writer;

/// How much of the file redb keeps in memory for reading: enough for the upper pages of its trees.
/// A scan reads rows once and in order. Reading a page from the system's cache into memory that was
/// just freed is faster than keeping pages: with 4 MiB, a scan of 500,000 rows took a third longer,
/// and with 400 MiB three times as long.
const READ_CACHE_BYTES: usize = 256 << 10;
/// The same for writing. This cache also holds the pages that a large transaction has changed. With 64 MiB, an import
/// of 500,000 rows took 120 to 150 MiB of memory instead of 54 to 76 with 24 MiB, and 2 % less processor time. With
/// 24 MiB, an ingest of 1.4 million rows took 30 MiB more than with 8, and no less time.
pub(super) const WRITE_CACHE_BYTES: usize = 8 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Access {
    ReadOnly,
    ReadWrite,
}

/// A file's handle, if it is open, and the attempt to open it, if one is running.
#[derive(Default)]
struct Slot {
    handle: Weak<Handle>,
    opening: Option<Arc<Opening>>,
}

static SLOTS: LazyLock<Mutex<HashMap<(FileId, Access), Slot>>> = LazyLock::new(Mutex::default);

/// An attempt to open a file, on its own thread. All callers wait for the same attempt. A file
/// cannot be opened while a stopped process is writing to it; this way it costs one thread, however
/// many callers try and time out.
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
    /// `None` once the caller that started the attempt has the error.
    Failed(Option<Error>),
}

pub(super) struct Handle {
    kind: Kind,
    path: PathBuf,
    /// `None` if the handle was not opened by path, and must not be compared with the file at a
    /// path.
    file_id: Option<FileId>,
    /// Reads the same open file. `None` if the handle was not opened by path.
    pages: Option<PageReader>,
    /// Whether no other process can have the file open.
    exclusive: bool,
    /// Set when the disk fails or redb panics: the handle cannot be used any more.
    failed: AtomicBool,
}

enum Kind {
    ReadOnly(Guarded<ReadOnlyDatabase>),
    ReadWrite(Writer),
}

impl Handle {
    /// Opens the file. For read-write access, creates it if it is missing and the options allow it.
    ///
    /// # Errors
    ///
    /// [`Error::StoreNotFound`]; [`Error::Busy`] at the timeout; [`Error::UpgradeRequired`] and
    /// [`Error::NotAStore`] for files of older versions.
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
            let opened = shared_handle(path, (id, access), deadline, move |path| {
                Self::open_now(path, access, &options, deadline)
            });
            match opened {
                // The file was replaced in the meantime, and the handle is on the new one.
                Ok(Some(handle)) if handle.file_id != Some(id) && !has_passed(deadline) => {}
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
                let pages = PageReader::new(file.try_clone()?, path)?;
                let db = open_read_only(path, file, builder.set_concurrency_mode(mode))?;
                Ok(Ok((Kind::ReadOnly(Guarded::new(db)), id, pages)))
            }
            Access::ReadWrite => {
                let mut builder = builder(WRITE_CACHE_BYTES, options);
                // The file that the caller found may have been replaced since, so identify this
                // one.
                let file = match options.create {
                    true => file::open_or_create(path)?,
                    false => File::options().read(true).write(true).open(path)?,
                };
                if let Some(refused) = refusal(FileKind::of(&file)?, path, options.create) {
                    return Ok(Err(refused));
                }
                creation::clear_unfinished(path, &file)?;
                let id = FileId::of_open(&file, path)?;
                let pages = PageReader::new(file.try_clone()?, path)?;
                let backend = FileBackend::new(file)?;
                let db = builder.set_concurrency_mode(mode).create_with_backend(backend)?;
                Ok(Ok((Kind::ReadWrite(Writer::new(db, path)), id, pages)))
            }
        });
        let (opened, exclusive) = opened.map_err(|error| open_error(path.to_owned(), error))?;
        let (kind, id, pages) = opened?;
        Ok(Self {
            kind,
            path: path.to_owned(),
            file_id: Some(id),
            pages: Some(pages),
            exclusive,
            failed: AtomicBool::new(false),
        })
    }

    /// Opens a file that an older redb wrote, and verifies every page. Errors name the store that
    /// the file will become.
    pub(super) fn open_verified(file: &Path, store: &Path) -> Result<Self> {
        // Verification is not a repair, so it does not report the progress of one.
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
        Self {
            kind,
            path,
            file_id: None,
            pages: None,
            exclusive: false,
            failed: AtomicBool::new(false),
        }
    }

    /// Returns the id of the open file.
    pub(super) fn file_id(&self) -> Option<FileId> {
        self.file_id
    }

    /// Returns a reader of the open file's bytes.
    pub(super) fn pages(&self) -> Option<&PageReader> {
        self.pages.as_ref()
    }

    /// Returns the writer; `None` if the file is open read-only.
    pub(super) fn writer(&self) -> Option<&Writer> {
        match &self.kind {
            Kind::ReadOnly(_) => None,
            Kind::ReadWrite(writer) => Some(writer),
        }
    }

    pub(super) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Whether the handle cannot be used any more.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.writer().is_some_and(Writer::has_failed)
    }

    /// Returns the path by which the file was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a call into redb that reads the file. After damage the handle counts as failed, because
    /// redb's data in memory may be half changed.
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

/// Returns the error for a file whose kind cannot be opened.
fn refusal(found: FileKind, path: &Path, creates: bool) -> Option<Error> {
    let path = path.to_owned();
    match found {
        FileKind::OldRedb => Some(Error::UpgradeRequired { path }),
        FileKind::Sqlite => {
            Some(Error::NotAStore { path, reason: "it is a SQLite file".to_owned() })
        }
        FileKind::Uninitialized if !creates => Some(Error::StoreNotFound { path }),
        FileKind::Uninitialized | FileKind::Other => None,
    }
}

fn open_read_only(
    path: &Path,
    file: File,
    builder: &Builder,
) -> Result<ReadOnlyDatabase, DatabaseError> {
    match builder.open_read_only_with_backend(FileBackend::new(file)?) {
        // The last writer was killed. Opening the file for writing repairs it in less than a
        // millisecond. Without write permission, return the error.
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
    builder.set_repair_callback(move |repair| listener.report(repair.progress()));
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_cache_size(cache_bytes);
    builder
}

/// Returns the process's handle on the file, or a new one; `None` if the deadline passes first.
///
/// Opening a file takes some milliseconds, unless another process is writing: then redb waits
/// without a timeout. So a separate thread waits for redb, and the caller waits only until its
/// deadline.
fn shared_handle(
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
        // Dropping a handle closes its file, so a failed handle must not be dropped under the lock.
        if let Some(handle) = found.filter(|handle| !handle.has_failed()) {
            return Ok(Some(handle));
        }
        let (opening, is_own) = match opening {
            Some(opening) => (opening, false),
            None => match begin_opening(path, key, open.clone())? {
                Some(opening) => (opening, true),
                // Another thread has just started one.
                None => continue,
            },
        };
        match opening.wait(deadline, is_own) {
            // The attempt failed for another caller, which may have had an earlier deadline. Try
            // again.
            Some(Ok(None)) => {}
            Some(opened) => return opened,
            None => return Ok(None),
        }
    }
}

/// Starts a thread that opens the file; `None` if one is already running.
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
        // If every caller has timed out, nobody else holds the handle, and this closes it.
        for_thread.finish(opened);
    });
    opener.map_err(|error| Error::NoThread { reason: error.to_string() })?;
    slot.opening = Some(Arc::clone(&opening));
    Ok(Some(opening))
}

fn slots() -> MutexGuard<'static, HashMap<(FileId, Access), Slot>> {
    SLOTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_passed(deadline: Option<Instant>) -> bool {
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

    /// Returns `None` if the attempt is still running at the deadline. Only the caller that started
    /// it gets its error; the others get `Some(Ok(None))`.
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
                Outcome::Pending if has_passed(deadline) => return None,
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
        DatabaseError::UpgradeRequired(version) => not_a_store(
            path,
            format!("it has redb file format {version}, which netsky never wrote"),
        ),
        DatabaseError::RepairAborted => not_a_store(
            path,
            "its last writer was killed; to repair it, run any netsky command as a user who may \
             write to the file"
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
    fn timed_out_callers_share_one_thread() {
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
