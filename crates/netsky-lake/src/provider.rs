//! A table of a lake as DataFusion's planner sees it.
//!
//! Unlike DataFusion's `ListingTable`, it derives the days from filters on the table's time and lists only their
//! directories, in parallel, and it lists anew for every query: DataFusion's cache of listings keeps what it has seen
//! for ever, and lists a table that does not fit into it as a whole, 16 seconds for 100,000 files.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use netsky_db::internal::time_ranges;
use netsky_db::{Error, Table};

use crate::layout::MACHINE;
use crate::listing::{self, Wanted};
use crate::place::Place;

/// How much of a file's end is read at first. Its metadata is there, some kilobytes, and another request for the rest
/// of it takes as long as the first.
const END_BYTES: usize = 64 << 10;

/// The provider of one table of a lake.
pub(crate) struct LakeTable {
    table: &'static Table,
    place: Place,
    /// If not empty, only their rows are read.
    machines: BTreeSet<String>,
    schema: TableSchema,
}

impl LakeTable {
    pub(crate) fn new(table: &'static Table, place: Place, machines: BTreeSet<String>) -> Self {
        let columns = table.schema();
        let is_of_directory = |column: &&FieldRef| column.name() == MACHINE;
        let (directories, in_files): (Vec<_>, Vec<_>) =
            columns.fields().iter().partition(is_of_directory);
        // They are declared and never inferred: those that a file lacks are null.
        let in_files: Vec<FieldRef> = in_files.into_iter().cloned().collect();
        let directories: Vec<FieldRef> = directories.into_iter().cloned().collect();
        let schema = TableSchema::builder(Arc::new(Schema::new(in_files)))
            .with_table_partition_cols(directories)
            .build();
        Self { table, place, machines, schema }
    }

    fn wanted(&self, filters: &[Expr]) -> Wanted {
        let limits = filters.iter().filter_map(machines_of);
        let of_lake = Some(self.machines.clone()).filter(|machines| !machines.is_empty());
        let machines = of_lake.into_iter().chain(limits).reduce(|a, b| &a & &b);
        Wanted { times: time_ranges(filters, self.table), machines }
    }

    /// Under which URL a session finds the files.
    fn object_store_url(&self) -> Result<ObjectStoreUrl> {
        let mut hasher = DefaultHasher::new();
        self.place.url().hash(&mut hasher);
        ObjectStoreUrl::parse(format!("lake://{:016x}", hasher.finish()))
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
        let files = listing::files(&self.place, self.table.name(), &self.wanted(filters)).await;
        let files =
            files.map_err(|error| DataFusionError::from(Error::Storage(Box::new(error))))?;
        if files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema().project(columns)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let files = files.into_iter().map(|file| {
            let machine = ScalarValue::Utf8View(Some(file.machine));
            PartitionedFile::new_from_meta(file.meta).with_partition_values(vec![machine])
        });
        let groups = FileGroup::new(files.collect());
        let groups = groups.split_files(session.config().target_partitions());
        let url = self.object_store_url()?;
        session.runtime_env().register_object_store(url.as_ref(), Arc::clone(self.place.store()));
        // With the page index, a range of times or ids reads the pages that it needs.
        let source = ParquetSource::new(self.schema.clone())
            .with_metadata_size_hint(END_BYTES)
            .with_enable_page_index(true);
        let scan = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit);
        Ok(DataSourceExec::from_data_source(scan.build()))
    }
}

impl fmt::Debug for LakeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeTable")
            .field("table", &self.table.name())
            .field("place", &self.place)
            .field("machines", &self.machines)
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
