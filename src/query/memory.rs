//! How much memory queries may hold.
//!
//! A query with a limit of its own has a pool to itself. All others of the process share one, whichever
//! store they read: together they must not take more than the machine has.

use std::any::Any;
use std::sync::{Arc, LazyLock};

use datafusion::common::Result;
use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::plan_err;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool};

use crate::query::options::QueryOptions;

/// `None` if the system does not tell how much memory there is.
static SHARED: LazyLock<Option<Arc<dyn MemoryPool>>> =
    LazyLock::new(|| QueryOptions::default_memory_limit().map(pool));

/// The pool of the queries without a limit of their own. `None` if nothing limits them.
pub(super) fn shared_pool() -> Option<Arc<dyn MemoryPool>> {
    SHARED.clone()
}

/// A fair pool, because a grouping below a sort must leave something to the sort. With a greedy one of
/// 24 MiB, groupings of 75 MiB failed that spill with this.
pub(super) fn pool(bytes: usize) -> Arc<dyn MemoryPool> {
    Arc::new(FairSpillPool::new(bytes))
}

/// The pool of a query, for its functions: of a session they see the options only.
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
