//! Rules that rewrite the nodes of a plan one by one.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::{AnalyzerRule, ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

/// Applies a function to each node of a logical plan, bottom up.
#[derive(Debug)]
pub(super) struct Rewrite {
    pub(super) name: &'static str,
    pub(super) node: fn(LogicalPlan) -> Result<Transformed<LogicalPlan>>,
}

impl AnalyzerRule for Rewrite {
    fn name(&self) -> &'static str {
        self.name
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(self.node).data()
    }
}

impl OptimizerRule for Rewrite {
    fn name(&self) -> &'static str {
        self.name
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        (self.node)(plan)
    }
}

/// Applies a function to each expression of a logical plan, bottom up. The function gets the schema of the
/// node's inputs. Columns keep their names.
#[derive(Debug)]
pub(super) struct ExpressionRewrite {
    pub(super) name: &'static str,
    pub(super) expr: fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
}

impl AnalyzerRule for ExpressionRewrite {
    fn name(&self) -> &'static str {
        self.name
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                let rewritten = expr.transform_up(|expr| (self.expr)(expr, &schema))?;
                Ok(rewritten.update_data(|expr| name.restore(expr)))
            })
        })
        .data()
    }
}

type Plan = Arc<dyn ExecutionPlan>;

/// Applies a function to each node of a physical plan, top down. The function returns `None` for a node
/// that stays.
#[derive(Debug)]
pub(super) struct PhysicalRewrite {
    pub(super) name: &'static str,
    pub(super) node: fn(&Plan) -> Result<Option<Plan>>,
}

impl PhysicalOptimizerRule for PhysicalRewrite {
    fn name(&self) -> &str {
        self.name
    }

    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        plan.transform_down(|plan| {
            let rewritten = (self.node)(&plan)?;
            Ok(rewritten.map_or_else(|| Transformed::no(plan), Transformed::yes))
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}
