//! DataFusion sessions over the store's tables.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::Result;
use crate::providers::ScanContext;
use crate::query::catalog::{CATALOG, SCHEMA, StoreSchema};
use crate::query::extension::SqlExtension;
use crate::query::function_memory;
use crate::query::functions;
use crate::query::json_arrows;
use crate::query::lenient_comparison;
use crate::query::memory::{self, QueryMemory};
use crate::query::options::QueryOptions;
use crate::query::origin::Origin;
use crate::query::pattern;
use crate::query::planner::Planner;
use crate::query::rules;
use crate::query::spill::Spills;
use crate::query::time_text;
use crate::table::Table;
use crate::view::View;

/// Creates sessions with the tables and views of one store or lake.
#[derive(Debug)]
pub(crate) struct SessionFactory {
    origin: Origin,
    tables: Vec<&'static Table>,
    views: Arc<[&'static View]>,
    extension: Option<SqlExtension>,
    /// A session without tables. Creating one takes a millisecond, copying it much less.
    base: OnceLock<SessionState>,
    /// The session that the sessions of queries are copied from.
    query_state: OnceLock<SessionState>,
}

impl SessionFactory {
    pub(crate) fn new(
        origin: Origin,
        tables: Vec<&'static Table>,
        views: Vec<&'static View>,
    ) -> Self {
        let (base, query_state) = (OnceLock::new(), OnceLock::new());
        Self { origin, tables, views: views.into(), extension: None, base, query_state }
    }

