//! Verifies the pages of the store's file against their checksums.
//!
//! redb keeps a checksum of each page in its parent page, up to the file's header, and verifies
//! them when a file is opened with an integrity check. That needs a writer with exclusive access,
//! and it repairs what it finds. Here redb instead opens a view of the file that discards writes,
//! and is aborted as soon as the checksums are verified, so nothing changes and no process has to
//! wait. A concurrent commit can look like damage, so damage counts only if no commit happened, or
//! could have happened.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{Builder, DatabaseError, StorageBackend, StorageError};

use crate::error::{Error, Result};
use crate::maintenance_progress::MaintenanceProgress;
use crate::store::file_kind::HEADER_BYTES;
use crate::store::unwind;

/// The number of attempts while other processes commit. After that, writers are locked out.
const TRIES: usize = 3;
/// Each page is read once.
const CACHE_BYTES: usize = 1 << 20;

/// Returns what is wrong with the pages of the file; `None` if every page that the last commit
/// references matches its checksum. `look_alone` verifies while writers are locked out.
pub(super) fn damage(
    pages: &PageReader,
    progress: &MaintenanceProgress,
    look_alone: impl FnOnce() -> Result<Option<String>>,
) -> Result<Option<String>> {
    for _ in 0..TRIES {
        let before = pages.header()?;
        let found = look_for_damage(pages, progress)?;
        if found.is_none() || pages.header()? == before {
            return Ok(found);
        }
    }
    look_alone()
}

/// Returns what is wrong with the pages of the file, or appears to be because of a concurrent
/// commit.
pub(super) fn look_for_damage(
    pages: &PageReader,
    progress: &MaintenanceProgress,
) -> Result<Option<String>> {
    let intact = Arc::new(AtomicBool::new(false));
    let found_intact = Arc::clone(&intact);
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).set_repair_callback(
        move |session| {
            // redb calls this before it verifies the checksums and once after: with a progress
            // above one half if they match, and below one half if redb would now roll back to an
            // older commit.
            if session.progress() > 0.0 {
                found_intact.store(session.progress() > 0.5, Ordering::Relaxed);
                session.abort();
            }
        },
    );
    let view = View::new(pages, progress.clone())?;
    // Dropping the database also writes.
    let opened = unwind::caught(|| builder.create_with_backend(view).map(|_| ()));
    let reason = match opened.unwrap_or_else(|panic| {
        Err(DatabaseError::Storage(StorageError::Corrupted(format!(
            "redb could not read it: {panic}"
        ))))
    }) {
        // redb opened it without verifying: nothing was ever committed.
        Ok(()) => return Ok(None),
        Err(DatabaseError::RepairAborted) if intact.load(Ordering::Relaxed) => return Ok(None),
        Err(DatabaseError::RepairAborted) => "the checksum of a page is wrong".to_owned(),
        Err(DatabaseError::Storage(StorageError::Io(error))) => match error.kind() {
            io::ErrorKind::UnexpectedEof => "the file is truncated".to_owned(),
            io::ErrorKind::InvalidData => error.to_string(),
            _ => return Err(pages.error(error)),
        },
        Err(DatabaseError::Storage(StorageError::Corrupted(reason))) => reason,
        Err(other) => return Err(Error::Storage(Box::new(redb::Error::from(other)))),
    };
    Ok(Some(reason))
}

/// Reads the bytes of the file as they are, beside redb.
#[derive(Debug, Clone)]
pub(super) struct PageReader {
    file: Arc<FileBackend>,
    path: Arc<Path>,
}

impl PageReader {
    pub(super) fn new(file: File, path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { file: Arc::new(FileBackend::new(file)?), path: path.into() })
    }

    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        Self::new(file, path).map_err(|error| Error::Storage(Box::new(redb::Error::from(error))))
    }

    /// Returns the bytes that every commit changes.
    fn header(&self) -> Result<Vec<u8>> {
        let read = || {
            let bytes = self.file.len()?.min(HEADER_BYTES);
            let mut header = vec![0; usize::try_from(bytes).unwrap_or_default()];
            self.file.read(0, &mut header)?;
            Ok(header)
        };
        read().map_err(|error| self.error(error))
    }

    fn error(&self, error: io::Error) -> Error {
        Error::io("read", self.path.as_ref())(error)
    }
}

/// A read-only view of the file. It keeps in memory what redb writes into the header when it opens
/// the file.
#[derive(Debug)]
struct View {
    file: Arc<FileBackend>,
    header: Mutex<Vec<u8>>,
    len: u64,
    progress: MaintenanceProgress,
}

impl View {
    fn new(pages: &PageReader, progress: MaintenanceProgress) -> Result<Self> {
        let len = pages.file.len().map_err(|error| pages.error(error))?;
        progress.begin_pages(len);
        let (file, header) = (Arc::clone(&pages.file), Mutex::new(pages.header()?));
        Ok(Self { file, header, len, progress })
    }

    fn header(&self) -> MutexGuard<'_, Vec<u8>> {
        self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for View {
    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)?;
        self.progress.add_page(out.len());
        let header = self.header();
        if let Some(header) = usize::try_from(offset).ok().and_then(|at| header.get(at..)) {
            let shared = header.len().min(out.len());
            out[..shared].copy_from_slice(&header[..shared]);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut header = self.header();
        let at = usize::try_from(offset).ok();
        match at.and_then(|at| header.get_mut(at..at.checked_add(data.len())?)) {
            Some(header) => {
                header.copy_from_slice(data);
                Ok(())
            }
            None => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len == self.len { Ok(()) } else { Err(io::ErrorKind::ReadOnlyFilesystem.into()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}
