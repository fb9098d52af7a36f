//! Opens a file so that other processes can open it too, or exclusively if that is impossible.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use redb::{ConcurrencyMode, DatabaseError, StorageError};

/// The pause between attempts to open a file that another process has open exclusively.
const PAUSE: Duration = Duration::from_millis(20);
/// No attempt starts this shortly before the deadline, so that even a busy machine has time to
/// report why opening failed.
const TIME_TO_REPORT: Duration = Duration::from_millis(100);

/// Opens a file so that other processes can open it too. That needs locks on parts of a file; if
/// the file system or the platform does not have them, the file is opened exclusively. Returns
/// `true` if it is open exclusively.
///
/// If another process has the file open exclusively, as a restore does while it replaces the file,
/// opening is retried until the deadline.
pub(super) fn open_shared_or_exclusive<T>(
    deadline: Option<Instant>,
    open: impl Fn(ConcurrencyMode) -> Result<T, DatabaseError>,
) -> Result<(T, bool), DatabaseError> {
    loop {
        let (opened, exclusive) = match open(ConcurrencyMode::MultiWriter) {
            Err(error) if lacks_range_locks(&error) => {
                (open(ConcurrencyMode::ExclusiveWriter), true)
            }
            opened => (opened, false),
        };
        match opened {
            Err(DatabaseError::DatabaseAlreadyOpen)
                if deadline.is_none_or(|deadline| Instant::now() + TIME_TO_REPORT < deadline) =>
            {
                thread::sleep(PAUSE);
            }
            opened => return Ok((opened?, exclusive)),
        }
    }
}

fn lacks_range_locks(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::Storage(StorageError::Unsupported) => true,
        DatabaseError::Storage(StorageError::Io(error)) => {
            error.kind() == io::ErrorKind::Unsupported || is_no_locks(error)
        }
        _ => false,
    }
}

/// Whether this is the error of Linux and macOS for a network file system whose server has no lock
/// manager.
#[cfg(unix)]
fn is_no_locks(error: &io::Error) -> bool {
    const ENOLCK: i32 = if cfg!(target_os = "linux") { 37 } else { 77 };
    error.raw_os_error() == Some(ENOLCK)
}

#[cfg(not(unix))]
fn is_no_locks(_: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::ops::Bound;
    use std::path::Path;
    use std::sync::mpsc;

    use redb::backends::FileBackend;
    use redb::{BackendError, Builder, Database, StorageBackend};

    use super::*;

    /// A file on a file system that can lock only whole files.
    #[derive(Debug)]
    struct WholeLocks(FileBackend);

    fn whole(start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        match (start, end) {
            (Bound::Unbounded | Bound::Included(0), Bound::Unbounded) => Ok(()),
            _ => Err(BackendError::Unsupported),
        }
    }

    macro_rules! whole_only {
        ($($name:ident -> $answer:ty),*) => {$(
            fn $name(&self, start: Bound<u64>, end: Bound<u64>) -> Result<$answer, BackendError> {
                whole(start, end)?;
                self.0.$name(start, end)
            }
        )*};
    }

    impl StorageBackend for WholeLocks {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.0.write(offset, data)
        }

        fn close(&self) -> io::Result<()> {
            self.0.close()
        }

        whole_only! {
            try_lock_range -> bool, try_lock_shared_range -> bool, lock_range -> (),
            lock_shared_range -> (), unlock_range -> (), query_lock_range -> bool
        }
    }

    fn open(path: &Path, timeout: Duration) -> Result<(Database, bool), DatabaseError> {
        open_shared_or_exclusive(Some(Instant::now() + timeout), |mode| {
            let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
            let backend = WholeLocks(FileBackend::new(file)?);
            Builder::new().set_concurrency_mode(mode).create_with_backend(backend)
        })
    }

    #[test]
    fn without_range_locks_files_open_exclusively() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (first, exclusive) = open(file.path(), Duration::ZERO).unwrap();
        assert!(exclusive);
        let second = open(file.path(), 3 * PAUSE);
        assert!(matches!(second, Err(DatabaseError::DatabaseAlreadyOpen)), "{second:?}");

        let (release, released) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                released.recv().unwrap();
                thread::sleep(2 * PAUSE);
                drop(first);
            });
            release.send(()).unwrap();
            assert!(open(file.path(), Duration::from_secs(60)).unwrap().1);
        });
    }

    #[test]
    fn with_range_locks_files_are_shared() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || {
            open_shared_or_exclusive(None, |mode| {
                Builder::new().set_concurrency_mode(mode).create(file.path())
            })
        };
        let (_first, exclusive) = open().unwrap();
        assert!(!exclusive);
        let (_second, exclusive) = open().unwrap();
        assert!(!exclusive);
    }
}
