//! Makes subqueries that stand for one value NULL if they have no row.
//!
//! DataFusion 55.2 takes the value for as nullable as the column, so `(SELECT source FROM ticks WHERE id = 0)` is
//! never NULL for it: `IS NULL` is folded to false, and an answer with the value fails. The test here fails once this
//! is right; then this rule can be removed.

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, ColumnarValue, EmptyRelation, Expr, LogicalPlan, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Subquery, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct NullableSubqueries;

impl AnalyzerRule for NullableSubqueries {
    fn name(&self) -> &'static str {
        "nullable_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|node| {
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                let rewritten = expr.transform_up(|part| match part {
                    Expr::ScalarSubquery(subquery) if lacks_null(&subquery) => {
                        Ok(Transformed::yes(or_null().call(vec![Expr::ScalarSubquery(subquery)])))
                    }
                    part => Ok(Transformed::no(part)),
                })?;
                Ok(rewritten.update_data(|expr| name.restore(expr)))
            })
        })?;
        if !rewritten.transformed {
            return Ok(rewritten.data);
        }
        let recomputed = rewritten
            .data
            .transform_up_with_subqueries(|node| node.recompute_schema().map(Transformed::yes));
        recomputed.data()
    }
}

/// Whether the value is NULL if there is no row, although no row has a NULL.
fn lacks_null(subquery: &Subquery) -> bool {
    !subquery.subquery.schema().field(0).is_nullable() && !always_has_a_row(&subquery.subquery)
}

fn always_has_a_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(node) => always_has_a_row(&node.input),
        LogicalPlan::SubqueryAlias(node) => always_has_a_row(&node.input),
        LogicalPlan::Aggregate(Aggregate { group_expr, .. }) => group_expr.is_empty(),
        LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row, .. }) => *produce_one_row,
        _ => false,
    }
}

/// `or_null(x, ..)` returns `x`, of which DataFusion then knows that it can be NULL.
pub(in crate::query) fn or_null() -> ScalarUDF {
    ScalarUDF::new_from_impl(OrNull { signature: Signature::variadic_any(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OrNull {
    signature: Signature,
}

impl ScalarUDFImpl for OrNull {
    fn name(&self) -> &'static str {
        "or_null"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(args.arg_fields[0].as_ref().clone().with_nullable(true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.into_iter().next() {
            Some(value) => Ok(value),
            None => internal_err!("or_null needs a value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    #[tokio::test]
    async fn datafusion_still_takes_a_missing_row_for_a_value() {
        let session = SessionContext::new();
        session.sql("CREATE TABLE t (x INT NOT NULL)").await.unwrap().collect().await.unwrap();
        let answer = session.sql("SELECT (SELECT x FROM t) IS NULL AS is_null").await.unwrap();
        let answer = answer.to_string().await.unwrap();
        assert!(answer.contains("false"), "{answer}");
    }
}
