//! The memory that queries may hold.
//!
//! A query with its own limit has its own pool. All others of the process share one pool, whichever
//! store they read, because together they must not take more than the machine has.

use std::any::Any;
use std::sync::{Arc, LazyLock};

use datafusion::common::Result;
use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::plan_err;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool};

use crate::query::options::QueryOptions;

/// `None` if the system does not report the size of its memory.
static SHARED: LazyLock<Option<Arc<dyn MemoryPool>>> =
    LazyLock::new(|| QueryOptions::default_memory_limit().map(pool));

/// Returns the pool of the queries without their own limit. `None` if they are not limited.
pub(super) fn shared_pool() -> Option<Arc<dyn MemoryPool>> {
    SHARED.clone()
}

/// Creates a fair pool, so that an aggregation below a sort leaves memory to the sort. With a greedy
/// pool of 24 MiB, aggregations of 75 MiB failed; with a fair one they spill.
pub(super) fn pool(bytes: usize) -> Arc<dyn MemoryPool> {
    Arc::new(FairSpillPool::new(bytes))
}

/// The pool of a query, for its functions. A function gets only the options of the session.
#[derive(Debug, Clone)]
pub(super) struct QueryMemory(pub(super) Arc<dyn MemoryPool>);

impl QueryMemory {
    pub(super) fn of(options: &ConfigOptions) -> Option<&Arc<dyn MemoryPool>> {
        options.extensions.get::<Self>().map(|memory| &memory.0)
    }
}

impl ConfigExtension for QueryMemory {
    const PREFIX: &'static str = "netsky";
}

impl ExtensionOptions for QueryMemory {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _: &str) -> Result<()> {
        plan_err!("there is no setting netsky.{key}")
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}
