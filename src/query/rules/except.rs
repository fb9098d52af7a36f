//! Keeps a rule of DataFusion from some plans.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// Applies the rule to all plans except those that it must skip.
#[derive(Debug)]
pub(super) struct Except<R> {
    rule: R,
    skips: fn(&LogicalPlan) -> Result<bool>,
}

impl<R: OptimizerRule + Send + Sync + 'static> Except<R> {
    pub(super) fn shared(
        rule: R,
        skips: fn(&LogicalPlan) -> Result<bool>,
    ) -> Arc<dyn OptimizerRule + Send + Sync> {
        Arc::new(Self { rule, skips })
    }
}

impl<R: OptimizerRule> OptimizerRule for Except<R> {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match (self.skips)(&plan)? {
            true => Ok(Transformed::no(plan)),
            false => self.rule.rewrite(plan, config),
        }
    }
}
