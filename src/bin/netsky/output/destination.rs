//! A file that has its name once it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::failure::Failure;
use crate::interrupt::Unfinished;

/// Where output goes that does not go to standard output.
pub struct Destination {
    path: PathBuf,
    to: BufWriter<To>,
}

enum To {
    /// Beside the path, which it gets in the end.
    Temporary(NamedTempFile, Unfinished),
    /// What stands at the path is no file, such as a pipe or `/dev/null`, and stays what it is.
    Other(File),
}

impl Destination {
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let to = Self::open(path).map_err(|error| unwritable(path, &error))?;
        Ok(Self { path: to.0, to: BufWriter::with_capacity(1 << 18, to.1) })
    }

    fn open(path: &Path) -> io::Result<(PathBuf, To)> {
        // What a link leads to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => {
                let file = File::options().write(true).open(&path)?;
                return Ok((path, To::Other(file)));
            }
            _ => {}
        }
        let dir = match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        let mut builder = Builder::new();
        builder.prefix(".netsky-").suffix(".part");
        let file = as_others_make_it(&mut builder, &path).tempfile_in(dir)?;
        let unfinished = Unfinished::new(file.path());
        Ok((path, To::Temporary(file, unfinished)))
    }

    /// Gives the file its name.
    pub fn finish(self) -> Result<(), Failure> {
        let path = self.path;
        let failed = |error: &io::Error| unwritable(&path, error);
        match self.to.into_inner().map_err(|error| failed(error.error()))? {
            To::Temporary(file, _unfinished) => {
                file.persist(&path).map(|_| ()).map_err(|e| failed(&e.error))
            }
            To::Other(_) => Ok(()),
        }
    }
}

/// With the permissions of the file that it replaces, else with those that files get here.
#[cfg(unix)]
fn as_others_make_it<'a, 'p, 's>(
    builder: &'a mut Builder<'p, 's>,
    path: &Path,
) -> &'a mut Builder<'p, 's> {
    use std::os::unix::fs::PermissionsExt;
    let replaced = fs::metadata(path).map(|file| file.permissions());
    builder.permissions(replaced.unwrap_or_else(|_| fs::Permissions::from_mode(0o666)))
}

#[cfg(not(unix))]
fn as_others_make_it<'a, 'p, 's>(
    builder: &'a mut Builder<'p, 's>,
    _: &Path,
) -> &'a mut Builder<'p, 's> {
    builder
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
