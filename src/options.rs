//! How a store is opened.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "sql")]
use crate::machine;
use crate::maintenance_progress::MaintenanceProgress;

/// How long a call waits for other processes unless told otherwise.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Also where nobody else writes, opening and writing take a moment, on a thread of their own, and more on
/// a busy machine. Who waits less than that would be told of another process that is not there.
const SHORTEST_BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// How to open a store, where [`Db::open`](crate::Db::open) and its kin do not fit.
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
    pub(crate) on_repair: RepairListener,
    pub(crate) busy_timeout: Duration,
    #[cfg(feature = "sql")]
    pub(crate) query_timeout: Option<Duration>,
    #[cfg(feature = "sql")]
    pub(crate) memory_limit: Option<usize>,
    #[cfg(feature = "sql")]
    pub(crate) skip_corrupt: bool,
    pub(crate) maintenance_progress: MaintenanceProgress,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    /// What `Db::open` and its kin use.
    pub fn new() -> Self {
        Self {
            on_repair: RepairListener::default(),
            busy_timeout: BUSY_TIMEOUT,
            #[cfg(feature = "sql")]
            query_timeout: None,
            #[cfg(feature = "sql")]
            memory_limit: None,
            #[cfg(feature = "sql")]
            skip_corrupt: false,
            maintenance_progress: MaintenanceProgress::default(),
        }
    }

    /// How long opening or writing waits while another process writes, before it fails with
    /// [`Error::Busy`](crate::Error::Busy); 10 seconds unless set, and no
    /// less than 250 milliseconds. Queries never wait.
    #[must_use]
    pub fn busy_timeout(self, busy_timeout: Duration) -> Self {
        Self { busy_timeout: busy_timeout.max(SHORTEST_BUSY_TIMEOUT), ..self }
    }

    /// Calls `listener` with how far it is, from 0 to 1, while opening repairs the file. A store that
    /// netsky wrote needs no repair after a crash, and opens as fast as ever; one of netsky-db 0.1.6
    /// whose last program was killed does, and so may one that another program wrote to. It takes a
    /// quarter of a second for a million rows in the system's memory, and more from a disk.
    #[must_use]
    pub fn on_repair(self, listener: impl Fn(f64) + Send + Sync + 'static) -> Self {
        Self { on_repair: RepairListener(Some(Arc::new(listener))), ..self }
    }

    /// How long a query may take before it fails with [`Error::TimedOut`](crate::Error::TimedOut); as
    /// long as it wants unless set. It does not hold for a [`session`](crate::Db::session).
    ///
    /// The call returns in time, whatever the query is doing. Its threads stop within about a second;
    /// if a single function works on one batch of rows for longer, such as `levenshtein` on long texts
    /// or `median` over a window of many rows, they stop after that, and hold up nobody meanwhile.
    #[cfg(feature = "sql")]
    #[must_use]
    pub fn query_timeout(self, query_timeout: Duration) -> Self {
        Self { query_timeout: Some(query_timeout), ..self }
    }

    /// How many bytes the queries that run at one time may hold between them to sort, group and join,
    /// and for what functions such as `repeat` make. Beyond it, sorts and groupings use temporary
    /// files. A query that cannot, such as a join of two large tables, fails with
    /// [`Error::MemoryLimit`](crate::Error::MemoryLimit). What scans and window functions hold and the
    /// answer itself are not counted.
    ///
    /// Unless a limit is set it is [`default_memory_limit`](Self::default_memory_limit), and queries
    /// use all cores and large batches until memory runs short. A query with a limit that was set is
    /// thrifty from the start: it computes on one core, beside the one that reads.
    ///
    /// A large sort has hundreds of temporary files open. The allocator may keep as much memory again
    /// as the query has given back: glibc's does unless the environment has `MALLOC_ARENA_MAX=2` and
    /// `MALLOC_MMAP_THRESHOLD_=65536`, with which `netsky --memory-limit` runs.
    #[cfg(feature = "sql")]
    #[must_use]
    pub fn memory_limit(self, bytes: usize) -> Self {
        Self { memory_limit: Some(bytes), ..self }
    }

    /// The [`memory_limit`](Self::memory_limit) of a store that is opened without one, in bytes: half
    /// of the machine's memory, or of what the control groups of its container or service leave the
    /// process. `None` where the system does not tell, which Linux does: there is no limit then.
    #[cfg(feature = "sql")]
    pub fn default_memory_limit() -> Option<usize> {
        // DataFusion counts about half of what it holds when memory runs short.
        machine::memory().map(|bytes| bytes / 2)
    }

    /// Leaves rows out that cannot be decoded, where a query would fail at them. All columns of a row
    /// are decoded, whatever the query asks for, so every query sees the same rows, `count(*)` too.
    /// [`QueryStream::skipped_rows`](crate::QueryStream::skipped_rows) counts the rows left out, each
    /// once, among those that the query read.
    ///
    /// Rows are not compared with their checksums then, so changed bytes that still decode are not noticed.
    #[cfg(feature = "sql")]
    #[must_use]
    pub fn skip_corrupt(self) -> Self {
        Self { skip_corrupt: true, ..self }
    }

    /// Has [`check`](crate::Db::check), [`backup`](crate::Db::backup) and [`restore`](Self::restore) tell
    /// how far they are.
    #[must_use]
    pub fn maintenance_progress(self, maintenance_progress: MaintenanceProgress) -> Self {
        Self { maintenance_progress, ..self }
    }
}

/// Who is told how far a repair is.
#[derive(Clone, Default)]
pub(crate) struct RepairListener(Option<Arc<dyn Fn(f64) + Send + Sync>>);

impl RepairListener {
    pub(crate) fn tell(&self, progress: f64) {
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