    /// The same tables and views, with an extension.
    pub(super) fn with_extension(&self, extension: SqlExtension) -> Self {
        let factory = Self::new(self.origin.clone(), self.tables.clone(), self.views.to_vec());
        Self { extension: Some(extension), ..factory }
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    pub(crate) fn views(&self) -> &[&'static View] {
        &self.views
    }

    /// Returns a session for a user, who may register more in it. Each scan sees what is committed when
    /// it is planned.
    pub(crate) fn for_user(&self, options: &QueryOptions) -> Result<SessionContext> {
        let state = self.with_tables(|table| self.origin.table(table, options))?;
        Ok(SessionContext::new_with_state(limited(state, options)?))
    }

    /// Returns a table for any session, of which each scan sees what is committed when it is planned.
    pub(crate) fn table(
        &self,
        table: &'static Table,
        options: &QueryOptions,
    ) -> Arc<dyn TableProvider> {
        self.origin.table_for_any_session(table, options)
    }

    /// Returns a session to plan queries in. They run in a session from [`for_scans`](Self::for_scans).
    pub(super) fn for_planning(&self) -> Result<SessionContext> {
        Ok(SessionContext::new_with_state(self.query_state()?))
    }

    /// Returns a session to run one query in.
    pub(super) fn for_scans(
        &self,
        scans: Option<ScanContext>,
        options: &QueryOptions,
    ) -> Result<SessionContext> {
        let mut state = limited(self.query_state()?, options)?;
        if let Some(scans) = scans {
            state.config_mut().set_extension(Arc::new(scans));
        }
        Ok(SessionContext::new_with_state(state))
    }

    /// Replaces the session that others are copied from.
    #[cfg(test)]
    pub(super) fn with_base_state(self, base: SessionState) -> Self {
        Self { base: OnceLock::from(base), ..self }
    }

    fn query_state(&self) -> Result<SessionState> {
        if let Some(state) = self.query_state.get() {
            return Ok(state.clone());
        }
        let state = self.with_tables(|table| self.origin.table(table, &QueryOptions::new()))?;
        Ok(self.query_state.get_or_init(|| state).clone())
    }

    fn with_tables(
        &self,
        provider: impl Fn(&'static Table) -> Arc<dyn TableProvider>,
    ) -> Result<SessionState> {
        let tables = MemorySchemaProvider::new();
        for table in &self.tables {
            tables.register_table(table.name().to_owned(), provider(table))?;
        }
        let shared = self.extension.as_ref().map_or(&self.base, SqlExtension::base);
        let base = match shared.get() {
            Some(base) => base,
            None => {
                let mut base = base_state(memory::shared_pool())?;
                if let Some(extension) = &self.extension {
                    base = extension.apply(base)?;
                }
                shared.get_or_init(|| base)
            }
        };
        let (views, extension) = (Arc::clone(&self.views), self.extension.clone());
        let base = self.origin.adapt(base.clone());
        Ok(StoreSchema::new(tables, views, extension, base).session()?)
    }
}

/// Applies the options to the session.
fn limited(mut state: SessionState, options: &QueryOptions) -> Result<SessionState> {
    let mut config = state.config().clone();
    if let Some(bytes) = options.memory_limit {
        let pool = memory::pool(bytes);
        let runtime = RuntimeEnvBuilder::from_runtime_env(state.runtime_env())
            .with_memory_pool(Arc::clone(&pool))
            .build_arc()?;
        config = with_small_footprint(with_pool(config, pool), bytes);
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

/// Returns a session without tables. Without a pool, memory is not limited.
pub(super) fn base_state(pool: Option<Arc<dyn MemoryPool>>) -> Result<SessionState> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    // Otherwise, `to_timestamp` returns times without a zone, which print differently from the stored
    // ones.
    config.options_mut().execution.time_zone = Some("UTC".to_owned());
    // Errors of the planner then note the place in the SQL.
    config.options_mut().sql_parser.collect_spans = true;
    let spills = DiskManagerBuilder::default().with_temp_file_factory(Arc::new(Spills::default()));
    let mut runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(spills);
    if let Some(pool) = pool {
        runtime = runtime.with_memory_pool(Arc::clone(&pool));
        config = with_pool(config, pool);
    }
    let runtime = runtime.build_arc()?;
    let mut physical_rules = rules::physical_rules();
    physical_rules.extend(rules::operator_rules());
    let mut builder = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rules(rules::optimizer_rules())
        .with_physical_optimizer_rules(physical_rules)
        .with_query_planner(Arc::new(Planner::default()))
        // SQL must not read or write files.
        .with_file_formats(Vec::new())
        .with_table_factories(HashMap::new());
    for rule in rules::analyzer_rules() {
        builder = builder.with_analyzer_rule(rule);
    }
    // The first planner that returns a plan is used, and DataFusion's own plans `substr`.
    let planners = builder.expr_planners().get_or_insert_default();
    planners.insert(0, time_text::planner());
    planners.splice(0..0, functions::planners());
    let state = json_arrows::register(builder.build())?;
    let mut state = lenient_comparison::register(state)?;
    pattern::register(&mut state)?;
    functions::register(&mut state)?;
    function_memory::register(&mut state)?;
    time_text::register(&mut state)?;
    Ok(state)
}

/// Adapts the configuration to a small memory limit.
///
/// - One partition: with several, which exchange rows, an aggregation that spilled a few times never
///   ended (DataFusion 55.2: five million rows in 500,000 groups under 48 MiB, with its tasks waiting
///   for each other). A sort has only one anyway.
/// - Small batches: a merge holds some rows of each temporary file in addition to what it counts.
///   Sorting five million rows of three columns under 64 MiB took 167 MiB with DataFusion's 8,192 rows
///   per batch, and takes 67 MiB with 512, in the same time. With fewer rows, the cost per batch and
///   per file dominates: sorting all nine columns took 76 MiB with 512 rows and 118 MiB with 256.
/// - A smaller reservation for the merge of a sort, 10 MB by default, so that memory is left for the
///   sort.
fn with_small_footprint(config: SessionConfig, bytes: usize) -> SessionConfig {
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
    use crate::store::Store;

    #[test]
    fn queries_without_a_limit_spill_too() {
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
        let sessions = SessionFactory::new(Origin::Store(store), TABLES.to_vec(), Vec::new());
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
