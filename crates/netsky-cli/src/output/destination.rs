//! A file that has its name once it is whole.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use netsky_db::internal::TempFileGuard;
use netsky_db::{Db, Error};
use tempfile::{Builder, NamedTempFile, TempPath};

use crate::failure::Failure;

/// Where output goes that does not go to standard output.
pub struct Destination {
    path: PathBuf,
    replaces: bool,
    to: BufWriter<To>,
}

enum To {
    /// Beside the path, which it gets in the end.
    Temporary(NamedTempFile, TempFileGuard),
    /// What stands at the path is no file, such as a pipe or `/dev/null`, and stays what it is.
    Other(File),
}

/// What was written, before it has its name. It is no open file, so that there can be many.
pub struct Whole {
    path: PathBuf,
    replaces: bool,
    /// `None` of what is no file.
    content: Option<(TempPath, TempFileGuard)>,
    /// The size of the file.
    pub bytes: u64,
}

impl Destination {
    /// For what somebody wants to show. It has the permissions of the file that it replaces, else those
    /// that files get here.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let path = resolved(path)?;
        let replaced = fs::metadata(&path).map(|file| file.permissions()).ok();
        Self::open(path, true, replaced.or_else(everybodys))
    }

    /// For a copy of the store's rows, which its owner alone can read. Another file is replaced only if
    /// that is wanted.
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

    /// Ends the writing.
    pub fn close(self) -> Result<Whole, Failure> {
        let failed = |error: io::Error| unwritable(&self.path, &error);
        let (content, bytes) = match self.to.into_inner().map_err(|error| failed(error.into()))? {
            To::Temporary(file, watched) => {
                // The name must never lead to less than the whole, after a power failure either. The
                // file that is replaced stays on the disk until this one is.
                file.as_file().sync_all().map_err(failed)?;
                let bytes = file.as_file().metadata().map_err(failed)?.len();
                (Some((file.into_temp_path(), watched)), bytes)
            }
            To::Other(_) => (None, 0),
        };
        Ok(Whole { path: self.path, replaces: self.replaces, content, bytes })
    }

    /// Ends the writing, and gives the file its name.
    pub fn finish(self) -> Result<(), Failure> {
        self.close()?.place()
    }
}

impl Whole {
    /// Gives the file its name.
    pub fn place(self) -> Result<(), Failure> {
        let Some((content, _watched)) = self.content else { return Ok(()) };
        let placed = match self.replaces {
            true => content.persist(&self.path),
            // Somebody may have made a file there meanwhile.
            false => content.persist_noclobber(&self.path),
        };
        placed.map_err(|error| unwritable(&self.path, &error.error))?;
        sync_dir(dir_of(&self.path)).map_err(|error| unwritable(&self.path, &error))
    }
}

fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a directory and those above it, with durable names.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    dir.parent().map_or(Ok(()), create_dir)?;
    match fs::create_dir(dir) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        made => made.and_then(|()| sync_dir(dir_of(dir))),
    }
}

/// Makes the names in a directory durable. Only on Unix can one be synced.
fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    match File::open(dir) {
        Ok(dir) => dir.sync_all()?,
        // Files can be made in it, but nobody can open it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What a link leads to is replaced, not the link. No database ever is, whether it is the store that the
/// output comes from or another.
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

/// In a directory where everybody can make files, such as /tmp, another user can leave a link with the
/// name that somebody will write to. Linux does not follow such a link (`fs.protected_symlinks`), but here
/// links are read, not followed.
#[cfg(unix)]
fn refuse_others_links(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;

    const STICKY_FOR_ALL: u32 = 0o1002;
    /// As many links in a row as Linux follows.
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

impl Write for Destination {
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
