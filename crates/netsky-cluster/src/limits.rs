//! Limits, which are lost on the way to another process.
//!
//! DataFusion 55.2 writes an OFFSET without a LIMIT with the largest number as its limit, and reads it so. Some
//! operators then write that number in 32 bits, and the answer lacks rows.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, not_impl_err};
use datafusion::logical_expr::{FetchType, Limit, LogicalPlan, SkipType};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The largest number of rows of a limit with its offset.
const MOST: usize = u32::MAX as usize;

/// Restores limits after a plan was read.
#[derive(Debug)]
pub(crate) struct ReadLimits;

impl OptimizerRule for ReadLimits {
    fn name(&self) -> &'static str {
        "read_limits"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Limit(limit) = plan else { return Ok(Transformed::no(plan)) };
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) =
            (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return not_impl_err!("a LIMIT that is computed cannot run on a cluster");
        };
        let is_written_for_none = fetch == Some(i64::MAX as usize);
        let rows = fetch.filter(|_| !is_written_for_none).unwrap_or(0).saturating_add(skip);
        if rows > MOST {
            return not_impl_err!("LIMIT and OFFSET above {MOST} rows cannot run on a cluster");
        }
        Ok(match is_written_for_none {
            true => Transformed::yes(LogicalPlan::Limit(Limit { fetch: None, ..limit })),
            false => Transformed::no(LogicalPlan::Limit(limit)),
        })
    }
}
