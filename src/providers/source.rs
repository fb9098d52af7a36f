//! The leaf of a plan: the rows and columns of a table to read, as the optimizer decides them.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::{Column, DynamicFilterPhysicalExpr};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{
    EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, SortOrderPushdownResult};

use crate::providers::conjuncts::can_remap_columns;
use crate::providers::id_ranges::IdRanges;
use crate::providers::order::Order;
use crate::providers::predicate::Predicate;
use crate::providers::pushdown::Ranges;
use crate::providers::scan;
use crate::providers::scan_config::ScanConfig;
use crate::providers::segments::SegmentCopies;
use crate::providers::skipped::SkippedRows;
use crate::providers::statistics::ExactStatistics;
use crate::store::Snapshot;
use crate::table::{ColumnType, Table};

/// What the planner asks of a scan.
#[derive(Debug)]
pub(super) struct ScanRequest {
    pub(super) projection: Vec<usize>,
    pub(super) ranges: Ranges,
    pub(super) predicate: Predicate,
    pub(super) fetch: Option<usize>,
    pub(super) has_our_rules: bool,
}

/// Returns a scan of each text of a table's column with the number of its rows, in place of a scan of that
/// column alone. A text can come several times, and its number is in all columns of the schema but the first.
/// `None` for another scan, and if no copy of the rows has their texts.
pub(crate) fn scan_counted_texts(
    plan: &Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
) -> Option<Arc<dyn ExecutionPlan>> {
    let source = plan.downcast_ref::<DataSourceExec>()?.data_source();
    let source = source.downcast_ref::<RowSource>()?;
    let config = &source.config;
    let [column] = config.projection[..] else { return None };
    let column = column.checked_sub(1)?;
    let takes_all_rows = config.predicate.is_empty()
        && config.fetch.is_none()
        && config.skipped.is_none()
        && !config.id_ranges.id_ranges.iter().any(|range| range.check_times);
    let has_copy = config.copies.estimated_bytes(&[column]).is_some_and(|bytes| bytes > 0);
    if !takes_all_rows || !has_copy || config.table.columns()[column].ty != ColumnType::Text {
        return None;
    }
    let counted = source.with(|config| (config.schema, config.counts_texts) = (schema, true));
    Some(Arc::new(DataSourceExec::new(counted)))
}

/// A scan as DataFusion sees it.
#[derive(Debug, Clone)]
pub(super) struct RowSource {
    config: ScanConfig,
    /// What is known about the rows without reading all of them.
    statistics: Option<ExactStatistics>,
    metrics: ExecutionPlanMetricsSet,
}

impl RowSource {
    /// Reads zones from the file, and a few blocks at the ends of ranges.
    pub(super) fn new(
        table: &'static Table,
        snapshot: Arc<Snapshot>,
        request: ScanRequest,
        skipped: Option<Arc<SkippedRows>>,
    ) -> Result<Self> {
        let ScanRequest { projection, ranges, predicate, fetch, has_our_rules } = request;
        let zones = snapshot.zones(table)?;
        let id_ranges = IdRanges::plan(&zones, &ranges);
        // A row may have become corrupt after it was copied. Queries that leave such rows out read the rows,
        // so that all of them see the same ones.
        let wanted = if skipped.is_none() { id_ranges.id_ranges.as_slice() } else { &[] };
        let copies = SegmentCopies::plan(&snapshot, table, &zones, wanted);
        let config = ScanConfig {
            table,
            schema: Arc::new(table.schema().project(&projection)?),
            id_ranges: Arc::new(id_ranges),
            copies: Arc::new(copies),
            ranges: Arc::new(ranges),
            snapshot,
            projection,
            predicate,
            order: if has_our_rules { Order::Ascending } else { Order::Any },
            sorted_by: Vec::new(),
            fetch,
            counts_texts: false,
            skipped,
            has_our_rules,
        };
        // Computed now, because the optimizer asks for statistics in every plan, on a thread that must
        // not wait for a disk. Errors are ignored here: if a row cannot be read, the scan reports it if
        // it gets there.
        let statistics = ExactStatistics::of(&config).unwrap_or_default();
        Ok(Self { config, statistics, metrics: ExecutionPlanMetricsSet::new() })
    }

    /// Returns the same scan with a changed configuration.
    fn with(&self, change: impl FnOnce(&mut ScanConfig)) -> Arc<Self> {
        let mut changed = self.clone();
        change(&mut changed.config);
        Arc::new(changed)
    }

    /// Whether the filter comes from the sort directly above, which has asked for the order. If so, its
    /// keys are the same objects as the sort's. An operator in between, which could have confused
    /// columns, would have created new ones.
    fn is_of_sort_above(&self, filter: &Arc<dyn PhysicalExpr>) -> bool {
        let keys = filter.children();
        filter.is::<DynamicFilterPhysicalExpr>()
            && !keys.is_empty()
            && keys.len() == self.config.sorted_by.len()
            && keys.iter().zip(&self.config.sorted_by).all(|(key, by)| Arc::ptr_eq(key, by))
    }
}

