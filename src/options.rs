//! The options for opening a store.

use std::sync::Arc;
use std::time::Duration;

use crate::maintenance_progress::MaintenanceProgress;

/// The default time that a call waits for other processes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Opening and committing take some milliseconds even without contention, because they run on another
/// thread, and longer on a busy machine. A shorter timeout would report contention that does not exist.
const SHORTEST_BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// Options for opening a store, if the defaults of [`Db::open`](crate::Db::open) and similar calls do
/// not fit. The limits of queries are set separately, in [`QueryOptions`](crate::QueryOptions).
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> netsky_db::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("meta.db");
/// // A hook that must not hold up its agent.
/// let options = netsky_db::OpenOptions::new().busy_timeout(Duration::from_millis(500));
/// let db = options.open(path)?;
/// # drop(db);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions {
    pub(crate) create: bool,
    pub(crate) on_repair: RepairListener,
    pub(crate) busy_timeout: Duration,
    pub(crate) maintenance_progress: MaintenanceProgress,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    /// The options that `Db::open` and similar calls use.
    pub fn new() -> Self {
        Self {
            create: true,
            on_repair: RepairListener::default(),
            busy_timeout: BUSY_TIMEOUT,
            maintenance_progress: MaintenanceProgress::default(),
        }
    }

    /// Whether opening for writing creates a missing store. The default is true. With false, opening
    /// fails with [`Error::StoreNotFound`](crate::Error::StoreNotFound), and refuses a SQLite file of
    /// an older netsky instead of moving it aside.
    ///
    /// ```
    /// use netsky_db::{Error, OpenOptions};
    ///
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("meta.db");
    /// let opened = OpenOptions::new().create(false).open(&path);
    /// assert!(matches!(opened, Err(Error::StoreNotFound { .. })));
    /// assert!(!path.exists());
    /// ```
    #[must_use]
    pub fn create(self, create: bool) -> Self {
        Self { create, ..self }
    }

    /// The maximum time that opening or writing waits while another process writes, before it fails
    /// with [`Error::Busy`](crate::Error::Busy). The default is 10 seconds, the minimum 250
    /// milliseconds. Queries never wait.
    #[must_use]
    pub fn busy_timeout(self, busy_timeout: Duration) -> Self {
        Self { busy_timeout: busy_timeout.max(SHORTEST_BUSY_TIMEOUT), ..self }
    }

    /// Calls `listener` with the progress, from 0 to 1, while opening repairs the file. A store that
    /// netsky wrote needs no repair after a crash and opens as fast as usual. A store of netsky-db
    /// 0.1.6 needs one if the last program that used it was killed, and so may a store that another
    /// program wrote to. A repair takes a quarter of a second per million rows if the file is in the
    /// system's memory, and longer from a disk.
    #[must_use]
    pub fn on_repair(self, listener: impl Fn(f64) + Send + Sync + 'static) -> Self {
        Self { on_repair: RepairListener(Some(Arc::new(listener))), ..self }
    }

    /// Makes [`check`](crate::Db::check), [`backup`](crate::Db::backup) and [`restore`](Self::restore)
    /// report their progress.
    #[must_use]
    pub fn maintenance_progress(self, maintenance_progress: MaintenanceProgress) -> Self {
        Self { maintenance_progress, ..self }
    }
}

/// The function that receives the progress of a repair.
#[derive(Clone, Default)]
pub(crate) struct RepairListener(Option<Arc<dyn Fn(f64) + Send + Sync>>);

impl RepairListener {
    pub(crate) fn report(&self, progress: f64) {
        if let Some(listener) = &self.0 {
            listener(progress);
        }
    }
}

impl std::fmt::Debug for RepairListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "RepairListener" } else { "None" })
    }
}
