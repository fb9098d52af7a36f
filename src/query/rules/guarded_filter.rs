//! Lets conditions guard each other in filters that no scan applies: those above a limit, a join or
//! an aggregate.
//!
//! DataFusion evaluates the second half of `n <> 0 AND 10 / n > 1` on all rows of a batch unless
//! the first half leaves few. Two stacked filters evaluate it only on the remaining rows.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::conjunction;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};

use crate::providers::{EvaluationRank, conditions_by_rank};

/// Splits filters that have several conditions, some of which may fail.
#[derive(Debug)]
pub(super) struct GuardedFilter;

impl PhysicalOptimizerRule for GuardedFilter {
    fn name(&self) -> &'static str {
        "guarded_filter"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| match plan.downcast_ref::<FilterExec>().map(split) {
            Some(filters) => Ok(filters?.map_or(Transformed::no(plan), Transformed::yes)),
            None => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Returns stacked filters; `None` if no condition has to be guarded.
fn split(filter: &FilterExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let conditions = conditions_by_rank(filter.predicate());
    let safe = conditions
        .partition_point(|condition| EvaluationRank::of(condition) == EvaluationRank::NeverFails);
    let (safe, mut unsafe_) = (conditions[..safe].to_vec(), conditions[safe..].to_vec());
    // The last condition stays in the original filter, which may also have a projection or limit.
    let Some(last) = unsafe_.pop().filter(|_| conditions.len() > 1) else { return Ok(None) };
    let below = (!safe.is_empty()).then(|| conjunction(safe)).into_iter().chain(unsafe_);
    let mut input = Arc::clone(filter.input());
    for condition in below {
        let below = FilterExecBuilder::new(condition, input)
            .with_default_selectivity(filter.default_selectivity())
            .with_batch_size(filter.batch_size());
        input = Arc::new(below.build()?);
    }
    let filter = FilterExecBuilder::from(filter).with_predicate(last).with_input(input);
    Ok(Some(Arc::new(filter.build()?)))
}
