//! Removes keys that occur twice in a sort order.
//!
//! DataFusion 55.2 panics at `DISTINCT ON (a) .. ORDER BY a, a` and `last_value(a ORDER BY b, b)`
//! with groups (apache/datafusion#25398), and cannot plan `DISTINCT ON (a, a)`. The tests here fail
//! once DataFusion is fixed; then remove this rule.

use std::collections::HashSet;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Distinct, DistinctOn, Expr, LogicalPlan, SortExpr};

use crate::query::rules::rewrite::Rewrite;

/// Keeps the first of several equal keys; the others have no effect. It runs before simplification,
/// because DataFusion cannot plan `DISTINCT ON (a, a)`, and after it, because simplification can
/// make keys equal.
pub(super) const DROP_REPEATED_KEYS: Rewrite =
    Rewrite { name: "drop_repeated_keys", node: drop_repeated_keys };

fn drop_repeated_keys(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Distinct(Distinct::On(mut distinct)) => {
            let shorter = drop_repeated(&mut distinct.on_expr, |expr| expr)
                | drop_repeated_sorts(distinct.sort_expr.as_mut());
            if shorter {
                let DistinctOn { on_expr, select_expr, sort_expr, input, .. } = distinct;
                distinct = DistinctOn::try_new(on_expr, select_expr, sort_expr, input)?;
            }
            let node = LogicalPlan::Distinct(Distinct::On(distinct));
            Ok(Transformed::new_transformed(node, shorter))
        }
        node => {
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                let expr = expr.transform_up(|mut expr| {
                    let shorter = match &mut expr {
                        Expr::AggregateFunction(function) => {
                            drop_repeated_sorts(Some(&mut function.params.order_by))
                        }
                        _ => false,
                    };
                    Ok(Transformed::new_transformed(expr, shorter))
                })?;
                Ok(expr.update_data(|expr| name.restore(expr)))
            })
        }
    }
}

fn drop_repeated_sorts(keys: Option<&mut Vec<SortExpr>>) -> bool {
    keys.is_some_and(|keys| drop_repeated(keys, |key| &key.expr))
}

/// Returns whether any key was removed.
fn drop_repeated<T>(keys: &mut Vec<T>, expr: impl Fn(&T) -> &Expr) -> bool {
    let before = keys.len();
    let mut seen = HashSet::new();
    // A simplified key keeps its name as an alias, which does not affect the order.
    keys.retain(|key| seen.insert(expr(key).clone().unalias_nested().data));
    keys.len() < before
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    async fn fails(sql: &'static str) -> bool {
        // DataFusion panics, and a separate task turns the panic into an error.
        let answer =
            tokio::spawn(async move { SessionContext::new().sql(sql).await?.collect().await });
        !matches!(answer.await, Ok(Ok(_)))
    }

    #[tokio::test]
    async fn datafusion_still_fails_at_repeated_keys() {
        for sql in [
            "SELECT DISTINCT ON (a, a) a, b FROM (VALUES (1, 2)) t(a, b)",
            "SELECT DISTINCT ON (a) a, b FROM (VALUES (1, 2)) t(a, b) ORDER BY a, a",
        ] {
            assert!(fails(sql).await, "DataFusion is fixed; can this file be removed? {sql}");
        }
    }
}
