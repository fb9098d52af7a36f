//! Answers an aggregate from statistics only if they are those of its own input.
//!
//! DataFusion 55.2 confuses an aggregate that has a `FILTER` with the aggregate below it: `SELECT
//! count(DISTINCT n) FILTER (WHERE n > 4) FROM (SELECT min(id) AS n FROM ticks)` returned the
//! smallest id. Remove this rule when DataFusion is fixed.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::aggregate_statistics::AggregateStatistics;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;

/// Applies DataFusion's rule unless an aggregate is above another one.
#[derive(Debug)]
pub(super) struct OwnStatistics;

impl PhysicalOptimizerRule for OwnStatistics {
    fn name(&self) -> &'static str {
        "aggregate_statistics"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let children = plan.children().into_iter();
        let children = children.map(|child| self.optimize(Arc::clone(child), config));
        let children = children.collect::<Result<Vec<_>>>()?;
        let plan = replace_children_if_necessary(plan, children)?;
        let is_aggregate = plan.is::<AggregateExec>();
        if is_aggregate && plan.children().into_iter().map(aggregates).sum::<usize>() == 0 {
            return AggregateStatistics::new().optimize(plan, config);
        }
        Ok(plan)
    }

    /// As in DataFusion's rule: a value known from statistics is not nullable.
    fn schema_check(&self) -> bool {
        false
    }
}

/// Returns the number of aggregates in a plan. Partial ones count together with their final ones.
fn aggregates(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let is_whole =
        plan.downcast_ref::<AggregateExec>().is_some_and(|aggregate| !is_partial(aggregate));
    usize::from(is_whole) + plan.children().into_iter().map(aggregates).sum::<usize>()
}

fn is_partial(aggregate: &AggregateExec) -> bool {
    *aggregate.mode() == AggregateMode::Partial
}
