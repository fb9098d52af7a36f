//! Gives TopK sorts of several partitions all of their keys.
//!
//! DataFusion 55.2 omits a key that is constant within each partition, as `'sent' AS kind` is in
//! each input of a union. That is enough to sort one partition. But TopK sorts share their
//! threshold: rows that are worse than the best rows of another partition are not even read, and
//! without the key, rows are compared that differ in its value. `ORDER BY kind, ts_utc LIMIT 5`
//! returned the oldest rows of all kinds. Remove this rule when DataFusion shares thresholds only
//! between comparable partitions.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

use crate::query::rules::rewrite::PhysicalRewrite;

/// Sorts by the keys of the merge of the partitions. It must run before the sorts' dynamic filters
/// are pushed down.
pub(super) const COMPLETE_TOPK_KEYS: PhysicalRewrite =
    PhysicalRewrite { name: "complete_topk_keys", node: complete_keys };

fn complete_keys(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() else { return Ok(None) };
    let Some(input) = completed(merge.input(), merge.expr().to_vec())? else { return Ok(None) };
    replace_children_if_necessary(Arc::clone(plan), vec![input]).map(Some)
}

/// Returns the plan with a sort by all of the keys; `None` if no TopK sort lacks any.
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

/// Returns the key in terms of the projection's input.
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
