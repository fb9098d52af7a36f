//! Keeps times in coarse units from being compared with truncated constants.
//!
//! To compare a time in seconds with `'2026-04-15T10:00:00.5Z'`, DataFusion 55.2 casts it to
//! nanoseconds, and then simplifies the comparison to one of seconds. The constant loses its
//! fraction on the way, so that `=` finds rows at 10:00:00, and `>=` includes them. The columns of
//! the store are in nanoseconds; casts and functions such as `to_timestamp_seconds` return coarser
//! ones. The test here fails once DataFusion compares them rightly; then this rule can be removed.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Cast, InList};
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, Operator};

use crate::query::rules::in_lists::set_apart;
use crate::query::rules::rewrite::ExpressionRewrite;

/// Hides casts to finer units from the optimizer if they are compared with constants.
pub(super) const WIDENED_TIMES: ExpressionRewrite =
    ExpressionRewrite { name: "widened_times", expr: hide_in };

fn hide_in(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut changed = false;
    let mut hide = |expr: &mut Expr| {
        if widens_time(expr, schema) {
            *expr = set_apart(std::mem::take(expr), 0);
            changed = true;
        }
    };
    let expr = match expr {
        Expr::BinaryExpr(BinaryExpr { mut left, op, mut right }) => {
            if compares(op) {
                match (left.any_column_refs(), right.any_column_refs()) {
                    (true, false) => hide(&mut left),
                    (false, true) => hide(&mut right),
                    _ => {}
                }
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right })
        }
        Expr::InList(InList { mut expr, list, negated }) => {
            hide(&mut expr);
            Expr::InList(InList { expr, list, negated })
        }
        Expr::Between(Between { mut expr, negated, low, high }) => {
            hide(&mut expr);
            Expr::Between(Between { expr, negated, low, high })
        }
        other => other,
    };
    Ok(Transformed::new_transformed(expr, changed))
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Whether the expression casts a computed time to a finer unit.
fn widens_time(expr: &Expr, schema: &DFSchema) -> bool {
    let Expr::Cast(Cast { expr, field }) = expr else { return false };
    let DataType::Timestamp(to, _) = field.data_type() else { return false };
    // Units are ordered from second to nanosecond.
    expr.any_column_refs()
        && expr
            .get_type(schema)
            .is_ok_and(|ty| matches!(ty, DataType::Timestamp(from, _) if from < *to))
}

#[cfg(test)]
mod tests {
    use arrow::array::RecordBatch;
    use datafusion::prelude::SessionContext;
    use futures::executor::block_on;

    const SQL: &str = "SELECT 1 FROM (SELECT arrow_cast(column1, 'Timestamp(Second, None)') AS t \
                       FROM (VALUES ('2026-04-15T10:00:00'))) WHERE t = '2026-04-15T10:00:00.5'";

    #[test]
    fn datafusion_still_truncates_constants() {
        let query = async { SessionContext::new().sql(SQL).await?.collect().await };
        let found: usize = block_on(query).unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!(found, 1, "DataFusion compares rightly, so this rule can be removed");
    }
}
