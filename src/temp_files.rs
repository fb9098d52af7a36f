//! Named temporary files.
//!
//! Each is removed when it is dropped. A process killed by a signal drops nothing, so all of them
//! are also listed here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A running query can add a file to a directory while it is being emptied.
const ATTEMPTS: usize = 100;

static LISTED: Mutex<Listed> = Mutex::new(Listed { paths: Vec::new(), is_closed: false });

struct Listed {
    paths: Vec<PathBuf>,
    /// Whether the files have been removed and no more may be created.
    is_closed: bool,
}

fn listed() -> MutexGuard<'static, Listed> {
    LISTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the temporary files of this process: those of queries that hold more than a
/// [`memory_limit`](crate::QueryOptions::memory_limit) allows, and of a backup that is being made.
///
/// Call it right before the process ends because of a signal; in all other cases they are removed
/// without it. Queries and backups that are still running fail, and so do later ones that need
/// temporary files.
pub fn remove_temp_files() {
    let mut listed = listed();
    listed.is_closed = true;
    for path in &listed.paths {
        match path.is_dir() {
            true => remove_dir(path),
            // The file may have been renamed to its final name already.
            false => drop(fs::remove_file(path)),
        }
    }
}

fn remove_dir(dir: &Path) {
    for _ in 0..ATTEMPTS {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            _ => return,
        }
    }
}

/// Lists a temporary file or directory until it is dropped.
#[derive(Debug)]
pub struct TempFileGuard(PathBuf);

impl TempFileGuard {
    /// Creates a file or directory and lists it. Both happen under one lock, so that a signal
    /// handler finds it listed or not yet created.
    ///
    /// # Errors
    ///
    /// Those of `make`; and always fails once the process is about to end.
    pub fn create<T: AsRef<Path>>(make: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Self)> {
        let mut listed = listed();
        if listed.is_closed {
            return Err(io::Error::other("the process is ending"));
        }
        let made = make()?;
        listed.paths.push(made.as_ref().to_owned());
        let guard = Self(made.as_ref().to_owned());
        Ok((made, guard))
    }
}

impl Drop for TempFileGuard {
    fn drop(&mut self) {
        listed().paths.retain(|path| *path != self.0);
    }
}
