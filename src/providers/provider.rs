//! A table of the store as DataFusion's planner sees it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

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
#[derive(Debug)]
enum Rows {
    /// Those that are committed when it is planned.
    Latest(Store),
    /// Those of one snapshot, which other tables of the query share.
    Of(Arc<Snapshot>),
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
        let snapshot = match &self.rows {
            Rows::Latest(store) => Arc::new(store.snapshot()?),
            Rows::Of(snapshot) => Arc::clone(snapshot),
        };
        let projection = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let ranges = Ranges::of_all(filters, self.table);
        let skipped = self.skipped.clone();
        let source = RowSource::new(self.table, snapshot, projection, ranges, limit, skipped)?;
        Ok(DataSourceExec::from_data_source(source))
    }
}
