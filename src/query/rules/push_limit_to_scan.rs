//! Lets a limit stop a scan although something is computed in between.
//!
//! For `SELECT upper(body) FROM messages ORDER BY id DESC LIMIT 5`, the planner repartitions the
//! scan's batches over all cores to compute `upper` in parallel. That keeps reading ahead, whereas
//! the scan alone would have stopped after five rows.
//!
//! For `SELECT * FROM v_timeline ORDER BY ts_utc DESC LIMIT 5`, the planner does not tell the scans
//! below the union that the newest rows are wanted, so they would read all of them.

use std::slice;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, SortOrderPushdownResult};

use crate::query::rules::rewrite::PhysicalRewrite;

/// Removes repartitioning from plans that end early, and passes the limit to the scan.
pub(super) const PUSH_LIMIT_TO_SCAN: PhysicalRewrite =
    PhysicalRewrite { name: "push_limit_to_scan", node: push_limit };

fn push_limit(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(limit) = Limit::of(plan) else { return Ok(None) };
    let [input] = plan.children()[..] else { return Ok(None) };
    let Some(input) = limited(input, &limit)? else { return Ok(None) };
    replace_children_if_necessary(Arc::clone(plan), vec![input]).map(Some)
}

/// The number of rows that a node needs from its input.
#[derive(Debug, Clone)]
enum Limit {
    /// The first rows.
    First(usize),
    /// The node sorts, and needs rows until the scan knows that all others sort later. Contains the
    /// first sort key, if it is a column of the input.
    Unsorted(Option<PhysicalSortExpr>),
}

impl Limit {
    fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        if let Some(limit) = plan.downcast_ref::<GlobalLimitExec>() {
            return Some(Self::First(limit.skip().saturating_add(limit.fetch()?)));
        }
        let fetch = plan.fetch()?;
        if let Some(sort) = plan.downcast_ref::<SortExec>() {
            return Some(Self::Unsorted(Some(sort.expr().first().clone())));
        }
        let takes_the_first = plan.is::<LocalLimitExec>() || plan.is::<SortPreservingMergeExec>();
        takes_the_first.then_some(Self::First(fetch))
    }

    /// Returns the same limit in terms of the projection's input.
    fn below(&self, projection: &ProjectionExec) -> Self {
        let Self::Unsorted(order) = self else { return self.clone() };
        let order = order.as_ref().and_then(|order| {
            let index = order.expr.downcast_ref::<Column>()?.index();
            let expr = &projection.expr().get(index)?.expr;
            expr.is::<Column>().then(|| PhysicalSortExpr::new(Arc::clone(expr), order.options))
        });
        Self::Unsorted(order)
    }
}

/// Returns the plan with the limit passed down to the scans, each of which gets one partition.
/// `None` if an operator other than a projection or union is above a scan, or if nothing would
/// change.
fn limited(plan: &Arc<dyn ExecutionPlan>, limit: &Limit) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if plan.is::<DataSourceExec>() {
        return match limit {
            Limit::First(rows) if plan.fetch().is_none() => Ok(plan.with_fetch(Some(*rows))),
            Limit::Unsorted(Some(order)) => match plan.try_pushdown_sort(slice::from_ref(order))? {
                SortOrderPushdownResult::Exact { inner }
                | SortOrderPushdownResult::Inexact { inner } => Ok(Some(inner)),
                SortOrderPushdownResult::Unsupported => Ok(None),
            },
            _ => Ok(None),
        };
    }
    if plan.is::<UnionExec>() && matches!(limit, Limit::Unsorted(_)) {
        let inputs = plan.children();
        let changed =
            inputs.iter().map(|input| limited(input, limit)).collect::<Result<Vec<_>>>()?;
        if changed.iter().all(Option::is_none) {
            return Ok(None);
        }
        let inputs = changed.into_iter().zip(inputs);
        let inputs = inputs.map(|(new, old)| new.unwrap_or_else(|| Arc::clone(old))).collect();
        return replace_children_if_necessary(Arc::clone(plan), inputs).map(Some);
    }
    let [input] = plan.children()[..] else { return Ok(None) };
    if plan.is::<RepartitionExec>() && is_projected_scan(input) {
        return Ok(Some(limited(input, limit)?.unwrap_or_else(|| Arc::clone(input))));
    }
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else { return Ok(None) };
    match limited(input, &limit.below(projection))? {
        Some(input) => replace_children_if_necessary(Arc::clone(plan), vec![input]).map(Some),
        None => Ok(None),
    }
}

fn is_projected_scan(plan: &Arc<dyn ExecutionPlan>) -> bool {
    match plan.children()[..] {
        [input] => plan.is::<ProjectionExec>() && is_projected_scan(input),
        _ => plan.is::<DataSourceExec>(),
    }
}
