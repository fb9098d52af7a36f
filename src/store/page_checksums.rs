//! Verifies the pages of the store's file against their checksums.
//!
//! redb keeps a checksum of each page in its parent page, up to the file's header, and verifies
//! them when a file is opened with an integrity check. That needs a writer with exclusive access,
//! and it repairs what it finds. Here redb instead opens a view of the file that discards writes,
//! and is aborted as soon as the checksums are verified, so nothing changes and no process has to
//! wait. A concurrent commit can look like damage, so damage counts only if no commit happened, or
//! could have happened.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Builder, DatabaseError, StorageBackend, StorageError};

use crate::error::{Error, Result};
use crate::maintenance_progress::MaintenanceProgress;
use crate::store::file::first_bytes;
use crate::store::unwind;

/// The header of a redb file, which every commit changes.
const HEADER_BYTES: u64 = 320;
/// The number of attempts while other processes commit. After that, writers are locked out.
const TRIES: usize = 3;
/// Each page is read once.
const CACHE_BYTES: usize = 1 << 20;

/// Returns what is wrong with the pages of the file; `None` if every page that the last commit
/// references matches its checksum. `look_alone` verifies while writers are locked out.
pub(super) fn damage(
    path: &Path,
    progress: &MaintenanceProgress,
    look_alone: impl FnOnce() -> Result<Option<String>>,
) -> Result<Option<String>> {
    for _ in 0..TRIES {
        let before = first_bytes(path, HEADER_BYTES)?;
        let found = look_for_damage(path, progress)?;
        if found.is_none() || first_bytes(path, HEADER_BYTES)? == before {
            return Ok(found);
        }
    }
    look_alone()
}

/// Returns what is wrong with the pages of the file, or appears to be because of a concurrent
/// commit.
pub(super) fn look_for_damage(
    path: &Path,
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
    let view = View::new(path, progress.clone()).map_err(Error::io("read", path))?;
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
            _ => return Err(Error::io("read", path)(error)),
        },
        Err(DatabaseError::Storage(StorageError::Corrupted(reason))) => reason,
        Err(other) => return Err(Error::Storage(Box::new(redb::Error::from(other)))),
    };
    Ok(Some(reason))
}

/// A read-only view of the file. It keeps in memory what redb writes into the header when it opens
/// the file.
#[derive(Debug)]
struct View {
    inner: Mutex<Inner>,
    len: u64,
    progress: MaintenanceProgress,
}

#[derive(Debug)]
struct Inner {
    file: File,
    header: Vec<u8>,
}

impl View {
    fn new(path: &Path, progress: MaintenanceProgress) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        progress.begin_pages(len);
        let mut header = Vec::new();
        file.by_ref().take(HEADER_BYTES).read_to_end(&mut header)?;
        Ok(Self { inner: Mutex::new(Inner { file, header }), len, progress })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for View {
    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut inner = self.inner();
        inner.file.seek(SeekFrom::Start(offset))?;
        inner.file.read_exact(out)?;
        self.progress.add_page(out.len());
        if let Some(header) = usize::try_from(offset).ok().and_then(|at| inner.header.get(at..)) {
            let shared = header.len().min(out.len());
            out[..shared].copy_from_slice(&header[..shared]);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = self.inner();
        let at = usize::try_from(offset).ok();
        match at.and_then(|at| inner.header.get_mut(at..at.checked_add(data.len())?)) {
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
