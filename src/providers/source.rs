//! The leaf of a plan: which rows and columns of a table to read, as the optimizer settles them.

use std::fmt::{self, Formatter};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source::DataSource;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;

use crate::providers::pushdown::Ranges;
use crate::providers::scan;
use crate::providers::segments::Segments;
use crate::providers::statistics::Totals;
use crate::store::Snapshot;
use crate::table::Table;

/// A scan of one table in one snapshot.
#[derive(Debug, Clone)]
pub(super) struct RowSource {
    pub(super) table: &'static Table,
    pub(super) snapshot: Arc<Snapshot>,
    /// Indices in [`Table::schema`], in the order of the output.
    pub(super) projection: Vec<usize>,
    pub(super) schema: SchemaRef,
    pub(super) ranges: Arc<Ranges>,
    pub(super) segments: Arc<Segments>,
    /// What is known of the rows, once somebody has asked.
    totals: Arc<OnceLock<Option<Totals>>>,
    /// The scan ends after so many rows.
    pub(super) fetch: Option<usize>,
    pub(super) metrics: ExecutionPlanMetricsSet,
}

impl RowSource {
    pub(super) fn new(
        table: &'static Table,
        snapshot: Arc<Snapshot>,
        projection: Vec<usize>,
        ranges: Ranges,
        fetch: Option<usize>,
    ) -> Result<Self> {
        Ok(Self {
            table,
            schema: Arc::new(table.schema().project(&projection)?),
            segments: Arc::new(Segments::plan(&snapshot.zones(table)?, &ranges)),
            ranges: Arc::new(ranges),
            snapshot,
            projection,
            totals: Arc::default(),
            fetch,
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

impl DataSource for RowSource {
    fn open(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        scan::open(self, partition, &context)
    }

    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> =
            self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let columns = columns.join(", ");
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "table={}, columns=[{columns}]{}", self.table.name(), self.ranges)?;
                match self.fetch {
                    Some(fetch) => write!(f, ", fetch={fetch}"),
                    None => Ok(()),
                }
            }
            DisplayFormatType::TreeRender => {
                writeln!(f, "table={}", self.table.name())?;
                writeln!(f, "columns={columns}")
            }
        }
    }

    // One partition: whatever order the scan gives, a plan above can use.
    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(1)
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        EquivalenceProperties::new(Arc::clone(&self.schema))
    }

    fn scheduling_type(&self) -> SchedulingType {
        // Batches arrive through a tokio channel, which yields by itself.
        SchedulingType::Cooperative
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> Result<Arc<Statistics>> {
        // A row that cannot be read is for the scan to complain about, if it gets there.
        let totals = self.totals.get_or_init(|| Totals::of(self).unwrap_or_default());
        Ok(Arc::new(match totals {
            Some(totals) => totals.statistics(self),
            None => Statistics::new_unknown(&self.schema),
        }))
    }

    fn with_fetch(&self, fetch: Option<usize>) -> Option<Arc<dyn DataSource>> {
        Some(Arc::new(Self { fetch, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.metrics.clone()
    }

    fn try_swapping_with_projection(
        &self,
        _projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        Ok(None)
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
}
