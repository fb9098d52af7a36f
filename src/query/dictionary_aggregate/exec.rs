//! The operator.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::InputOrderMode;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::query::dictionary_aggregate::keys::Keys;
use crate::query::dictionary_aggregate::rounds;
use crate::query::stream_exec::with_inputs;

/// A partial aggregate that groups by the ids of texts.
#[derive(Debug)]
pub(in crate::query) struct DictionaryAggregateExec {
    /// The aggregate that groups by the texts.
    aggregate: AggregateExec,
    keys: Keys,
    metrics: ExecutionPlanMetricsSet,
}

impl DictionaryAggregateExec {
    /// Returns the operator for an aggregate, or `None` if it must stay as it is.
    pub(in crate::query) fn of(aggregate: &AggregateExec) -> Result<Option<Self>> {
        let is_plain = *aggregate.mode() == AggregateMode::Partial
            && *aggregate.input_order_mode() == InputOrderMode::Linear
            && aggregate.group_expr().is_single()
            && aggregate.limit_options().is_none()
            // An aggregate over ordered rows knows that from its input.
            && aggregate.aggr_expr().iter().all(|function| function.order_bys().is_empty());
        if !is_plain {
            return Ok(None);
        }
        let keys = Keys::of(aggregate)?;
        Ok(keys.map(|keys| Self {
            aggregate: aggregate.clone(),
            keys,
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }
}

impl DisplayAs for DictionaryAggregateExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => f.write_str("Dictionary")?,
            DisplayFormatType::TreeRender => {}
        }
        self.aggregate.fmt_as(format, f)
    }
}

impl ExecutionPlan for DictionaryAggregateExec {
    fn name(&self) -> &'static str {
        "DictionaryAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.aggregate.children()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.aggregate.maintains_input_order()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.aggregate.apply_expressions(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let aggregate = with_inputs(self.aggregate.clone(), children)?;
        let aggregate = aggregate.downcast_ref::<AggregateExec>().cloned();
        let aggregate = aggregate.ok_or_else(|| internal_datafusion_err!("not an aggregate"))?;
        let (keys, metrics) = (self.keys.clone(), ExecutionPlanMetricsSet::new());
        Ok(Arc::new(Self { aggregate, keys, metrics }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.aggregate.input().execute(partition, Arc::clone(&context))?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (aggregate, keys) = (self.aggregate.clone(), self.keys.clone());
        Ok(rounds::run(aggregate, keys, input, partition, context, metrics))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.aggregate.statistics_from_inputs(inputs, args)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.aggregate.child_stats_requests(partition)
    }
}
