//! Keeps a union whole when one of its inputs is known to be empty.
//!
//! DataFusion 55.2 puts the other input in its place, whose columns may have other names, and then finds
//! no column of the union's names any more. An empty input costs nothing. This rule goes when the
//! columns are renamed there.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// DataFusion's rule, on everything but unions.
#[derive(Debug, Default)]
pub(super) struct PropagateEmptyInputs(PropagateEmptyRelation);

impl OptimizerRule for PropagateEmptyInputs {
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
        match plan {
            LogicalPlan::Union(_) => Ok(Transformed::no(plan)),
            plan => self.0.rewrite(plan, config),
        }
    }
}
