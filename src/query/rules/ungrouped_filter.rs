//! Keeps filters above aggregates without groups.
//!
//! DataFusion 55.2 pushes a filter below an aggregate if it only refers to group columns. That is
//! trivially true of a filter without columns, such as `1 IN (2)`, even if there are no groups. But
//! an aggregate without groups returns a row even for an empty input: `SELECT n FROM (SELECT 1 AS
//! a, count(*) AS n FROM ticks) t WHERE a IN (2)` returned one. Remove this rule when DataFusion
//! leaves such filters in place.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

/// Whether `push_down_filter` must skip the plan.
pub(super) fn is_above_aggregate(plan: &LogicalPlan) -> Result<bool> {
    let LogicalPlan::Filter(filter) = plan else { return Ok(false) };
    let LogicalPlan::Aggregate(aggregate) = filter.input.as_ref() else { return Ok(false) };
    Ok(aggregate.group_expr.is_empty())
}
