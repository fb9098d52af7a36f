//! A table of the store as DataFusion's planner sees it.
//!
//! Filters reach a scan in two ways. DataFusion's logical rules pass filters along with the scan, each
//! on the columns that it names. Its physical rules push down more filters, such as the current
//! threshold of a TopK sort. But they look up columns by name alone, and so apply filters of a join to
//! the wrong table (55.2). Our sessions have a rule that prevents this; a session that a user creates
//! does not.
//!
//! - A provider for a user's session accepts all filters from the logical rules. Its scans refuse
//!   filters from the physical rules, except the one that certainly belongs to them.
//! - In our sessions, the logical rules pass only ranges, and the physical rules pass the other
//!   filters. Until then, those filters stay in the plan and tell the optimizer how many rows to
//!   expect.

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

/// The name of the rule that pushes filters down only if they reach the columns that they refer to.
pub(crate) const FILTER_PUSHDOWN: &str = "unambiguous_filter_pushdown";

/// The provider of one table. A scan reads what is committed when it is planned, unless the session has
/// a [`ScanContext`].
#[derive(Debug)]
pub(crate) struct StoreTable {
    table: &'static Table,
    schema: SchemaRef,
    store: Store,
    /// Whether the logical rules pass all filters, or only ranges.
    takes_all_filters: bool,
    /// Counts the corrupt rows that are skipped. If `None`, a corrupt row fails the scan.
    skipped: Option<Arc<SkippedRows>>,
}

/// What all scans of one query share. The session that runs the query has it as an extension of its
/// configuration.
///
/// Providers do not hold the snapshot themselves, because a logical plan holds its providers: a
/// prepared query could only ever see the store as it was when the query was planned.
#[derive(Debug)]
pub(crate) struct ScanContext {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Counts the corrupt rows that are skipped. If `None`, a corrupt row fails the scan.
    pub(crate) skipped: Option<Arc<SkippedRows>>,
}

impl StoreTable {
    pub(crate) fn new(table: &'static Table, store: Store) -> Self {
        Self { table, schema: table.schema(), store, takes_all_filters: false, skipped: None }
    }

    /// Returns the provider for a session that may lack our rules.
    pub(crate) fn for_any_session(self) -> Self {
        Self { takes_all_filters: true, ..self }
    }

    /// Returns the provider with scans that skip and count rows that cannot be decoded.
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

    /// The scan alone applies filters that become exact ranges. In a user's session it applies all
    /// filters.
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
            has_our_rules: has_our_rules(session),
        };
        let (table, store) = (self.table, self.store.clone());
        let (snapshot, skipped) = match session.config().get_extension::<ScanContext>() {
            Some(query) => (Some(Arc::clone(&query.snapshot)), query.skipped.clone()),
            None => (None, self.skipped.clone()),
        };
        // Taking a snapshot may wait for another process, and must not block the executor that plans
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
    /// Returns the filters that the scan has to apply and that are not ranges.
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

/// Whether the filter uses columns of the row and can be evaluated at once. A subquery cannot be, and
/// an asynchronous function has to be awaited. A filter without columns is left to the optimizer, which
/// removes the scan if the filter is false.
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

/// Whether the session has our rules. This looks for a rule itself, because any other mark of a session
/// could be copied to a session without the rules.
fn has_our_rules(session: &dyn Session) -> bool {
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
    fn planning_a_scan_does_not_block_the_executor() {
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
            // The other task of this thread opens the gate. If planning blocked the thread, the read
            // would fail after its timeout.
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
