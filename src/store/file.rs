//! The store's file and directory: makes them private and identifies other kinds of file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::directory;
use crate::error::{Error, Result};

/// The first bytes of a redb file of any format version.
pub(super) const REDB_MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";
pub(super) const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// Identifies a file independently of the path that leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

#[cfg(unix)]
impl FileId {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(path)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    /// Returns the id of an open file. `path` led to it when it was opened.
    pub(super) fn of_open(file: &File, _path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = file.metadata()?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

#[cfg(not(unix))]
impl FileId {
    /// Without inodes, the canonical path identifies the file. The id is its hash.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        fs::canonicalize(path)?.hash(&mut hasher);
        Ok(Self { device: 0, inode: hasher.finish() })
    }

    pub(super) fn of_open(_file: &File, path: &Path) -> io::Result<Self> {
        Self::of(path)
    }
}

/// Creates an empty file and its missing parent directories. They are accessible to their owner
/// only, because rows hold messages and directives.
pub(super) fn create_private(path: &Path) -> Result<()> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        create_private_dir(dir)?;
    }
    open_or_create(path).map(|_| ()).map_err(Error::io("open", path))
}

/// Opens the file for reading and writing, and creates it, accessible to its owner only, if it is
/// missing.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Fails if the path is not a regular file. This comes before any other access: opening a pipe
/// would block, and changing the mode of a device would affect everyone.
pub(super) fn refuse_special(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(Error::NotAStore {
            path: path.to_owned(),
            reason: format!("it is {}, not a regular file", kind_of(found.file_type())),
        }),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn kind_of(found: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match found {
        found if found.is_dir() => "a directory",
        found if found.is_fifo() => "a named pipe",
        found if found.is_socket() => "a socket",
        found if found.is_char_device() || found.is_block_device() => "a device",
        _ => "a special file",
    }
}

#[cfg(not(unix))]
fn kind_of(found: fs::FileType) -> &'static str {
    if found.is_dir() { "a directory" } else { "a special file" }
}

/// Removes the permissions of group and others from the store's file, which is known to be a store
/// by now.
///
/// The mode is changed by path. On systems where locks belong to the process instead of the open
/// file, closing a second descriptor of the file would release the locks of the first.
#[cfg(unix)]
pub(super) fn make_store_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map(|found| found.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(Error::io("make private", path))?;
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn make_store_private(_path: &Path) -> Result<()> {
    Ok(())
}

/// Creates the directory of the store at `path` if it is missing, and removes the permissions of
/// group and others. Only for the default directory: a path that the caller names may lie in a
/// directory that is not netsky's.
pub(crate) fn own_private_dir(path: &Path) -> Result<()> {
    let Some(dir) = path.parent() else { return Ok(()) };
    create_private_dir(dir)?;
    File::open(dir)
        .and_then(|dir| make_private(&dir, 0o700))
        .map_err(Error::io("make private", dir))
}

/// Fails if the default store is a symbolic link: anyone who can create one could redirect the rows
/// to a file of their own. A path that the caller names may be a link.
pub(crate) fn refuse_link(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(Error::NotAStore {
            path: path.to_owned(),
            reason: "it is a symbolic link; name its target".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Creates a directory and its missing parents, accessible to their owner only. An existing
/// directory stays as it is.
pub(super) fn create_private_dir(dir: &Path) -> Result<()> {
    directory::create_private_dir(dir).map_err(Error::io("create", dir))
}

#[cfg(unix)]
pub(super) fn make_private(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn make_private(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Copies an open file durably. The copy is accessible only to the owner of the original, whichever
/// user runs this. An existing file at `copy` is replaced.
pub(super) fn copy_private(original: &mut File, copy: &Path) -> Result<()> {
    match fs::remove_file(copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("replace", copy)(error));
        }
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(copy).map_err(Error::io("create", copy))?;
    give_to_owner_of(original, &file).map_err(Error::io("give to the store's owner", copy))?;
    original
        .rewind()
        .and_then(|()| io::copy(original, &mut file))
        .and_then(|_| file.sync_all())
        .map_err(Error::io("copy the store to", copy))
}

#[cfg(unix)]
fn give_to_owner_of(original: &File, copy: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let owner = original.metadata()?.uid();
    if copy.metadata()?.uid() != owner {
        fchown(copy, Some(owner), None)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn give_to_owner_of(_original: &File, _copy: &File) -> io::Result<()> {
    Ok(())
}

/// Makes the names in a file's directory durable. Only Unix can sync a directory.
pub(super) fn sync_dir(of_file: &Path) -> Result<()> {
    let dir = of_file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    #[cfg(unix)]
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))?;
    Ok(())
}

/// Locks a file or directory against other processes that use this function, waiting up to
/// `timeout`.
pub(super) fn lock_within(file: &File, path: &Path, timeout: Duration) -> Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    let deadline = Instant::now().checked_add(timeout);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock)
                if deadline.is_none_or(|deadline| Instant::now() + PAUSE < deadline) =>
            {
                thread::sleep(PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                let reason = format!("still locked after {} s", timeout.as_secs_f64());
                return Err(Error::Locked { path: path.to_owned(), reason });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
        }
    }
}

/// Returns the length of a redb file according to its header: one page, the full regions, and a
/// partial one.
pub(super) fn redb_file_bytes(header: &[u8]) -> Option<u64> {
    let number = |at: usize| {
        let bytes = header.get(at..)?.first_chunk()?;
        Some(u64::from(u32::from_le_bytes(*bytes)))
    };
    let (page, region_header, region) = (number(12)?, number(16)?, number(20)?);
    let (full_regions, last_region) = (number(24)?, number(28)?);
    let last = if last_region > 0 { region_header + last_region } else { 0 };
    (region_header + region).checked_mul(full_regions)?.checked_add(last + 1)?.checked_mul(page)
}

/// Whether the path is a file that begins like one of redb or SQLite.
pub(crate) fn is_database(path: &Path) -> Result<bool> {
    let begin = first_bytes(path, REDB_MAGIC.len().max(SQLITE_MAGIC.len()) as u64)?;
    Ok(begin.is_some_and(|begin| {
        [REDB_MAGIC, SQLITE_MAGIC].into_iter().any(|magic| begin.starts_with(magic))
    }))
}

/// Returns the first bytes of a file, fewer if it is shorter; `None` if there is no file.
pub(super) fn first_bytes(path: &Path, count: u64) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(Error::io("open", path))?,
    };
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok(Some(bytes))
}
