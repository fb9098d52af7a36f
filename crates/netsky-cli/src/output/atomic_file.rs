//! Output files that appear under their name only when complete.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use netsky_db::internal::{TempFileGuard, sync_dir};
use netsky_db::{Db, Error};
use tempfile::{Builder, NamedTempFile, TempPath};

use crate::failure::Failure;

/// An output file. It is written under a temporary name and renamed at the end.
pub struct AtomicFile {
    path: PathBuf,
    replaces: bool,
    to: BufWriter<To>,
}

enum To {
    /// A temporary file in the same directory.
    Temporary(NamedTempFile, TempFileGuard),
    /// Not a regular file, such as a pipe or `/dev/null`. It is written directly.
    Other(File),
}

/// A file that is complete but not yet renamed. It is closed, so there can be more of them than open
/// files.
pub struct FinishedFile {
    path: PathBuf,
    replaces: bool,
    /// `None` if it is not a regular file.
    content: Option<(TempPath, TempFileGuard)>,
    /// The size of the file in bytes.
    pub bytes: u64,
}

impl AtomicFile {
    /// Creates a file with the permissions of the file that it replaces, else the default ones.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let path = resolved(path)?;
        let replaced = fs::metadata(&path).map(|file| file.permissions()).ok();
        Self::open(path, true, replaced.or_else(everybodys))
    }

    /// Creates a file for the store's rows, which only its owner can read. An existing file is replaced
    /// only if `replaces` is set.
    pub fn create_private(path: &Path, replaces: bool) -> Result<Self, Failure> {
        let path = resolved(path)?;
        if !replaces && path.is_file() {
            return Err(Error::FileExists { path }.into());
        }
        Self::open(path, replaces, None)
    }

    fn open(
        path: PathBuf,
        replaces: bool,
        permissions: Option<Permissions>,
    ) -> Result<Self, Failure> {
        let failed = |error: io::Error| unwritable(&path, &error);
        let to = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            Ok(found) if !found.is_file() => {
                To::Other(File::options().write(true).open(&path).map_err(failed)?)
            }
            _ => {
                let mut builder = Builder::new();
                builder.prefix(".netsky-").suffix(".part");
                permissions.map(|permissions| builder.permissions(permissions));
                let (file, watched) =
                    TempFileGuard::create(|| builder.tempfile_in(dir_of(&path))).map_err(failed)?;
                To::Temporary(file, watched)
            }
        };
        Ok(Self { path, replaces, to: BufWriter::with_capacity(1 << 18, to) })
    }

    /// Writes and syncs what is left.
    pub fn close(self) -> Result<FinishedFile, Failure> {
        let failed = |error: io::Error| unwritable(&self.path, &error);
        let (content, bytes) = match self.to.into_inner().map_err(|error| failed(error.into()))? {
            To::Temporary(file, watched) => {
                // The name must never lead to an incomplete file, even after a power failure. The
                // replaced file stays on the disk until this one is synced.
                file.as_file().sync_all().map_err(failed)?;
                let bytes = file.as_file().metadata().map_err(failed)?.len();
                (Some((file.into_temp_path(), watched)), bytes)
            }
            To::Other(_) => (None, 0),
        };
        Ok(FinishedFile { path: self.path, replaces: self.replaces, content, bytes })
    }

    /// Completes the file and renames it.
    pub fn finish(self) -> Result<(), Failure> {
        self.close()?.rename()
    }
}

impl FinishedFile {
    /// Renames the file.
    pub fn rename(self) -> Result<(), Failure> {
        let Some((content, _watched)) = self.content else { return Ok(()) };
        let renamed = match self.replaces {
            true => content.persist(&self.path),
            // Another program may have created a file there meanwhile.
            false => content.persist_noclobber(&self.path),
        };
        renamed.map_err(|error| unwritable(&self.path, &error.error))?;
        sync_dir(dir_of(&self.path)).map_err(|error| unwritable(&self.path, &error))
    }
}

fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates a directory and its parents, with durable names.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    dir.parent().map_or(Ok(()), create_dir)?;
    match fs::create_dir(dir) {
        // Another process created it first.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        made => made.and_then(|()| sync_dir(dir_of(dir))),
    }
}

/// Follows links, so that the target is replaced and not the link. A database is never replaced, whether
/// it is the store being read or another one.
fn resolved(path: &Path) -> Result<PathBuf, Failure> {
    #[cfg(unix)]
    refuse_others_links(path)?;
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if path.is_file() && Db::is_database(&path)? {
        return Err(Failure::input(format!(
            "{} is a store, and output never replaces a store\n  name another file",
            path.display()
        )));
    }
    Ok(path)
}

/// Refuses links that another user may have planted in a shared directory such as /tmp. Linux does not
/// follow such links (`fs.protected_symlinks`), but here they are read and resolved, not followed.
#[cfg(unix)]
fn refuse_others_links(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;

    const STICKY_FOR_ALL: u32 = 0o1002;
    /// The limit of Linux.
    const MOST_LINKS: usize = 40;

    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        let dir = dir_of(&path);
        let (Ok(link), Ok(place)) = (fs::symlink_metadata(&path), fs::metadata(dir)) else { break };
        let is_for_all = place.mode() & STICKY_FOR_ALL == STICKY_FOR_ALL;
        let owners = [nix::unistd::geteuid().as_raw(), place.uid()];
        if is_for_all && !owners.contains(&link.uid()) {
            return Err(Failure::input(format!(
                "{} is a link that another user created in a shared directory\n  name another file",
                path.display()
            )));
        }
        path = dir.join(target);
    }
    Ok(())
}

fn everybodys() -> Option<Permissions> {
    #[cfg(unix)]
    return Some(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    #[cfg(not(unix))]
    None
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::input(format!("cannot write {}: {error}", path.display()))
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Write for To {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Temporary(file, _) => file.write(bytes),
            Self::Other(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Temporary(file, _) => file.flush(),
            Self::Other(file) => file.flush(),
        }
    }
}
