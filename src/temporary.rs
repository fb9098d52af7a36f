//! Temporary files that have names. They stay behind when a process ends without dropping what holds
//! them, as it does on a signal.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use datafusion::execution::disk_manager::DiskManager;

/// A directory into which a query writes can get a new file while it is emptied.
const ATTEMPTS: usize = 100;

static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

enum Known {
    File(PathBuf),
    /// Directories that come with the first file of a query.
    Spills(Weak<DiskManager>),
}

fn known() -> MutexGuard<'static, Vec<Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the temporary files of this process: those of queries that hold more than a
/// [`memory_limit`](crate::OpenOptions::memory_limit) allows, and of a backup that is being made.
/// Queries and backups that still run fail. Call it right before the process ends while there may be
/// any, as on a signal; files that have served are removed without it.
pub fn discard_temporary_files() {
    for known in known().iter() {
        match known {
            Known::File(path) => {
                let _ = fs::remove_file(path);
            }
            Known::Spills(disk) => {
                let dirs = disk.upgrade().map(|disk| disk.temp_dir_paths());
                dirs.unwrap_or_default().iter().for_each(|dir| remove_dir(dir));
            }
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

/// Has the files to which queries spill go with the others.
pub(crate) fn watch_spills(disk: &Arc<DiskManager>) {
    let mut known = known();
    known.retain(|known| !matches!(known, Known::Spills(disk) if disk.strong_count() == 0));
    known.push(Known::Spills(Arc::downgrade(disk)));
}

/// As long as it lives, the file goes with the others.
pub(crate) struct Watched(PathBuf);

impl Watched {
    pub(crate) fn new(path: &Path) -> Self {
        known().push(Known::File(path.to_owned()));
        Self(path.to_owned())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        known().retain(|known| !matches!(known, Known::File(path) if *path == self.0));
    }
}
