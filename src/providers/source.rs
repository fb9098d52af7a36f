//! The leaf of a plan: which rows and columns of a table to read, as the optimizer settles them.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source::DataSource;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{
    EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};

use crate::providers::conjuncts::can_be_moved;
use crate::providers::order::Order;
use crate::providers::predicate::Predicate;
use crate::providers::pushdown::Ranges;
use crate::providers::scan;
use crate::providers::segments::Segments;
use crate::providers::skipped::SkippedRows;
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
    /// What is known of the rows without reading them all.
    totals: Option<Totals>,
    /// What else rows must pass.
    pub(super) predicate: Predicate,
    pub(super) order: Order,
    /// The scan ends after so many rows.
    pub(super) fetch: Option<usize>,
    /// Counts the corrupt rows that are left out. `None` if the scan fails at one.
    pub(super) skipped: Option<Arc<SkippedRows>>,
    pub(super) metrics: ExecutionPlanMetricsSet,
}

impl RowSource {
    /// Reads zones, and a few blocks at the ends of ranges, from the file.
    pub(super) fn new(
        table: &'static Table,
        snapshot: Arc<Snapshot>,
        projection: Vec<usize>,
        ranges: Ranges,
        fetch: Option<usize>,
        skipped: Option<Arc<SkippedRows>>,
    ) -> Result<Self> {
        let mut source = Self {
            table,
            schema: Arc::new(table.schema().project(&projection)?),
            segments: Arc::new(Segments::plan(&snapshot.zones(table)?, &ranges)),
            ranges: Arc::new(ranges),
            snapshot,
            projection,
            totals: None,
            predicate: Predicate::default(),
            order: Order::default(),
            fetch,
            skipped,
            metrics: ExecutionPlanMetricsSet::new(),
        };
        // The optimizer asks for them in every plan, on a thread that must not wait for a disk. A row
        // that cannot be read is for the scan to report, if it gets there.
        source.totals = Totals::of(&source).unwrap_or_default();
        Ok(source)
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
                write!(f, "table={}, columns=[{columns}]", self.table.name())?;
                write!(f, "{}{}{}", self.ranges, self.predicate, self.order)?;
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
        let schema = Arc::clone(&self.schema);
        let descending = match self.order {
            Order::Rising => false,
            Order::Falling => true,
            Order::NewestFirst | Order::OldestFirst => return EquivalenceProperties::new(schema),
        };
        let Some(id) = self.projection.iter().position(|&index| index == 0) else {
            return EquivalenceProperties::new(schema);
        };
        let options = SortOptions { descending, nulls_first: descending };
        let by_id = PhysicalSortExpr::new(Arc::new(Column::new("id", id)), options);
        EquivalenceProperties::new_with_orderings(schema, [[by_id]])
    }

    fn scheduling_type(&self) -> SchedulingType {
        // Batches arrive through a tokio channel, which yields by itself.
        SchedulingType::Cooperative
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(match self.totals {
            // Zones count corrupt rows as well.
            Some(totals) if self.predicate.is_empty() && self.skipped.is_none() => {
                totals.statistics(self)
            }
            Some(totals) => totals.statistics(self).to_inexact(),
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

    /// Takes on a projection that only picks columns, so that it does not stand between the scan and
    /// a limit, and columns that only filters needed are not put out.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        let picked = projection.iter().map(|picked| {
            let column = picked.expr.downcast_ref::<Column>()?;
            (picked.alias == column.name()).then(|| self.projection[column.index()])
        });
        let Some(projection) = picked.collect::<Option<Vec<usize>>>() else { return Ok(None) };
        let schema = Arc::new(self.table.schema().project(&projection)?);
        Ok(Some(Arc::new(Self { projection, schema, ..self.clone() })))
    }

    /// Takes on every filter, so that none stands between the scan and an order or a limit. It knows
    /// more than a filter above could: blocks in which no row can pass are not read.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn DataSource>>> {
        // After a limit, a filter would have other rows to choose from.
        let takes = |filter| self.fetch.is_none() && !is_volatile(filter) && can_be_moved(filter);
        let taken: Vec<bool> = filters.iter().map(takes).collect();
        let answers =
            taken.iter().map(|&taken| if taken { PushedDown::Yes } else { PushedDown::No });
        let answer = FilterPushdownPropagation::with_parent_pushdown_result(answers.collect());
        if !taken.contains(&true) {
            return Ok(answer);
        }
        let mut predicate = self.predicate.clone();
        for (filter, _) in filters.into_iter().zip(taken).filter(|(_, taken)| *taken) {
            predicate = predicate.and(filter, &self.projection)?;
        }
        Ok(answer.with_updated_node(Arc::new(Self { predicate, ..self.clone() })))
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn DataSource>>> {
        // A limit has chosen its rows by the order that there was; another would choose others.
        let Some(first) = order.first().filter(|_| self.fetch.is_none()) else {
            return Ok(SortOrderPushdownResult::Unsupported);
        };
        let column = first.expr.downcast_ref::<Column>().map(Column::index);
        let column = column.and_then(|index| self.projection.get(index).copied());
        let descending = first.options.descending;
        let ordered = |order| -> Arc<dyn DataSource> { Arc::new(Self { order, ..self.clone() }) };
        Ok(match column {
            Some(0) => {
                let inner = ordered(if descending { Order::Falling } else { Order::Rising });
                // No two rows have the same id, so rows by id are also sorted by whatever comes after
                // it. DataFusion does not know, and refuses a plan without a sort. It would know by a
                // constraint, but a projection gives that to another column (55.2).
                match order.len() {
                    1 => SortOrderPushdownResult::Exact { inner },
                    _ => SortOrderPushdownResult::Inexact { inner },
                }
            }
            Some(index) if self.table.time_index() == Some(index) => {
                SortOrderPushdownResult::Inexact {
                    inner: ordered(if descending {
                        Order::NewestFirst
                    } else {
                        Order::OldestFirst
                    }),
                }
            }
            _ => SortOrderPushdownResult::Unsupported,
        })
    }

    /// The producer of a filter that changes looks for it here; if it is not found, it stays as it is.
    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for filter in self.predicate.filters() {
            if f(filter)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }
}
