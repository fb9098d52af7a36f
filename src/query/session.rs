//! DataFusion sessions over the store's tables.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::Result;
use crate::options::OpenOptions;
use crate::providers::{SkippedRows, StoreTable};
use crate::query::catalog::{CATALOG, SCHEMA, StoreSchema};
use crate::query::function_memory;
use crate::query::json_arrows;
use crate::query::planner::Planner;
use crate::query::rules;
use crate::query::spill::Spills;
use crate::query::time_text;
use crate::store::{Snapshot, Store};
use crate::table::Table;

/// Makes sessions that have the tables of one store.
#[derive(Debug)]
pub(crate) struct SessionFactory {
    store: Store,
    tables: Vec<&'static Table>,
    options: OpenOptions,
    /// A session without tables. To make one takes a millisecond, to copy it much less.
    bare: OnceLock<Arc<SessionState>>,
}

impl SessionFactory {
    pub(crate) fn new(store: Store, tables: Vec<&'static Table>, options: OpenOptions) -> Self {
        Self { store, tables, options, bare: OnceLock::new() }
    }

    pub(crate) fn options(&self) -> &OpenOptions {
        &self.options
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// A session whose every scan sees what is committed when it is planned.
    pub(crate) fn latest(&self) -> Result<SessionContext> {
        self.session(|table| self.latest_of(table))
    }

    /// A table whose every scan sees what is committed when it is planned.
    pub(crate) fn latest_of(&self, table: &'static Table) -> StoreTable {
        self.with_corrupt_row_policy(StoreTable::latest(table, self.store.clone()), &Arc::default())
    }

    /// A session whose tables all show the same snapshot. `skipped` counts the corrupt rows that are
    /// left out, if they are.
    pub(crate) fn of_snapshot(
        &self,
        snapshot: &Arc<Snapshot>,
        skipped: &Arc<SkippedRows>,
    ) -> Result<SessionContext> {
        self.session(|table| {
            self.with_corrupt_row_policy(
                StoreTable::of_snapshot(table, Arc::clone(snapshot)),
                skipped,
            )
        })
    }

    /// Changes the session that others are copied from.
    #[cfg(test)]
    pub(super) fn with_base_state(
        self,
        change: impl FnOnce(Memory) -> Result<SessionState>,
    ) -> Self {
        let bare = change(Memory::of(&self.options)).unwrap();
        Self { bare: OnceLock::from(Arc::new(bare)), ..self }
    }

    fn with_corrupt_row_policy(&self, table: StoreTable, skipped: &Arc<SkippedRows>) -> StoreTable {
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
                let bare = Arc::new(base_state(Memory::of(&self.options))?);
                Arc::clone(self.bare.get_or_init(|| bare))
            }
        };
        Ok(SessionContext::new_with_state(StoreSchema::new(tables, bare).session()?))
    }
}

/// How much memory queries may have between them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Memory {
    /// This many bytes, as the user set it: little is used from the start.
    Thrifty(usize),
    /// This many bytes, as the machine has them: all cores are used, with large batches.
    Ample(usize),
    /// The system does not tell how many there are.
    Unknown,
}

impl Memory {
    fn of(options: &OpenOptions) -> Self {
        let default = || OpenOptions::default_memory_limit().map_or(Self::Unknown, Self::Ample);
        options.memory_limit.map_or_else(default, Self::Thrifty)
    }
}

