//! Backup and restore: copies the store to another file, and back.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::maintenance_progress::MaintenanceProgress;
use crate::options::OpenOptions;
use crate::store::exclusive_lock::ExclusiveLock;
use crate::store::file::{self, FileId, create_private_dir};
use crate::store::{Snapshot, Store, side_copy};
use crate::table::Table;
use crate::temp_files::TempFileGuard;

/// A finished copy of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// The number of rows in the copy.
    pub rows: u64,
    /// The size of the copy's file, in bytes.
    pub file_bytes: u64,
    /// The path of the old file, if one was replaced and kept.
    pub kept: Option<PathBuf>,
}

/// The part of a side copy's name that says that `restore` replaced the store.
const KIND: &str = "before-restore";

/// What to do with a file that already exists at the target path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    Replace,
    /// Keep the file as `<name>.before-restore-<timestamp>.bak`.
    Keep,
}

impl Store {
    /// Copies the committed state of the store to a new file.
    pub(crate) fn backup(
        &self,
        path: &Path,
        existing: Existing,
        known: &[&'static Table],
    ) -> Result<Copied> {
        copy(self, path, existing, known)
    }

    /// Copies the store at `backup` to `path`.
    pub(crate) fn restore(
        backup: &Path,
        path: &Path,
        existing: Existing,
        known: &[&'static Table],
        options: &OpenOptions,
    ) -> Result<Copied> {
        let store = Self::open_read_only(backup, options)?;
        if store.schema_version()? == 0 {
            return Err(Error::NotAStore {
                path: backup.to_owned(),
                reason: "it is an empty redb file".to_owned(),
            });
        }
        create_private_dir(dir_of(path))?;
        copy(&store, path, existing, known)
    }
}

fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn copy(from: &Store, path: &Path, existing: Existing, known: &[&'static Table]) -> Result<Copied> {
    // If the path is a symbolic link, the link stays and its target is replaced.
    let resolved = fs::canonicalize(path);
    let path = resolved.as_deref().unwrap_or(path);
    let dir = dir_of(path);
    file::refuse_special(path)?;
    // Until the copy is in place, no process may open the file that it replaces: its writes would
    // be lost.
    let lock = match fs::symlink_metadata(path) {
        Err(_) => None,
        Ok(_) if existing == Existing::Refuse => {
            return Err(Error::FileExists { path: path.to_owned() });
        }
        // Refuse to replace a store with its own copy: processes that have it open would keep using
        // the old file.
        Ok(_) if is_same_file(from.path(), path) => {
            return Err(Error::InUse { path: path.to_owned() });
        }
        Ok(_) => Some(ExclusiveLock::take(path)?),
    };
    if let (Some(_), Existing::Keep) = (&lock, existing) {
        side_copy::check_name(path, KIND)?;
    }
    from.refuse_damage()?;
    let (temporary, _guard) =
        TempFileGuard::create(|| tempfile::Builder::new().prefix(".netsky-").tempfile_in(dir))
            .map_err(Error::io("create a file in", dir))?;
    let rows = write_copy(from.snapshot()?, from.maintenance_progress(), &temporary, known)?;
    let file_bytes = temporary.as_file().metadata().map_err(Error::io("look at", path))?.len();
    let kept = match (&lock, existing) {
        (Some(_), Existing::Keep) => {
            let mut file = File::open(path).map_err(Error::io("open", path))?;
            let kept = side_copy::keep(path, &mut file, KIND)?;
            // The old file's second name must be on disk before it loses the first, because the
            // power may fail in between.
            file::sync_dir(path)?;
            Some(kept)
        }
        _ => None,
    };
    let placed = match lock {
        Some(_) => temporary.persist(path),
        // Another process may have created a file at the path in the meantime.
        None => temporary.persist_noclobber(path),
    };
    placed.map_err(|error| Error::io("write", path)(error.error))?;
    file::sync_dir(path)?;
    Ok(Copied { rows, file_bytes, kept })
}

fn write_copy(
    snapshot: Snapshot,
    progress: &MaintenanceProgress,
    temporary: &NamedTempFile,
    known: &[&'static Table],
) -> Result<u64> {
    let rows = snapshot.copy_into(temporary.path(), known, progress)?;
    temporary.as_file().sync_all().map_err(Error::io("sync", temporary.path()))?;
    Ok(rows)
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (FileId::of(one), FileId::of(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
