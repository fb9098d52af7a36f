//! How the server answers queries.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use crate::program::Program;

/// Answers queries over HTTP, read-only: each in a process of its own, with limits.
#[derive(Clone)]
pub struct Queries {
    pub(crate) program: Program,
    pub(crate) token: Arc<str>,
    pub(crate) max_running: usize,
    pub(crate) timeout: Duration,
    pub(crate) memory_limit: u64,
}

impl std::fmt::Debug for Queries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queries")
            .field("program", &self.program)
            .field("max_running", &self.max_running)
            .field("timeout", &self.timeout)
            .field("memory_limit", &self.memory_limit)
            .finish_non_exhaustive()
    }
}

impl Queries {
    /// The program that answers, and the token that every request but `GET /healthz` must have. An empty token
    /// is refused when the server starts.
    pub fn new(program: Program, token: impl Into<Arc<str>>) -> Self {
        Self {
            program,
            token: token.into(),
            max_running: std::thread::available_parallelism().map_or(1, NonZero::get),
            timeout: Duration::from_secs(30),
            memory_limit: 256 << 20,
        }
    }

    /// The number of queries that run at a time; the default is that of the processor's cores. A query that has
    /// run for a second does not count, until there are as many of these. Twice as many wait, and
    /// further ones are answered with 429.
    #[must_use]
    pub fn max_running(self, max_running: usize) -> Self {
        Self { max_running, ..self }
    }

    /// The time for an answer, to its last byte. The default is 30 seconds.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The memory of a query in bytes. Sorts and aggregations that need more use temporary files. The default is
    /// 256 MiB.
    #[must_use]
    pub fn memory_limit(self, bytes: u64) -> Self {
        Self { memory_limit: bytes, ..self }
    }
}