impl DataSource for RowSource {
    fn open(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        scan::open(&self.config, &self.metrics, partition, &context)
    }

    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let schema = self.config.table.schema();
        let name = |index: &usize| schema.field(*index).name().as_str();
        let columns: Vec<&str> = self.config.projection.iter().map(name).collect();
        let columns = columns.join(", ");
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "table={}, columns=[{columns}]", self.config.table.name())?;
                write!(f, "{}{}{}", self.config.ranges, self.config.predicate, self.config.order)?;
                if self.config.counts_texts {
                    f.write_str(", counted by text")?;
                }
                match self.config.fetch {
                    Some(fetch) => write!(f, ", fetch={fetch}"),
                    None => Ok(()),
                }
            }
            DisplayFormatType::TreeRender => {
                writeln!(f, "table={}", self.config.table.name())?;
                writeln!(f, "columns={columns}")
            }
        }
    }

    // One partition, so that a plan above can use the order of the rows.
    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(1)
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        let schema = Arc::clone(&self.config.schema);
        let descending = match self.config.order {
            Order::Ascending => false,
            Order::Descending => true,
            Order::Any | Order::NewestFirst | Order::OldestFirst => {
                return EquivalenceProperties::new(schema);
            }
        };
        let Some(id) = self.config.projection.iter().position(|&index| index == 0) else {
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
        Ok(Arc::new(match self.statistics {
            _ if self.config.counts_texts => Statistics::new_unknown(&self.config.schema),
            // Zones also count corrupt rows.
            Some(known) if self.config.predicate.is_empty() && self.config.skipped.is_none() => {
                known.statistics(&self.config)
            }
            Some(known) => known.statistics(&self.config).to_inexact(),
            None => Statistics::new_unknown(&self.config.schema),
        }))
    }

    fn with_fetch(&self, fetch: Option<usize>) -> Option<Arc<dyn DataSource>> {
        Some(self.with(|config| config.fetch = fetch))
    }

    fn fetch(&self) -> Option<usize> {
        self.config.fetch
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.metrics.clone()
    }

    /// Accepts a projection that only picks columns. Then the projection is not between the scan and a
    /// limit, and columns that only filters need are not returned.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        let picked = projection.iter().map(|picked| {
            let column = picked.expr.downcast_ref::<Column>()?;
            (picked.alias == column.name()).then(|| self.config.projection[column.index()])
        });
        let Some(projection) = picked.collect::<Option<Vec<usize>>>() else { return Ok(None) };
        let schema = Arc::new(self.config.table.schema().project(&projection)?);
        let change = |config: &mut ScanConfig| {
            (config.projection, config.schema) = (projection, schema);
        };
        Ok(Some(self.with(change)))
    }

    /// Accepts every filter, so that no filter is between the scan and an order or a limit. The scan
    /// can also do more with a filter than an operator above: it skips blocks in which no row can pass.
    ///
    /// In a session without our rules, most filters are refused, because they may be on columns with
    /// the same names in other tables.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn DataSource>>> {
        // A filter above a limit must not change which rows the limit selects.
        let takes = |filter| {
            let is_its_own = self.config.has_our_rules || self.is_of_sort_above(filter);
            is_its_own
                && self.config.fetch.is_none()
                && !is_volatile(filter)
                && can_remap_columns(filter)
        };
        let taken: Vec<bool> = filters.iter().map(takes).collect();
        let answers =
            taken.iter().map(|&taken| if taken { PushedDown::Yes } else { PushedDown::No });
        let answer = FilterPushdownPropagation::with_parent_pushdown_result(answers.collect());
        if !taken.contains(&true) {
            return Ok(answer);
        }
        let mut predicate = self.config.predicate.clone();
        for (filter, _) in filters.into_iter().zip(taken).filter(|(_, taken)| *taken) {
            predicate = predicate.and(filter, &self.config.projection)?;
        }
        Ok(answer.with_updated_node(self.with(|config| config.predicate = predicate)))
    }

    fn try_pushdown_sort(
        &self,
        keys: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn DataSource>>> {
        // The limit has selected its rows by the current order. Another order would select others.
        let Some(first) = keys.first().filter(|_| self.config.fetch.is_none()) else {
            return Ok(SortOrderPushdownResult::Unsupported);
        };
        let column = first.expr.downcast_ref::<Column>().map(Column::index);
        let column = column.and_then(|index| self.config.projection.get(index).copied());
        let descending = first.options.descending;
        let order = match column {
            Some(0) if descending => Order::Descending,
            Some(0) => Order::Ascending,
            Some(index) if self.config.table.time_index() == Some(index) => match descending {
                true => Order::NewestFirst,
                false => Order::OldestFirst,
            },
            _ => return Ok(SortOrderPushdownResult::Unsupported),
        };
        // Ids are unique, so rows in the order of ids are also in order for any further keys.
        // DataFusion does not know that and would reject a plan without the sort. A unique constraint
        // would tell it, but a projection maps constraints to the wrong column (55.2).
        //
        // If a sort of several partitions is removed, DataFusion may also lose the merge and then
        // reject the plan. One of our rules ensures that there is one partition. In other sessions the
        // sort stays: if it finds its input in order, it passes the rows on, up to its limit.
        let by_id = matches!(order, Order::Ascending | Order::Descending);
        if by_id && keys.len() == 1 && self.config.has_our_rules {
            let inner = self.with(|config| config.order = order);
            return Ok(SortOrderPushdownResult::Exact { inner });
        }
        let sorted_by = keys.iter().map(|key| Arc::clone(&key.expr)).collect();
        let change = |config: &mut ScanConfig| {
            (config.order, config.sorted_by) = (order, sorted_by);
        };
        let inner = self.with(change);
        Ok(SortOrderPushdownResult::Inexact { inner })
    }

    /// The operator that produces a dynamic filter looks for it here. If it does not find it, it never
    /// updates it.
    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for filter in self.config.predicate.filters() {
            if f(filter)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }
}
