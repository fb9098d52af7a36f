//! Plans whose stages run in tasks that share nothing.
//!
//! DataFusion plans for one process, and Ballista 55.0 cuts the plan into stages, of which each task has some
//! partitions. Four things are not the same then. The test of random queries had a wrong answer or an error from each
//! of them:
//!
//! - A repartition of one input keeps its order in one process, and windows above it relied on that. On a cluster, its
//!   rows are read from files in any order.
//! - A join that collects one side is turned by Ballista into one of hashed partitions, and an aggregate above it, which
//!   had one input, returned a row for each.
//! - A join that returns rows without a match, and compares other than by `=`, knows in one process of the rows that
//!   other partitions have matched. On a cluster, each task returned them again.
//! - Ballista places sorts again in each stage, without what keeps netsky from moving one below an OFFSET. So a stage
//!   ends there.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, internal_err, not_impl_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements};
use datafusion::physical_expr_common::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PlanProperties, ReplaceChildrenOptions,
};

/// Makes a plan right for tasks that share nothing.
#[derive(Debug)]
pub(crate) struct IndependentStages {
    /// The rule that places repartitions and sorts.
    pub(crate) placing: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
}

impl PhysicalOptimizerRule for IndependentStages {
    fn name(&self) -> &'static str {
        "independent_stages"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let marked = plan.transform_up(|plan| {
            if let Some(repartition) = plan.downcast_ref::<RepartitionExec>() {
                let shuffle = Shuffle::new(repartition.input(), repartition.partitioning().clone());
                return Ok(Transformed::yes(Arc::new(shuffle) as _));
            }
            if plan.downcast_ref::<GlobalLimitExec>().is_some_and(|limit| limit.skip() > 0) {
                let shuffle = Shuffle::new(&plan, Partitioning::UnknownPartitioning(1));
                return Ok(Transformed::yes(Arc::new(shuffle) as _));
            }
            if plan.is::<SortPreservingMergeExec>() {
                return Ok(Transformed::yes(Arc::new(Merge(plan)) as _));
            }
            partitioned(plan)
        })?;
        let placed = self.placing.optimize(marked.data, config)?;
        placed
            .transform_up(|plan| {
                if let Some(shuffle) = plan.downcast_ref::<Shuffle>() {
                    return Ok(Transformed::yes(shuffle.exchange()?));
                }
                if let Some(Merge(merge)) = plan.downcast_ref::<Merge>() {
                    return Ok(Transformed::yes(Arc::clone(merge)));
                }
                in_one_task(plan)
            })
            .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Hashes both sides of a join that collects one.
fn partitioned(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return Ok(Transformed::no(plan)) };
    if *join.partition_mode() != PartitionMode::CollectLeft {
        return Ok(Transformed::no(plan));
    }
    if join.null_aware {
        return not_impl_err!("this NOT IN cannot run on a cluster; write NOT EXISTS");
    }
    let join = join.builder().with_partition_mode(PartitionMode::Partitioned).build()?;
    Ok(Transformed::yes(Arc::new(join)))
}

/// Gives a join that must know of all matches all rows.
fn in_one_task(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() else {
        return Ok(Transformed::no(plan));
    };
    let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
    let returns_unmatched = !matches!(
        join.join_type(),
        JoinType::Inner
            | JoinType::Right
            | JoinType::RightSemi
            | JoinType::RightAnti
            | JoinType::RightMark
    );
    if !returns_unmatched || right.output_partitioning().partition_count() == 1 {
        return Ok(Transformed::no(plan));
    }
    // Ballista leaves out the second one, because the join does not ask for it, but not what the limit asks for.
    let all = Arc::new(CoalescePartitionsExec::new(right));
    let all = Arc::new(GlobalLimitExec::new(all, 0, None));
    let right = Arc::new(CoalescePartitionsExec::new(all));
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Ok(Transformed::yes(plan.replace_children(vec![left, right], options)?))
}

/// The end of a stage, behind which nothing is known of its rows but their partitions.
#[derive(Debug)]
struct Shuffle {
    input: Arc<dyn ExecutionPlan>,
    partitioning: Partitioning,
    properties: Arc<PlanProperties>,
}

impl Shuffle {
    fn new(input: &Arc<dyn ExecutionPlan>, partitioning: Partitioning) -> Self {
        // Nor does the reader know which columns are constant or equal.
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            partitioning.clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self { input: Arc::clone(input), partitioning, properties: Arc::new(properties) }
    }

    /// What Ballista ends a stage with.
    fn exchange(&self) -> Result<Arc<dyn ExecutionPlan>> {
        let input = Arc::clone(&self.input);
        Ok(match (&self.partitioning, input.output_ordering().cloned()) {
            // Ballista places nothing anew below a merge.
            (Partitioning::UnknownPartitioning(_), Some(order)) => {
                Arc::new(SortPreservingMergeExec::new(order, input))
            }
            (Partitioning::UnknownPartitioning(_), None) => {
                Arc::new(CoalescePartitionsExec::new(input))
            }
            (hashed, _) => Arc::new(RepartitionExec::try_new(input, hashed.clone())?),
        })
    }
}

impl DisplayAs for Shuffle {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shuffle: {}", self.partitioning)
    }
}

impl ExecutionPlan for Shuffle {
    fn name(&self) -> &'static str {
        "Shuffle"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match &children[..] {
            [input] => Ok(Arc::new(Self::new(input, self.partitioning.clone()))),
            _ => internal_err!("a shuffle has one input"),
        }
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("it is part of a plan only while sorts are placed")
    }
}

/// A merge of sorted partitions, which would be left out if it was placed before: what is above does not ask for an
/// order, although a limit depends on it.
#[derive(Debug)]
struct Merge(Arc<dyn ExecutionPlan>);

impl DisplayAs for Merge {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as(kind, f)
    }
}

impl ExecutionPlan for Merge {
    fn name(&self) -> &'static str {
        "Merge"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.0.children()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.0.required_input_ordering()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.0.maintains_input_order()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        self.0.benefits_from_input_partitioning()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.0.apply_expressions(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        Ok(Arc::new(Self(Arc::clone(&self.0).replace_children(children, options)?)))
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("it is part of a plan only while sorts are placed")
    }
}
