//! The operator.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties,
};

use crate::query::packed_sort::keys::Keys;
use crate::query::packed_sort::sort::Sort;
use crate::query::stream_exec::with_inputs;

/// A sort of all rows by keys that are packed into one number.
#[derive(Debug)]
pub(in crate::query) struct PackedSortExec {
    /// The sort that compares the columns.
    sort: SortExec,
    keys: Keys,
    metrics: ExecutionPlanMetricsSet,
}

impl PackedSortExec {
    /// Returns the operator for a sort, or `None` if it must stay as it is.
    pub(in crate::query) fn of(sort: &SortExec) -> Result<Option<Self>> {
        let order = sort.input().equivalence_properties();
        // A sort of the first rows keeps no others, and one of sorted rows passes them on.
        if sort.fetch().is_some() || order.ordering_satisfy(sort.expr().clone())? {
            return Ok(None);
        }
        let keys = Keys::of(sort)?;
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(keys.map(|keys| Self { sort: sort.clone(), keys, metrics }))
    }
}

impl DisplayAs for PackedSortExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => f.write_str("Packed")?,
            DisplayFormatType::TreeRender => {}
        }
        self.sort.fmt_as(format, f)
    }
}

impl ExecutionPlan for PackedSortExec {
    fn name(&self) -> &'static str {
        "PackedSortExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.sort.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.sort.children()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.sort.input_distribution_requirements()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        self.sort.benefits_from_input_partitioning()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.sort.apply_expressions(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let sort = with_inputs(self.sort.clone(), children)?;
        let sort = sort.downcast_ref::<SortExec>().cloned();
        let sort = sort.ok_or_else(|| internal_datafusion_err!("not a sort"))?;
        let (keys, metrics) = (self.keys.clone(), ExecutionPlanMetricsSet::new());
        Ok(Arc::new(Self { sort, keys, metrics }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.sort.input().execute(partition, Arc::clone(&context))?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (sort, keys) = (self.sort.clone(), self.keys.clone());
        Ok(Sort { sort, keys, context, metrics }.run(input, partition))
    }

    /// Those of DataFusion's sort are of the rows that it sorts.
    fn metrics(&self) -> Option<MetricsSet> {
        let mut metrics = self.metrics.clone_inner();
        for metric in self.sort.metrics().iter().flat_map(|metrics| metrics.iter()) {
            metrics.push(Arc::clone(metric));
        }
        Some(metrics)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.sort.statistics_from_inputs(inputs, args)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.sort.child_stats_requests(partition)
    }
}
