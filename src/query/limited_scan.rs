//! Lets a limit stop a scan although something is computed in between.
//!
//! For `SELECT upper(body) FROM messages ORDER BY id DESC LIMIT 5` the planner spreads the scan's
//! batches over all cores, to compute `upper` on each. That reads ahead without end, where the scan
//! alone would have stopped after five rows.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

/// Takes the spreading out of plans that end early, and tells the scan how many rows are wanted.
#[derive(Debug)]
pub(super) struct LimitedScan;

impl PhysicalOptimizerRule for LimitedScan {
    fn name(&self) -> &'static str {
        "limited_scan"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| {
            let Some(limit) = Limit::of(&plan) else { return Ok(Transformed::no(plan)) };
            let [input] = plan.children()[..] else { return Ok(Transformed::no(plan)) };
            match limited(input, limit)? {
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

/// How many rows a node wants of its input.
#[derive(Debug, Clone, Copy)]
enum Limit {
    /// The first ones.
    First(usize),
    /// It sorts, and wants rows until the scan knows that the rest comes later.
    Unsorted,
}

impl Limit {
    fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        if let Some(limit) = plan.downcast_ref::<GlobalLimitExec>() {
            return Some(Self::First(limit.skip().saturating_add(limit.fetch()?)));
        }
        let fetch = plan.fetch()?;
        if plan.is::<SortExec>() {
            return Some(Self::Unsorted);
        }
        let takes_the_first = plan.is::<LocalLimitExec>() || plan.is::<SortPreservingMergeExec>();
        takes_the_first.then_some(Self::First(fetch))
    }
}

/// The same plan down to the scan, on one core and with the limit. `None` if other things than
/// projections stand above the scan, or if nothing would change.
fn limited(plan: &Arc<dyn ExecutionPlan>, limit: Limit) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if plan.is::<DataSourceExec>() {
        return Ok(match limit {
            Limit::First(rows) if plan.fetch().is_none() => plan.with_fetch(Some(rows)),
            _ => None,
        });
    }
    let [input] = plan.children()[..] else { return Ok(None) };
    if plan.is::<RepartitionExec>() && input.is::<DataSourceExec>() {
        return Ok(Some(limited(input, limit)?.unwrap_or_else(|| Arc::clone(input))));
    }
    match limited(input, limit)? {
        Some(input) if plan.is::<ProjectionExec>() => {
            replace_children_if_necessary(Arc::clone(plan), vec![input]).map(Some)
        }
        _ => Ok(None),
    }
}
