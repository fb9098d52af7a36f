//! Keeps filters above aggregates without groups.
//!
//! DataFusion 55.2 pushes a filter below an aggregate if it is about groups alone. One about no column,
//! such as `1 IN (2)`, is about groups alone if there are none, too. But an aggregate without groups has
//! a row even if it gets none: `SELECT n FROM (SELECT 1 AS a, count(*) AS n FROM ticks) t WHERE a IN (2)`
//! had one. This rule goes when DataFusion leaves such filters where they are.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

/// What `push_down_filter` has to skip.
pub(super) fn is_above_aggregate(plan: &LogicalPlan) -> Result<bool> {
    let LogicalPlan::Filter(filter) = plan else { return Ok(false) };
    let LogicalPlan::Aggregate(aggregate) = filter.input.as_ref() else { return Ok(false) };
    Ok(aggregate.group_expr.is_empty())
}
