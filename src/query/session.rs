//! DataFusion sessions over the store's tables.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::Result;
use crate::providers::{ScanContext, StoreTable};
use crate::query::catalog::{CATALOG, SCHEMA, StoreSchema};
use crate::query::function_memory;
use crate::query::json_arrows;
use crate::query::memory::{self, QueryMemory};
use crate::query::options::QueryOptions;
use crate::query::planner::Planner;
use crate::query::rules;
use crate::query::spill::Spills;
use crate::query::time_text;
use crate::store::Store;
use crate::table::Table;
use crate::view::View;

/// Makes sessions that have the tables and views of one store.
#[derive(Debug)]
pub(crate) struct SessionFactory {
    store: Store,
    tables: Vec<&'static Table>,
    views: Arc<[&'static View]>,
    /// A session without tables. To make one takes a millisecond, to copy it much less.
    base: OnceLock<SessionState>,
    /// The session that those of queries are copied from.
    of_queries: OnceLock<SessionState>,
}

impl SessionFactory {
    pub(crate) fn new(
        store: Store,
        tables: Vec<&'static Table>,
        views: Vec<&'static View>,
    ) -> Self {
        let (base, of_queries) = (OnceLock::new(), OnceLock::new());
        Self { store, tables, views: views.into(), base, of_queries }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    pub(crate) fn views(&self) -> &[&'static View] {
        &self.views
    }

    /// A session of its own for a user, who may register more in it. Every scan sees what is committed
    /// when it is planned.
    pub(crate) fn for_user(&self, options: &QueryOptions) -> Result<SessionContext> {
        let state = self.with_tables(|table| self.table(table, options))?;
        Ok(SessionContext::new_with_state(limited(state, options)?))
    }

    /// A table whose every scan sees what is committed when it is planned.
    pub(crate) fn table(&self, table: &'static Table, options: &QueryOptions) -> StoreTable {
        let provider = StoreTable::new(table, self.store.clone());
        match options.skip_corrupt {
            true => provider.skipping_corrupt(Arc::default()),
            false => provider,
        }
    }

    /// A session to plan queries in, which run in one of [`for_scans`](Self::for_scans).
    pub(super) fn for_planning(&self) -> Result<SessionContext> {
        Ok(SessionContext::new_with_state(self.of_queries()?))
    }

    /// A session to run one query in.
    pub(super) fn for_scans(
        &self,
        scans: ScanContext,
        options: &QueryOptions,
    ) -> Result<SessionContext> {
        let mut state = limited(self.of_queries()?, options)?;
        state.config_mut().set_extension(Arc::new(scans));
        Ok(SessionContext::new_with_state(state))
    }

    /// Changes the session that others are copied from.
    #[cfg(test)]
    pub(super) fn with_base_state(self, base: SessionState) -> Self {
        Self { base: OnceLock::from(base), ..self }
    }

    fn of_queries(&self) -> Result<SessionState> {
        if let Some(state) = self.of_queries.get() {
            return Ok(state.clone());
        }
        let state = self.with_tables(|table| StoreTable::new(table, self.store.clone()))?;
        Ok(self.of_queries.get_or_init(|| state).clone())
    }

    fn with_tables(&self, provider: impl Fn(&'static Table) -> StoreTable) -> Result<SessionState> {
        let tables = MemorySchemaProvider::new();
        for table in &self.tables {
            tables.register_table(table.name().to_owned(), Arc::new(provider(table)))?;
        }
        let base = match self.base.get() {
            Some(base) => base,
            None => {
                let base = base_state(memory::shared_pool())?;
                self.base.get_or_init(|| base)
            }
        };
        Ok(StoreSchema::new(tables, Arc::clone(&self.views), base.clone()).session()?)
    }
}

/// The session with what the options allow.
fn limited(mut state: SessionState, options: &QueryOptions) -> Result<SessionState> {
    let mut config = state.config().clone();
    if let Some(bytes) = options.memory_limit {
        let pool = memory::pool(bytes);
        let runtime = RuntimeEnvBuilder::from_runtime_env(state.runtime_env())
            .with_memory_pool(Arc::clone(&pool))
            .build_arc()?;
        config = thrifty(with_pool(config, pool), bytes);
        state = SessionStateBuilder::new_from_existing(state).with_runtime_env(runtime).build();
    }
    if let Some(partitions) = options.partitions {
        let partitions = partitions.get().min(config.target_partitions());
        config = config.with_target_partitions(partitions);
    }
    if let Some(rows) = options.batch_size {
        let rows = rows.get().min(config.batch_size());
        config = config.with_batch_size(rows);
    }
    *state.config_mut() = config;
    Ok(state)
}

fn with_pool(mut config: SessionConfig, pool: Arc<dyn MemoryPool>) -> SessionConfig {
    config.options_mut().extensions.insert(QueryMemory(pool));
    config
}

/// A session without tables. Without a pool, no memory is limited.
pub(super) fn base_state(pool: Option<Arc<dyn MemoryPool>>) -> Result<SessionState> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    // Else `to_timestamp` gives times without a zone, and those print unlike the stored ones.
    config.options_mut().execution.time_zone = Some("UTC".to_owned());
    let spills = DiskManagerBuilder::default().with_temp_file_factory(Arc::new(Spills::default()));
    let mut runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(spills);
    if let Some(pool) = pool {
        runtime = runtime.with_memory_pool(Arc::clone(&pool));
        config = with_pool(config, pool);
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
    use crate::options::OpenOptions;
    use crate::query::queries::Queries;
    use crate::query::stream::collect;
    use crate::schema::{TABLES, TickRecord};

    #[test]
    fn ample_memory_is_spilled_when_it_runs_short() {
        const ROWS: usize = 100_000;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("meta.db");
        let db = OpenOptions::new().open(&path).unwrap();
        let text = |index: usize| format!("{:0>200}", index * 7_919 % ROWS);
        let texts = (0..ROWS).map(text).collect::<Vec<_>>();
        let tick = |text| TickRecord { ts_utc: Utc::now(), source: "x", detail_json: text };
        db.record_all(texts.iter().map(|text| tick(text))).unwrap();

        let store = Store::open_read_only(&path, &OpenOptions::new()).unwrap();
        let base = base_state(Some(memory::pool(16 << 20))).unwrap();
        let config = base.config().clone().with_target_partitions(2);
        let base = SessionStateBuilder::new_from_existing(base).with_config(config).build();
        let sessions = SessionFactory::new(store, TABLES.to_vec(), Vec::new());
        let queries = Queries::new(sessions.with_base_state(base));
        let ask = |sql: &str| collect(&queries, sql).unwrap().1;
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
