//! Keeps filters above aggregates without groups.
//!
//! DataFusion 55.2 pushes a filter below an aggregate if it is about groups alone. One about no column,
//! such as `1 IN (2)`, is about groups alone if there are none, too. But an aggregate without groups has
//! a row even if it gets none: `SELECT n FROM (SELECT 1 AS a, count(*) AS n FROM ticks) t WHERE a IN (2)`
//! had one. This rule goes when DataFusion leaves such filters where they are.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// DataFusion's rule, on filters above anything else.
#[derive(Debug, Default)]
pub(super) struct PushDownGroupedFilter(PushDownFilter);

impl OptimizerRule for PushDownGroupedFilter {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if let LogicalPlan::Filter(filter) = &plan
            && let LogicalPlan::Aggregate(aggregate) = filter.input.as_ref()
            && aggregate.group_expr.is_empty()
        {
            return Ok(Transformed::no(plan));
        }
        self.0.rewrite(plan, config)
    }
}