pub(super) fn base_state(memory: Memory) -> Result<SessionState> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    // Else `to_timestamp` gives times without a zone, and those print unlike the stored ones.
    config.options_mut().execution.time_zone = Some("UTC".to_owned());
    let spills = DiskManagerBuilder::default().with_temp_file_factory(Arc::new(Spills::default()));
    let mut runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(spills);
    // A fair pool, because what groups for a sort must leave something to it. With a greedy one of 24
    // MiB, groupings of 75 MiB failed that spill with this.
    match memory {
        Memory::Thrifty(bytes) => {
            runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
            config = thrifty(config, bytes);
        }
        Memory::Ample(bytes) => {
            runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
        }
        Memory::Unknown => {}
    }
    let runtime = runtime.build_arc()?;
    let mut builder = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rules(rules::optimizer_rules())
        .with_physical_optimizer_rules(rules::physical_rules())
        .with_query_planner(Arc::new(Planner::default()))
        // No file is ever read or written through SQL.
        .with_file_formats(Vec::new())
        .with_table_factories(HashMap::new());
    for rule in rules::analyzer_rules() {
        builder = builder.with_analyzer_rule(rule);
    }
    // Planners are asked in order, and DataFusion's own answer for `substr`.
    builder.expr_planners().get_or_insert_default().insert(0, time_text::planner());
    let mut state = json_arrows::register(builder.build())?;
    function_memory::register(&mut state)?;
    time_text::register(&mut state)?;
    Ok(state)
}

/// What fits a memory limit that somebody set.
///
/// - One partition: of several, which hand rows to each other, a grouping that spilled a few times never
///   ended (DataFusion 55.2: five million rows of 500,000 groups under 48 MiB, its tasks waiting for each
///   other). A sort has only one anyway.
/// - Small batches: a merge holds some of each temporary file beside what it counts. Five million rows of
///   three columns, sorted under 64 MiB, took 167 MiB with DataFusion's 8,192 rows a batch, and take 67 with
///   512, in the same time. With fewer, what there is once a batch and once a file weighs more: all nine
///   columns took 76 MiB with 512 rows and 118 with 256.
/// - What a sort sets aside for its merge, 10 MB by itself, leaves room for the sort.
fn thrifty(config: SessionConfig, bytes: usize) -> SessionConfig {
    let for_merge = config.options().execution.sort_spill_reservation_bytes.min(bytes / 4);
    config
        .with_target_partitions(1)
        .with_batch_size(512)
        .with_sort_spill_reservation_bytes(for_merge)
}

#[cfg(test)]
mod tests {
    use arrow::array::RecordBatch;
    use arrow::util::pretty::pretty_format_batches;
    use chrono::Utc;

    use super::*;
    use crate::query::QueryRuntime;
    use crate::query::stream::collect;
    use crate::schema::{TABLES, TickRecord};

    #[test]
    fn ample_memory_is_spilled_when_it_runs_short() {
        const ROWS: usize = 100_000;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("meta.db");
        let options = OpenOptions::new();
        let db = options.open(&path).unwrap();
        let text = |index: usize| format!("{:0>200}", index * 7_919 % ROWS);
        let texts = (0..ROWS).map(text).collect::<Vec<_>>();
        let tick = |text| TickRecord { ts_utc: Utc::now(), source: "x", detail_json: text };
        db.record_all(texts.iter().map(|text| tick(text))).unwrap();

        let store = Store::open_read_only(&path, &options).unwrap();
        let sessions = SessionFactory::new(store, TABLES.to_vec(), options);
        let sessions = Arc::new(sessions.with_base_state(|_| {
            let bare = base_state(Memory::Ample(16 << 20))?;
            let config = bare.config().clone().with_target_partitions(2);
            Ok(SessionStateBuilder::new_from_existing(bare).with_config(config).build())
        }));
        let runtime = QueryRuntime::default();
        let ask = |sql: &str| collect(Arc::clone(&sessions), &runtime, sql.to_owned()).unwrap().1;
        for (sql, partitioned) in [
            ("SELECT detail_json, count(*) FROM ticks GROUP BY detail_json", true),
            ("SELECT detail_json FROM ticks ORDER BY detail_json", false),
        ] {
            let plan = ask(&format!("EXPLAIN ANALYZE {sql}"));
            let plan = pretty_format_batches(&plan).unwrap().to_string();
            assert_eq!(plan.contains("RepartitionExec"), partitioned, "{plan}");
            let spilled = plan.split("spill_count=").skip(1).any(|count| !count.starts_with("0,"));
            assert!(spilled, "{plan}");
            assert_eq!(ask(sql).iter().map(RecordBatch::num_rows).sum::<usize>(), ROWS);
        }
    }
}
