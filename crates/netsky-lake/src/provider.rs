//! A table of a lake as DataFusion's planner sees it.
//!
//! Unlike DataFusion's `ListingTable`, it derives the days from filters on the table's time and lists only their
//! directories, in parallel, and it lists anew for every query: DataFusion's cache of listings keeps what it has seen
//! for ever, and lists a table that does not fit into it as a whole, 16 seconds for 100,000 files.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::metrics::MetricBuilder;
use netsky_db::Table;
use netsky_db::internal::{TableSource, time_ranges};

use crate::error::Result as LakeResult;
use crate::lake::Lake;
use crate::layout::{DataFile, MACHINE};
use crate::listing::{self, Wanted};
use crate::stores::store_url;
use crate::tables::tables;

/// How much of a file's end is read at first. Its metadata is there, some kilobytes, and another request for the rest
/// of it takes as long as the first.
const END_BYTES: usize = 64 << 10;

/// The provider of one table of a lake.
pub struct LakeTable {
    table: &'static Table,
    lake: Lake,
    schema: TableSchema,
}

impl LakeTable {
    /// A table of [`tables`](crate::tables).
    pub fn new(table: &'static Table, lake: Lake) -> Self {
        let columns = table.schema();
        let as_text = |column: &FieldRef| match column.data_type() {
            DataType::Utf8View => {
                Arc::new(column.as_ref().clone().with_data_type(lake.text_type()))
            }
            _ => Arc::clone(column),
        };
        // They are declared and never inferred: those that a file lacks are null.
        let (directories, in_files): (Vec<_>, Vec<_>) = columns
            .fields()
            .iter()
            .map(as_text)
            .partition(|column: &FieldRef| column.name() == MACHINE);
        let schema = TableSchema::builder(Arc::new(Schema::new(in_files)))
            .with_table_partition_cols(directories)
            .build();
        Self { table, lake, schema }
    }

    /// The table's name.
    pub fn name(&self) -> &'static str {
        self.table.name()
    }

    /// The lake that it is of.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// The number of files that a scan with these filters reads.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`](crate::Error::Storage).
    pub async fn count_files(&self, filters: &[Expr]) -> LakeResult<usize> {
        Ok(listing::files(self.lake.place(), self.name(), &self.wanted(filters)).await?.len())
    }

    /// The files of all days and machines that may have rows for the filters.
    async fn listed(&self, filters: &[Expr]) -> LakeResult<Vec<DataFile>> {
        listing::all_files(self.lake.place(), self.name(), &self.wanted(filters)).await
    }

    fn wanted(&self, filters: &[Expr]) -> Wanted {
        let limits = filters.iter().filter_map(machines_of);
        let of_lake = Some(self.lake.machines().clone()).filter(|machines| !machines.is_empty());
        let machines = of_lake.into_iter().chain(limits).reduce(|a, b| &a & &b);
        Wanted { times: time_ranges(filters, self.table), machines }
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters decide which files are read, and are evaluated again on the rows.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let listed = self.listed(filters).await;
        let listed = listed.map_err(|error| netsky_db::Error::Storage(Box::new(error)))?;
        let files_listed = listed.len();
        let files = listing::current(listed);
        if files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema().project(columns)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let is_view = self.lake.text_type() == DataType::Utf8View;
        let files = files.into_iter().map(|file| {
            let machine = match is_view {
                true => ScalarValue::Utf8View(Some(file.machine)),
                false => ScalarValue::Utf8(Some(file.machine)),
            };
            PartitionedFile::new_from_meta(file.meta).with_partition_values(vec![machine])
        });
        let groups = FileGroup::new(files.collect());
        let groups = groups.split_files(session.config().target_partitions());
        let url = store_url(self.lake.place())?;
        let store = Arc::clone(self.lake.place().store());
        session.runtime_env().register_object_store(url.as_ref(), store);
        // With the page index, a range of times or ids reads the pages that it needs.
        let source = ParquetSource::new(self.schema.clone())
            .with_metadata_size_hint(END_BYTES)
            .with_enable_page_index(true);
        // DataFusion counts what it leaves out of them.
        MetricBuilder::new(source.metrics()).global_counter("files_listed").add(files_listed);
        let scan = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit);
        Ok(DataSourceExec::from_data_source(scan.build()))
    }
}

impl TableSource for Lake {
    fn tables(&self) -> Vec<&'static Table> {
        tables().to_vec()
    }

    fn provider(&self, table: &'static Table) -> Arc<dyn TableProvider> {
        Arc::new(LakeTable::new(table, self.clone()))
    }
}

impl fmt::Debug for LakeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeTable")
            .field("table", &self.table.name())
            .field("lake", &self.lake)
            .finish_non_exhaustive()
    }
}

/// The machines whose rows pass the filter; `None` if it is not about machines.
fn machines_of(filter: &Expr) -> Option<BTreeSet<String>> {
    let is_machine = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == MACHINE);
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let name = match (is_machine(left), is_machine(right)) {
                (true, false) => text(right)?,
                (false, true) => text(left)?,
                _ => return None,
            };
            Some(BTreeSet::from([name]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            match (machines_of(left), machines_of(right)) {
                (Some(a), Some(b)) => Some(&a & &b),
                (one, other) => one.or(other),
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(&machines_of(left)? | &machines_of(right)?)
        }
        Expr::InList(InList { expr, list, negated: false }) if is_machine(expr) => {
            list.iter().map(text).collect()
        }
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        Expr::Cast(cast) => text(&cast.expr),
        Expr::Alias(alias) => text(&alias.expr),
        _ => None,
    }
}
