//! Writes `LIKE` without wildcards as the comparison that it is.
//!
//! DataFusion 55.2 does so too, but with a text of another type than the column's. It then takes
//! `name LIKE 'x'` and `name = 'x'` for two different values, and `name LIKE 'x' AND name = 'x'` for
//! false. The test here fails once it does not; this rule goes then.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::Like;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

/// Compares with a text of the type of what is compared.
#[derive(Debug)]
pub(super) struct PlainLike;

impl AnalyzerRule for PlainLike {
    fn name(&self) -> &'static str {
        "plain_like"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                let expr = expr.transform_up(|expr| match expr {
                    Expr::Like(like) => compared(like, &schema),
                    other => Ok(Transformed::no(other)),
                })?;
                Ok(expr.update_data(|expr| name.restore(expr)))
            })
        })
        .data()
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
    async fn datafusion_still_contradicts_like_and_equal() {
        let sql = "SELECT 1 FROM (SELECT x FROM (SELECT arrow_cast(x, 'Utf8View') AS x
                   FROM (VALUES ('a'), ('b')) t(x)) t WHERE x LIKE 'a') u WHERE 'a' = x";
        let rows = SessionContext::new().sql(sql).await.unwrap().count().await.unwrap();
        assert_ne!(rows, 1, "DataFusion is right by now; can this file go?");
    }
}
