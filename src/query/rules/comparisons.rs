//! Normalizes comparisons with a value: puts the column first, and writes `=` for a `LIKE` without
//! wildcards.
//!
//! DataFusion 55.2 combines conditions that compare a column with values. It mistakes comparisons
//! that are written differently for contradictory or independent ones: it simplifies `'x' = name
//! AND name = 'x'` to false, and keeps only the first half of `name <= 'x' AND 'x' > name`. It also
//! rewrites `name LIKE 'x'` to a comparison with a text of another type than that of `name = 'x'`.
//! The tests here fail once DataFusion is fixed; then remove this rule.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::Like;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};

use crate::query::rules::rewrite::ExpressionRewrite;

/// Puts the column first, and compares it with a text of its own type.
pub(super) const CANONICAL_COMPARISONS: ExpressionRewrite =
    ExpressionRewrite { name: "canonical_comparisons", expr: canonical };

fn canonical(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Like(like) => compared(like, schema),
        Expr::BinaryExpr(comparison) => Ok(with_column_first(comparison)),
        other => Ok(Transformed::no(other)),
    }
}

fn with_column_first(comparison: BinaryExpr) -> Transformed<Expr> {
    let BinaryExpr { left, op, right } = comparison;
    let compares = matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
    );
    let is_value_first = left.column_refs().is_empty() && !right.column_refs().is_empty();
    match op.swap().filter(|_| compares && is_value_first) {
        Some(op) => Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(right, op, left))),
        None => Transformed::no(Expr::BinaryExpr(BinaryExpr::new(left, op, right))),
    }
}

fn compared(like: Like, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let ty = like.expr.get_type(schema)?;
    let text = match like.pattern.as_ref() {
        Expr::Literal(pattern, _) if !like.case_insensitive && like.escape_char.is_none() => {
            pattern.try_as_str().flatten().filter(|text| !text.contains(['%', '_', '\\']))
        }
        _ => None,
    };
    let literal = text.map(|text| ScalarValue::from(text).cast_to(&ty));
    let Some(literal) = literal else { return Ok(Transformed::no(Expr::Like(like))) };
    let literal = Expr::Literal(literal?, None);
    let expr = *like.expr;
    Ok(Transformed::yes(match like.negated {
        true => expr.not_eq(literal),
        false => expr.eq(literal),
    }))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    #[tokio::test]
    async fn datafusion_still_merges_comparisons_wrongly() {
        for (first, second, right) in
            [("x LIKE 'a'", "'a' = x", 1), ("x = 'a'", "'a' = x", 1), ("x <= 'b'", "'b' > x", 1)]
        {
            let sql = format!(
                "SELECT 1 FROM (SELECT x FROM (SELECT arrow_cast(x, 'Utf8View') AS x
                 FROM (VALUES ('a'), ('b')) t(x)) t WHERE {first}) u WHERE {second}"
            );
            let rows = SessionContext::new().sql(&sql).await.unwrap().count().await.unwrap();
            assert_ne!(rows, right, "DataFusion is fixed for {first}; can this file be removed?");
        }
    }
}
