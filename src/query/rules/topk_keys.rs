//! Gives limited sorts of several partitions all of their keys.
//!
//! DataFusion 55.2 leaves out a key that has one value in each partition, as `'sent' AS kind` has in
//! each input of a union. That is enough to sort a partition. But its limited sorts share what they have
//! found: rows that are worse than the best of another partition are not even read, and without the key
//! rows are compared that its value tells apart. `ORDER BY kind, ts_utc LIMIT 5` had the oldest rows of
//! all kinds. This rule goes when the partitions share no more than they can.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

/// Sorts by the keys that the merge of the partitions goes by. It must come before the filters of the
/// sorts are pushed down.
#[derive(Debug)]
pub(super) struct CompleteTopKKeys;

impl PhysicalOptimizerRule for CompleteTopKKeys {
    fn name(&self) -> &'static str {
        "complete_topk_keys"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| {
            let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() else {
                return Ok(Transformed::no(plan));
            };
            match completed(merge.input(), merge.expr().to_vec())? {
                Some(input) => {
                    replace_children_if_necessary(plan, vec![input]).map(Transformed::yes)
                }
                None => Ok(Transformed::no(plan)),
            }
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The same plan with a sort by all of the keys; `None` if no limited sort lacks any.
fn completed(
    plan: &Arc<dyn ExecutionPlan>,
    keys: Vec<PhysicalSortExpr>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        let keys = LexOrdering::new(keys).filter(|keys| keys.len() > sort.expr().len());
        let is_limited = sort.fetch().is_some() && sort.preserve_partitioning();
        return Ok(keys.filter(|_| is_limited).map(|keys| {
            let sort = SortExec::new(keys, Arc::clone(sort.input()))
                .with_preserve_partitioning(true)
                .with_fetch(sort.fetch());
            Arc::new(sort) as Arc<dyn ExecutionPlan>
        }));
    }
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else { return Ok(None) };
    let keys = keys.into_iter().map(|key| below(key, projection));
    match completed(projection.input(), keys.collect::<Result<_>>()?)? {
        Some(input) => replace_children_if_necessary(Arc::clone(plan), vec![input]).map(Some),
        None => Ok(None),
    }
}

/// A key in the columns of the projection's input.
fn below(key: PhysicalSortExpr, projection: &ProjectionExec) -> Result<PhysicalSortExpr> {
    let expr = key.expr.transform_down(|expr| {
        let column = expr.downcast_ref::<Column>().map(Column::index);
        match column.and_then(|index| projection.expr().get(index)) {
            Some(projected) => {
                Ok(Transformed::new(Arc::clone(&projected.expr), true, TreeNodeRecursion::Jump))
            }
            None => Ok(Transformed::no(expr)),
        }
    });
    Ok(PhysicalSortExpr::new(expr.data()?, key.options))
}
