//! Keeps a union whole when one of its inputs is known to be empty.
//!
//! DataFusion 55.2 puts the other input in its place, whose columns may have other names, and then finds
//! no column of the union's names any more. An empty input costs nothing. This rule goes when the
//! columns are renamed there.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

/// What `propagate_empty_relation` has to skip.
pub(super) fn is_union(plan: &LogicalPlan) -> Result<bool> {
    Ok(matches!(plan, LogicalPlan::Union(_)))
}
