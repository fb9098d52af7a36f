//! A table of the store as DataFusion's planner sees it.
//!
//! Filters come to a scan in two ways. DataFusion's logical rules hand them over with the scan, each about
//! the columns that it names. Its physical rules hand over more, such as what a limited sort has found so
//! far, but they look columns up by name alone, and so take filters of a join to the wrong table (55.2).
//! Our sessions have a rule that keeps them from it; a session of somebody else's does not.
//!
//! - A provider for such a session takes on all filters from the logical rules. Its scans refuse those of
//!   the physical rules, but for the one that certainly is theirs.
//! - In our sessions the logical rules hand over ranges only, and the physical rules the rest. Until then
//!   the filters stand in the plan and tell the optimizer how many rows to expect.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::TableType;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::ExecutionPlan;

use crate::providers::predicate::Predicate;
use crate::providers::pushdown::{KeyRange, Ranges};
use crate::providers::skipped::SkippedRows;
use crate::providers::source::{RowSource, ScanRequest};
use crate::store::{Snapshot, Store};
use crate::table::Table;
use crate::thread_pool::run_blocking;

/// The name of the rule by which filters that physical rules push down are about the columns that they
/// are pushed to.
pub(crate) const FILTER_PUSHDOWN: &str = "unambiguous_filter_pushdown";

/// The provider of one table. A scan of it reads what is committed when the scan is planned, unless the
/// session has a [`ScanContext`].
#[derive(Debug)]
pub(crate) struct StoreTable {
    table: &'static Table,
    schema: SchemaRef,
    store: Store,
    /// Whether logical rules hand over all filters, or only ranges.
    takes_all_filters: bool,
    /// Counts the corrupt rows that are left out. `None` if a scan fails at one.
    skipped: Option<Arc<SkippedRows>>,
}

/// What all scans of one query share. The session that runs the query has it as an extension of its
/// configuration.
///
/// The providers do not hold the snapshot themselves, because a logical plan holds its providers: a query
/// that was planned once could only ever see the store as it was then.
#[derive(Debug)]
pub(crate) struct ScanContext {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Counts the corrupt rows that are left out. `None` if a scan fails at one.
    pub(crate) skipped: Option<Arc<SkippedRows>>,
}

impl StoreTable {
    pub(crate) fn new(table: &'static Table, store: Store) -> Self {
        Self { table, schema: table.schema(), store, takes_all_filters: false, skipped: None }
    }

    /// For a session that may lack our rules.
    pub(crate) fn for_any_session(self) -> Self {
        Self { takes_all_filters: true, ..self }
    }

    /// Rows that cannot be decoded are left out and counted.
    pub(crate) fn skipping_corrupt(self, skipped: Arc<SkippedRows>) -> Self {
        Self { skipped: Some(skipped), ..self }
    }
}

#[async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// The scan alone decides filters that become exact ranges, or all.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushdown = |filter| match KeyRange::of(filter, self.table) {
            Some(range) if range.is_exact => TableProviderFilterPushDown::Exact,
            _ if self.takes_all_filters && can_be_evaluated(filter) => {
                TableProviderFilterPushDown::Exact
            }
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(|filter| pushdown(filter)).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let request = ScanRequest {
            projection,
            ranges: Ranges::of_all(filters, self.table),
            predicate: self.predicate(filters, session)?,
            fetch: limit,
            is_ours: is_ours(session),
        };
        let (table, store) = (self.table, self.store.clone());
        let (snapshot, skipped) = match session.config().get_extension::<ScanContext>() {
            Some(query) => (Some(Arc::clone(&query.snapshot)), query.skipped.clone()),
            None => (None, self.skipped.clone()),
        };
        // To take a snapshot may even wait for another process, and this is the executor of whoever plans
        // the query.
        let source = run_blocking(move || {
            let snapshot = match snapshot {
                Some(snapshot) => snapshot,
                None => Arc::new(store.snapshot()?),
            };
            RowSource::new(table, snapshot, request, skipped)
        });
        Ok(DataSourceExec::from_data_source(source.await?))
    }
}

impl StoreTable {
    /// What of the filters is for the scan to decide and is no range.
    fn predicate(&self, filters: &[Expr], session: &dyn Session) -> Result<Predicate> {
        let mut predicate = Predicate::default();
        if !self.takes_all_filters {
            return Ok(predicate);
        }
        let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
        let columns: Vec<usize> = (0..self.schema.fields().len()).collect();
        let is_exact_range =
            |filter| KeyRange::of(filter, self.table).is_some_and(|range| range.is_exact);
        for filter in filters.iter().filter(|filter| !is_exact_range(filter)) {
            let context = PhysicalPlanningContext::default();
            let filter = create_physical_expr(filter, &schema, session.execution_props(), &context);
            predicate = predicate.and(filter?, &columns)?;
        }
        Ok(predicate)
    }
}

/// Whether the filter is about a row, and its value follows from the row at once. That of a subquery does
/// not, and that of an asynchronous function has to be waited for. What is about no row is left to the
/// optimizer, which drops the scan if it is false.
fn can_be_evaluated(filter: &Expr) -> bool {
    let needs_more = |expr: &Expr| match expr {
        Expr::Exists(_)
        | Expr::InSubquery(_)
        | Expr::SetComparison(_)
        | Expr::ScalarSubquery(_)
        | Expr::OuterReferenceColumn(..)
        | Expr::Placeholder(_) => Ok(true),
        Expr::ScalarFunction(function) => Ok(function.func.as_async().is_some()),
        _ => Ok(false),
    };
    !filter.column_refs().is_empty() && !filter.exists(needs_more).unwrap_or(true)
}

/// Whether the session has our rules. They are looked for, because whatever else marks a session may be
/// copied to one without them.
fn is_ours(session: &dyn Session) -> bool {
    let state = session.as_any().downcast_ref::<SessionState>();
    state.is_some_and(|state| {
        state.physical_optimizers().iter().any(|rule| rule.name() == FILTER_PUSHDOWN)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use datafusion::prelude::SessionContext;
    use tokio::runtime::Builder;
    use tokio::task::yield_now;

    use super::*;
    use crate::schema::TickRecord;
    use crate::store::faults::store_whose_reads_wait;
    use crate::table::Record;

    #[test]
    fn planning_a_scan_leaves_the_executor_free() {
        let directory = tempfile::tempdir().unwrap();
        let (store, gate) = store_whose_reads_wait(&directory.path().join("meta.db"));
        gate.store(0, Ordering::SeqCst);
        let runtime = Builder::new_current_thread().build().unwrap();
        let planned = runtime.block_on(async {
            let ctx = SessionContext::new();
            let table = StoreTable::new(TickRecord::TABLE, store).for_any_session();
            ctx.register_table("ticks", Arc::new(table)).unwrap();
            let sql = "SELECT source FROM ticks WHERE ts_utc > '1970-01-01T01:00:00Z'";
            let query = ctx.sql(sql).await.unwrap();
            // The other task of this thread opens the gate. If planning held the thread, the read
            // would fail after its time.
            let open = async {
                for _ in 0..100 {
                    yield_now().await;
                }
                gate.store(usize::MAX, Ordering::SeqCst);
            };
            futures::join!(query.create_physical_plan(), open).0
        });
        planned.unwrap();
    }
}
