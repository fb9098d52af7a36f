//! Keeps a union if one of its inputs is known to be empty.
//!
//! DataFusion 55.2 replaces the union by the other input, whose columns may have other names, and
//! then cannot resolve the union's column names. An empty input costs nothing. Remove this rule
//! when DataFusion renames the columns.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

/// Whether `propagate_empty_relation` must skip the plan.
pub(super) fn is_union(plan: &LogicalPlan) -> Result<bool> {
    Ok(matches!(plan, LogicalPlan::Union(_)))
}
