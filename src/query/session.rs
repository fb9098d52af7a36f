//! DataFusion sessions over the store's tables.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::pushdown_sort::PushdownSort;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::Result;
use crate::options::OpenOptions;
use crate::providers::{SkippedRows, StoreTable};
use crate::query::catalog::{CATALOG, SCHEMA, StoreSchema};
use crate::query::guarded_filter::GuardedFilter;
use crate::query::json_arrows;
use crate::query::limited_scan::LimitedScan;
use crate::query::lossy_cast::HideLossyCasts;
use crate::query::time_text;
use crate::query::unique_sort_key::DropKeysAfterId;
use crate::store::{Snapshot, Store};
use crate::table::Table;
use crate::temporary;

/// Makes sessions that have the tables of one store.
#[derive(Debug)]
pub(crate) struct Sessions {
    store: Store,
    tables: Vec<&'static Table>,
    options: OpenOptions,
    /// A session without tables. To make one takes a millisecond, to copy it much less.
    bare: OnceLock<Arc<SessionState>>,
}

impl Sessions {
    pub(crate) fn new(store: Store, tables: Vec<&'static Table>, options: OpenOptions) -> Self {
        Self { store, tables, options, bare: OnceLock::new() }
    }

    pub(crate) fn options(&self) -> &OpenOptions {
        &self.options
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    /// A session whose every scan sees what is committed when it is planned.
    pub(crate) fn latest(&self) -> Result<SessionContext> {
        self.session(|table| {
            let table = StoreTable::latest(table, self.store.clone());
            self.policed(table, &Arc::default())
        })
    }

    /// A session whose tables all show the same snapshot. `skipped` counts the corrupt rows that are
    /// left out, if they are.
    pub(crate) fn of_snapshot(
        &self,
        snapshot: &Arc<Snapshot>,
        skipped: &Arc<SkippedRows>,
    ) -> Result<SessionContext> {
        self.session(|table| {
            self.policed(StoreTable::of_snapshot(table, Arc::clone(snapshot)), skipped)
        })
    }

    /// Adds a function to the sessions that are made from now on.
    #[cfg(test)]
    pub(super) fn with_function(self, function: datafusion::logical_expr::ScalarUDF) -> Self {
        let mut bare = bare_session(self.options.memory_limit).unwrap();
        use datafusion::execution::FunctionRegistry;
        bare.register_udf(Arc::new(function)).unwrap();
        Self { bare: OnceLock::from(Arc::new(bare)), ..self }
    }

    fn policed(&self, table: StoreTable, skipped: &Arc<SkippedRows>) -> StoreTable {
        match self.options.skip_corrupt {
            true => table.skipping_corrupt(Arc::clone(skipped)),
            false => table,
        }
    }

    fn session(&self, provider: impl Fn(&'static Table) -> StoreTable) -> Result<SessionContext> {
        let tables = MemorySchemaProvider::new();
        for table in &self.tables {
            tables.register_table(table.name().to_owned(), Arc::new(provider(table)))?;
        }
        let bare = match self.bare.get() {
            Some(bare) => Arc::clone(bare),
            None => {
                let bare = Arc::new(bare_session(self.options.memory_limit)?);
                Arc::clone(self.bare.get_or_init(|| bare))
            }
        };
        Ok(SessionContext::new_with_state(StoreSchema::new(tables, bare).session()?))
    }
}

fn bare_session(memory_limit: Option<usize>) -> Result<SessionState> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    // Else `to_timestamp` gives times without a zone, and those print unlike the stored ones.
    config.options_mut().execution.time_zone = Some("UTC".to_owned());
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(bytes) = memory_limit {
        runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
        config = limited(config, bytes);
    }
    let runtime = runtime.build_arc()?;
    temporary::watch_spills(&runtime.disk_manager);
    let mut builder = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rule(Arc::new(HideLossyCasts))
        .with_optimizer_rule(Arc::new(DropKeysAfterId))
        .with_physical_optimizer_rules(physical_rules())
        // No file is ever read or written through SQL.
        .with_file_formats(Vec::new())
        .with_table_factories(HashMap::new());
    // Planners are asked in order, and DataFusion's own answer for `substr`.
    builder.expr_planners().get_or_insert_default().insert(0, time_text::planner());
    let mut state = json_arrows::register(builder.build())?;
    time_text::register(&mut state)?;
    Ok(state)
}

/// DataFusion's rules and ours.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    // Before sorts are pushed into scans, and after. A sort of several partitions that a scan makes
    // needless is taken out without a merge (DataFusion 55.2), and then the plan fails its check: so
    // scans under a limit get one partition first. Afterwards the limit itself goes into the scan.
    let sorts = rules.iter().position(|rule| rule.name() == PushdownSort::new().name());
    rules.insert(sorts.unwrap_or(rules.len()), Arc::new(LimitedScan));
    rules.push(Arc::new(LimitedScan));
    rules.push(Arc::new(GuardedFilter));
    rules
}

/// What fits a memory limit.
///
/// - One partition: of several, which hand rows to each other, a grouping that spilled a few times never
///   ended (DataFusion 55.2: five million rows of 500,000 groups under 48 MiB, its tasks waiting for each
///   other). A sort has only one anyway.
/// - Small batches: a merge holds some of each temporary file beside what it counts. Five million rows of
///   three columns, sorted under 64 MiB, took 167 MiB with DataFusion's 8,192 rows a batch, and take 67 with
///   512, in the same time. With fewer, what there is once a batch and once a file weighs more: all nine
///   columns took 76 MiB with 512 rows and 118 with 256.
/// - What a sort sets aside for its merge, 10 MB by itself, leaves room for the sort.
///
/// The pool is a fair one, because what groups for a sort must leave something to it.
fn limited(config: SessionConfig, bytes: usize) -> SessionConfig {
    let for_merge = config.options().execution.sort_spill_reservation_bytes.min(bytes / 4);
    config
        .with_target_partitions(1)
        .with_batch_size(512)
        .with_sort_spill_reservation_bytes(for_merge)
}
