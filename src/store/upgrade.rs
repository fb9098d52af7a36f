//! Stores of netsky-db 0.1.6: redb files in format 2, which redb 4 does not read.
//!
//! redb 2 can upgrade a file in place, but it rewrites the file's two commit slots one after the other,
//! and one who is killed in between, or has no space left, leaves a file in two formats. So a copy is
//! upgraded, looked through by redb 4, and renamed over the store. At every moment the path leads to a
//! whole store, the old one or the new one. The old file, into which nothing was written, is kept under
//! another name, which it gets first.
//!
//! Whoever is interrupted leaves at most a copy, which the next one makes anew, and the old file's
//! second name, which the next one finds.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::options::OpenOptions;
use crate::store::file::{
    REDB_MAGIC, copy_private, first_bytes, lock_within, make_private, redb_file_bytes,
};
use crate::store::handle::Handle;
use crate::store::reopening_handle::ReopeningHandle;
use crate::store::{Store, side_copy, unwind};

/// Where its two commit slots lie, each of which begins with its format.
const SLOTS: [usize; 2] = [64, 192];
const HEADER_BYTES: u64 = 320;
const OLD_FORMAT: u8 = 2;

/// How much of the file redb 2 keeps in memory while it upgrades; by itself it would take 1 GiB.
const CACHE_BYTES: usize = 64 << 20;

/// Whether there is a redb file with a commit in the old format.
fn is_old(path: &Path) -> Result<bool> {
    let header = first_bytes(path, HEADER_BYTES)?.unwrap_or_default();
    let is_old = |slot: &usize| header.get(*slot) == Some(&OLD_FORMAT);
    Ok(header.starts_with(REDB_MAGIC) && SLOTS.iter().any(is_old))
}

/// Refuses a store of netsky-db 0.1.6, for those who only read.
pub(super) fn refuse_old(path: &Path) -> Result<()> {
    if is_old(path)? {
        return Err(Error::UpgradeRequired { path: path.to_owned() });
    }
    Ok(())
}

/// Upgrades a store of netsky-db 0.1.6, and returns where the old file is kept.
pub(super) fn upgrade_old(path: &Path, options: &OpenOptions) -> Result<Option<PathBuf>> {
    if !is_old(path)? {
        return Ok(None);
    }
    // A symbolic link to the store is to stay one: what is replaced is the file that it leads to.
    let path = &fs::canonicalize(path).map_err(Error::io("find", path))?;
    let Some(dir_path) = path.parent() else { return Ok(None) };
    // Who opens the store meanwhile waits here, and then finds it upgraded. The lock is on the
    // directory, because the store's own file is another one afterwards.
    let dir = File::open(dir_path).map_err(Error::io("open", dir_path))?;
    lock_within(&dir, dir_path, options.busy_timeout)?;
    if !is_old(path)? {
        return Ok(None);
    }
    let mut old = lock_against_old_programs(path)?;
    refuse_cut_short(path, &mut old)?;
    make_private(&old, 0o600).map_err(Error::io("make private", path))?;
    let new = path.with_extension("redb-v3.tmp");
    let replaced = make_upgraded_copy(path, &mut old, &new, options).and_then(|()| {
        let backup = side_copy::keep(path, &mut old, "redb-v2")?;
        // In this order also after a loss of power: the backup's name, then the new store.
        dir.sync_all().map_err(Error::io("sync", dir_path))?;
        fs::rename(&new, path).map_err(Error::io("replace", path))?;
        dir.sync_all().map_err(Error::io("sync", dir_path))?;
        Ok(Some(backup))
    });
    if replaced.is_err() {
        // The error that is reported is the one that came first. After the rename there is nothing.
        let _ = fs::remove_file(&new);
    }
    replaced
}

/// redb 2 takes a lock on the whole file, and fails at once if somebody has it. So does this, and none
/// of those programs can open the file until it is closed.
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

/// A file whose end is missing is the likeliest damage, and redb 2 panics at it.
fn refuse_cut_short(path: &Path, file: &mut File) -> Result<()> {
    let mut header = Vec::new();
    file.take(HEADER_BYTES).read_to_end(&mut header).map_err(Error::io("read", path))?;
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    if redb_file_bytes(&header).is_none_or(|stated| length < stated) {
        let reason = "it is truncated".to_owned();
        return Err(Error::NotAStore { path: path.to_owned(), reason });
    }
    Ok(())
}

/// Makes the copy and upgrades it. When this returns, it is a store that netsky reads, on the disk.
fn make_upgraded_copy(
    path: &Path,
    old: &mut File,
    new: &Path,
    options: &OpenOptions,
) -> Result<()> {
    copy_private(old, new)?;
    // redb 2 panics at much that can be wrong in a file. All that it leaves behind then is the copy,
    // which is thrown away.
    let upgraded = unwind::caught(|| upgrade_in_place(new, path, options));
    upgraded.unwrap_or_else(|_| {
        let reason = "it is corrupt, and redb 2 cannot read it".to_owned();
        Err(Error::NotAStore { path: path.to_owned(), reason })
    })?;
    let handle = Handle::open_looked_through(new, path)?;
    let connection = Arc::new(ReopeningHandle::with_handle(path, options, handle));
    Store { connection, archived: None, upgraded_from: None }.checked()?;
    File::open(new).and_then(|file| file.sync_all()).map_err(Error::io("sync", new))
}

/// Errors name the store, of which `file` is the copy.
fn upgrade_in_place(file: &Path, store: &Path, options: &OpenOptions) -> Result<()> {
    let failed = |error: redb2::Error| match error {
        redb2::Error::Corrupted(reason) => Error::NotAStore { path: store.to_owned(), reason },
        redb2::Error::Io(error) => Error::io("upgrade", file)(error),
        other => Error::Storage(Box::new(other)),
    };
    let listener = options.on_repair.clone();
    let mut builder = redb2::Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder.set_repair_callback(move |repair| listener.tell(repair.progress()));
    let opened = builder.open(file);
    let mut db = opened.map_err(|error| failed(error.into()))?;
    db.upgrade().map_err(|error| failed(error.into()))?;
    Ok(())
}
