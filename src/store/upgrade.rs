//! Upgrades stores of netsky-db 0.1.6: redb files in format 2, which redb 4 cannot read.
//!
//! redb 2 can upgrade a file in place, but it rewrites the file's two commit slots one after the
//! other. If the process is killed in between, or the disk is full, the file is left in two
//! formats. So a copy is upgraded, checked with redb 4, and renamed over the store. At every
//! instant the path leads to a complete store, the old one or the new one. The old file is not
//! modified, and first gets another name, under which it is kept.
//!
//! An interrupted upgrade leaves at most a copy, which the next attempt makes again, and the old
//! file's second name, which the next attempt finds.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::options::OpenOptions;
use crate::store::file::{copy_private, lock_within, make_private, redb_file_bytes};
use crate::store::file_kind::{FileKind, HEADER_BYTES};
use crate::store::handle::Handle;
use crate::store::snapshot::Snapshot;
use crate::store::{schema_version, side_copy, unwind};

/// The cache that redb 2 uses during the upgrade; its default is 1 GiB.
const CACHE_BYTES: usize = 64 << 20;

fn is_old(path: &Path) -> Result<bool> {
    Ok(FileKind::at(path)? == Some(FileKind::OldRedb))
}

/// Upgrades a store of netsky-db 0.1.6, and returns the path of the kept old file.
pub(super) fn upgrade_old(path: &Path, options: &OpenOptions) -> Result<Option<PathBuf>> {
    if !is_old(path)? {
        return Ok(None);
    }
    // If the path is a symbolic link to the store, it stays one: the link's target is replaced.
    let path = &fs::canonicalize(path).map_err(Error::io("find", path))?;
    let Some(dir_path) = path.parent() else { return Ok(None) };
    // Other processes that open the store wait here, and then find it upgraded. The lock is on the
    // directory, because the store's own file is replaced.
    let dir = File::open(dir_path).map_err(Error::io("open", dir_path))?;
    lock_within(&dir, dir_path, options.busy_timeout)?;
    if !is_old(path)? {
        return Ok(None);
    }
    let mut old = lock_against_old_programs(path)?;
    refuse_truncated(path, &mut old)?;
    make_private(&old, 0o600).map_err(Error::io("make private", path))?;
    let new = path.with_extension("redb-v3.tmp");
    let replaced = make_upgraded_copy(path, &mut old, &new, options).and_then(|()| {
        let backup = side_copy::keep(path, &mut old, "redb-v2")?;
        // The order must survive a power failure: the backup's name first, then the new store.
        dir.sync_all().map_err(Error::io("sync", dir_path))?;
        fs::rename(&new, path).map_err(Error::io("replace", path))?;
        dir.sync_all().map_err(Error::io("sync", dir_path))?;
        Ok(Some(backup))
    });
    if replaced.is_err() {
        // Report the original error. After the rename there is nothing to remove.
        let _ = fs::remove_file(&new);
    }
    replaced
}

/// Takes a lock on the whole file like redb 2, which fails at once if the file is locked. While it
/// is held, no old program can open the file.
fn lock_against_old_programs(path: &Path) -> Result<File> {
    let file =
        File::options().read(true).write(true).open(path).map_err(Error::io("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            path: path.to_owned(),
            reason:
                "a program with netsky-db 0.1.6 has it open; close that program to upgrade the store"
                    .to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}

/// Fails if the end of the file is missing. That is the likeliest damage, and redb 2 panics at it.
fn refuse_truncated(path: &Path, file: &mut File) -> Result<()> {
    let mut header = Vec::new();
    file.take(HEADER_BYTES).read_to_end(&mut header).map_err(Error::io("read", path))?;
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    if redb_file_bytes(&header).is_none_or(|stated| length < stated) {
        let reason = "it is truncated".to_owned();
        return Err(Error::NotAStore { path: path.to_owned(), reason });
    }
    Ok(())
}

/// Makes a copy and upgrades it. On success, the copy is durable and readable by netsky.
fn make_upgraded_copy(
    path: &Path,
    old: &mut File,
    new: &Path,
    options: &OpenOptions,
) -> Result<()> {
    copy_private(old, new)?;
    // redb 2 panics at many kinds of damage. It can only leave the copy behind, which is deleted.
    let upgraded = unwind::caught(|| upgrade_in_place(new, path, options));
    upgraded.unwrap_or_else(|_| {
        let reason = "it is corrupt, and redb 2 cannot read it".to_owned();
        Err(Error::NotAStore { path: path.to_owned(), reason })
    })?;
    let handle = Handle::open_verified(new, path)?;
    schema_version::refuse_unusable(&Snapshot::new(Arc::new(handle))?)?;
    File::open(new).and_then(|file| file.sync_all()).map_err(Error::io("sync", new))
}

/// Upgrades `file`, the copy. Errors name `store`.
fn upgrade_in_place(file: &Path, store: &Path, options: &OpenOptions) -> Result<()> {
    let failed = |error: redb2::Error| match error {
        redb2::Error::Corrupted(reason) => Error::NotAStore { path: store.to_owned(), reason },
        redb2::Error::Io(error) => Error::io("upgrade", file)(error),
        other => Error::Storage(Box::new(other)),
    };
    let listener = options.on_repair.clone();
    let mut builder = redb2::Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder.set_repair_callback(move |repair| listener.report(repair.progress()));
    let opened = builder.open(file);
    let mut db = opened.map_err(|error| failed(error.into()))?;
    db.upgrade().map_err(|error| failed(error.into()))?;
    Ok(())
}
