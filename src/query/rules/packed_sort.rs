//! Sorts rows by packed keys. See [`packed_sort`](crate::query::packed_sort).

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::query::packed_sort::PackedSortExec;
use crate::query::rules::rewrite::PhysicalRewrite;

/// Replaces sorts of all rows by texts and numbers.
pub(super) const PACKED_SORT: PhysicalRewrite =
    PhysicalRewrite { name: "packed_sort", node: packed_sort };

fn packed_sort(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = plan.downcast_ref::<SortExec>() else { return Ok(None) };
    let exec = PackedSortExec::of(sort)?;
    Ok(exec.map(|exec| Arc::new(exec) as _))
}
