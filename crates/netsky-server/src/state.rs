//! What the routes that read share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use netsky_db::{Db, OpenOptions};
use tokio::sync::Mutex;

use crate::backend::Backends;
use crate::body::Memory;
use crate::counts::Counts;
use crate::failure::Failure;
use crate::followers::Followers;
use crate::history::History;
use crate::places::{Place, Places};
use crate::program::Process;
use crate::queries::Queries;
use crate::query_request::MAX_BODY_BYTES;
use crate::stop::Stop;

/// How long to wait for a store that is being written for the first time or repaired.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// The memory for bodies of requests: more than all queries that may run or wait need.
const BODIES: usize = 16;

/// What the routes that read share.
#[derive(Debug)]
pub(crate) struct ReadState {
    pub(crate) queries: Queries,
    pub(crate) places: Places,
    pub(crate) bodies: Memory,
    pub(crate) followers: Followers,
    /// What answers queries over HTTP.
    pub(crate) query_backends: Backends,
    pub(crate) postgres_backends: Backends,
    pub(crate) counts: Arc<Counts>,
    /// The metrics of the store, and when they were measured.
    pub(crate) store_metrics: Mutex<Option<(Instant, String)>>,
    pub(crate) stop: Stop,
}

impl ReadState {
    pub(crate) fn new(queries: Queries, stop: Stop) -> Self {
        let counts = Arc::default();
        let limit = format!("--memory-limit={}B", queries.memory_limit);
        let backends = |arguments| Backends::new(&queries, &counts, arguments);
        Self {
            query_backends: backends(vec!["query-backend".to_owned()]),
            postgres_backends: backends(vec!["postgres-backend".to_owned(), limit]),
            places: Places::new(queries.max_running),
            bodies: Memory::new(BODIES * MAX_BODY_BYTES),
            followers: Followers::default(),
            counts,
            store_metrics: Mutex::default(),
            queries,
            stop,
        }
    }

    /// Opens the store. It is not kept open, so that it can be replaced.
    pub(crate) fn open(&self) -> netsky_db::Result<Db> {
        match self.queries.program.history() {
            History::Store(path) => {
                OpenOptions::new().busy_timeout(BUSY_TIMEOUT).open_read_only(path)
            }
            History::Lake { url, .. } => Err(netsky_db::Error::IsALake { url: url.clone() }),
        }
    }

    /// Whether queries are about a lake. Only queries read it.
    pub(crate) fn is_of_lake(&self) -> bool {
        matches!(self.queries.program.history(), History::Lake { .. })
    }

    /// Starts a command in a place.
    pub(crate) fn start(
        &self,
        place: Place,
        arguments: &[String],
        input: String,
    ) -> Result<Process, Failure> {
        let mut process = self.queries.program.start(arguments, input.into_bytes())?;
        process.hold(place);
        process.hold(self.counts.child());
        Ok(process)
    }

    /// The arguments that limit a query.
    pub(crate) fn limits(&self) -> [String; 2] {
        let Queries { timeout, memory_limit, .. } = &self.queries;
        [format!("--timeout={}ms", timeout.as_millis()), format!("--memory-limit={memory_limit}B")]
    }
}
