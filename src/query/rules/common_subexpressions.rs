//! Keeps fallible expressions in their filter.
//!
//! If an expression occurs twice in a filter, DataFusion moves it out and computes it for every
//! input row. With `n <> 0 AND 10 / n > 1 AND 10 / n < 5` that divides by zero, and `x ~ '^[0-9]+$'
//! AND x::int > 5 AND x::int < 9` fails at a text that is not a number.

use std::collections::HashSet;

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

/// Whether `common_sub_expression_eliminate` must skip the plan. That rule traverses a plan itself,
/// so it cannot be kept from a part of it.
pub(super) fn computes_twice_what_may_fail(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Filter(filter) = node {
            found |= has_twice_what_may_fail(&filter.predicate)?;
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn has_twice_what_may_fail(predicate: &Expr) -> Result<bool> {
    let mut seen = HashSet::new();
    predicate.exists(|expr| Ok(may_fail(expr) && !seen.insert(expr.clone())))
}

fn may_fail(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => {
            matches!(op, Operator::Divide | Operator::Modulo)
        }
        Expr::Cast(_) | Expr::ScalarFunction(_) => true,
        _ => false,
    }
}
