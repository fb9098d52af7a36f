//! A table of the store as DataFusion's planner sees it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use tokio::runtime::Handle;

use crate::providers::pushdown::{KeyRange, Ranges};
use crate::providers::skipped::SkippedRows;
use crate::providers::source::RowSource;
use crate::store::{Snapshot, Store};
use crate::table::Table;

/// The provider of one table.
#[derive(Debug)]
pub(crate) struct StoreTable {
    table: &'static Table,
    schema: SchemaRef,
    rows: Rows,
    /// Counts the corrupt rows that are left out. `None` if a scan fails at one.
    skipped: Option<Arc<SkippedRows>>,
}

/// Which rows a scan sees.
#[derive(Debug, Clone)]
enum Rows {
    /// Those that are committed when it is planned.
    Latest(Store),
    /// Those of one snapshot, which other tables of the query share.
    Of(Arc<Snapshot>),
}

impl Rows {
    fn snapshot(&self) -> Result<Arc<Snapshot>> {
        Ok(match self {
            Self::Latest(store) => Arc::new(store.snapshot()?),
            Self::Of(snapshot) => Arc::clone(snapshot),
        })
    }
}

impl StoreTable {
    /// Every scan sees what is committed when it is planned.
    pub(crate) fn latest(table: &'static Table, store: Store) -> Self {
        Self { table, schema: table.schema(), rows: Rows::Latest(store), skipped: None }
    }

    /// Every scan sees the snapshot.
    pub(crate) fn of_snapshot(table: &'static Table, snapshot: Arc<Snapshot>) -> Self {
        Self { table, schema: table.schema(), rows: Rows::Of(snapshot), skipped: None }
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

    /// The scan alone decides filters that become exact ranges.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushdown = |filter| match KeyRange::of(filter, self.table) {
            Some(range) if range.is_exact => TableProviderFilterPushDown::Exact,
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(|filter| pushdown(filter)).collect())
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let ranges = Ranges::of_all(filters, self.table);
        let (table, rows, skipped) = (self.table, self.rows.clone(), self.skipped.clone());
        let source = on_blocking_thread(move || {
            RowSource::new(table, rows.snapshot()?, projection, ranges, limit, skipped)
        });
        Ok(DataSourceExec::from_data_source(source.await?))
    }
}

/// Runs work that reads the file. To take a snapshot may even wait for another process, and this is
/// the executor of whoever plans the query.
async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match Handle::try_current() {
        Ok(runtime) => {
            let done = runtime.spawn_blocking(work).await;
            done.unwrap_or_else(|error| Err(DataFusionError::ExecutionJoin(Box::new(error))))
        }
        // Outside of tokio there is nobody else to keep waiting.
        Err(_) => work(),
    }
}
