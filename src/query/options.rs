//! The limits of a query: time, memory and cores, and how it handles corrupt rows.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::machine;

/// The limits of a query. [`Db::with_query_options`](crate::Db::with_query_options) returns a handle
/// whose queries use them, so that a server can have different limits for each request.
///
/// ```
/// use std::time::Duration;
///
/// use netsky_db::{Error, QueryOptions};
///
/// # fn main() -> netsky_db::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
/// let limits = QueryOptions::new().timeout(Duration::from_secs(30)).memory_limit(64 << 20);
/// let limited = db.with_query_options(limits);
/// let error = limited.query("SELECT length(repeat('x', 1000000000))").unwrap_err();
/// assert!(matches!(error, Error::MemoryLimit { .. }));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) memory_limit: Option<usize>,
    pub(crate) skip_corrupt: bool,
    pub(crate) partitions: Option<NonZeroUsize>,
    pub(crate) batch_size: Option<NonZeroUsize>,
}

impl QueryOptions {
    /// No timeout, the default memory limit and all cores. A corrupt row fails the query.
    pub fn new() -> Self {
        Self::default()
    }

    /// The maximum time for a query, including planning. A query that takes longer fails with
    /// [`Error::TimedOut`](crate::Error::TimedOut). `None`, the default, means no limit. It does not
    /// apply to a [`session`](crate::Db::session).
    ///
    /// The call returns in time, whatever the query is doing. The query's threads stop within about a
    /// second. If a single function works on one batch of rows for longer, such as `levenshtein` on
    /// long strings or `median` over a window of many rows, the threads stop after that. They do not
    /// delay other queries.
    #[must_use]
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }

    /// The maximum memory in bytes for sorts, aggregations and joins, and for the results of functions
    /// such as `repeat`. Sorts and aggregations that need more use temporary files. A query that
    /// cannot, such as a join of two large tables, fails with
    /// [`Error::MemoryLimit`](crate::Error::MemoryLimit). The memory of scans and window functions and
    /// the answer itself are not counted.
    ///
    /// With `None`, the default, all such queries of the process share
    /// [`default_memory_limit`](Self::default_memory_limit), and use all cores and large batches until
    /// memory runs short. A query with its own limit does not share it, and uses little memory from the
    /// start: it computes on one core, besides the one that reads.
    ///
    /// A large sort keeps hundreds of temporary files open. The allocator may keep as much memory again
    /// as the query has freed. glibc's allocator does, unless the environment has `MALLOC_ARENA_MAX=2`
    /// and `MALLOC_MMAP_THRESHOLD_=65536`, with which `netsky --memory-limit` runs.
    #[must_use]
    pub fn memory_limit(self, bytes: impl Into<Option<usize>>) -> Self {
        Self { memory_limit: bytes.into(), ..self }
    }

    /// The memory in bytes that queries without a [`memory_limit`](Self::memory_limit) share: half of
    /// the machine's memory, or of what the control groups of a container or service leave to the
    /// process. `None` if the system does not report its memory; only Linux does. Then there is no
    /// limit.
    pub fn default_memory_limit() -> Option<usize> {
        // When memory runs short, DataFusion holds about twice as much as it counts.
        machine::memory().map(|bytes| bytes / 2)
    }

    /// Whether to skip rows that cannot be decoded, instead of failing with
    /// [`Error::CorruptRow`](crate::Error::CorruptRow). Then all columns of a row are decoded,
    /// whichever the query uses, so that every query sees the same rows, even `count(*)`.
    /// [`QueryStream::skipped_rows`](crate::QueryStream::skipped_rows) returns the number of skipped
    /// rows among those that the query read, each counted once.
    ///
    /// Rows are not compared with their checksums then, so changed bytes that still decode are not
    /// noticed.
    #[must_use]
    pub fn skip_corrupt(self, skip_corrupt: bool) -> Self {
        Self { skip_corrupt, ..self }
    }

    /// The maximum number of partitions that a query is computed in, to leave cores to others. The
    /// default is one per core. Zero counts as one.
    #[must_use]
    pub fn max_partitions(self, partitions: usize) -> Self {
        Self { partitions: Some(at_least_one(partitions)), ..self }
    }

    /// The maximum number of rows in a batch, for a reader that wants the first rows soon or has little
    /// memory. The default is 8,192, or 512 with a memory limit. Zero counts as one.
    #[must_use]
    pub fn max_batch_rows(self, rows: usize) -> Self {
        Self { batch_size: Some(at_least_one(rows)), ..self }
    }
}

fn at_least_one(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}
