//! Subqueries that stand for one value.
//!
//! In one process, such a subquery fails if it has several rows. Ballista joins it instead, and the answer would have
//! too many rows.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result, exec_err, internal_err};
use datafusion::functions_aggregate::expr_fn::{count, first_value};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Subquery, Volatility, lit,
};
use datafusion::optimizer::AnalyzerRule;

/// Makes subqueries that may have several rows fail if they have.
#[derive(Debug)]
pub(crate) struct SingleRows;

impl AnalyzerRule for SingleRows {
    fn name(&self) -> &'static str {
        "single_rows"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                let rewritten = expr.transform_up(|expr| match expr {
                    Expr::ScalarSubquery(subquery) if may_have_several_rows(&subquery) => {
                        Ok(Transformed::yes(Expr::ScalarSubquery(single(subquery)?)))
                    }
                    other => Ok(Transformed::no(other)),
                })?;
                Ok(rewritten.update_data(|expr| name.restore(expr)))
            })
        })
        .data()
    }
}

/// Those that refer to outer rows are joins in one process, too.
fn may_have_several_rows(subquery: &Subquery) -> bool {
    subquery.outer_ref_columns.is_empty()
        && subquery.subquery.max_rows().is_none_or(|rows| rows > 1)
}

/// Returns `SELECT only_row(first_value(x), count(*)) FROM (subquery)`.
fn single(subquery: Subquery) -> Result<Subquery> {
    let (table, field) = subquery.subquery.schema().qualified_field(0);
    let (value, name) = (Expr::Column(Column::from((table, field))), field.name().clone());
    let plan = LogicalPlanBuilder::from(Arc::clone(&subquery.subquery))
        .aggregate(
            Vec::<Expr>::new(),
            [first_value(value, Vec::new()).alias("value"), count(lit(1_i64)).alias("rows")],
        )?
        .project([only_row()
            .call(vec![Column::from_name("value").into(), Column::from_name("rows").into()])
            .alias(name)])?
        .build()?;
    Ok(Subquery { subquery: Arc::new(plan), ..subquery })
}

/// `only_row(value, rows)` returns the value, and fails if it is of one of several rows.
pub(crate) fn only_row() -> ScalarUDF {
    let signature = Signature::any(2, Volatility::Immutable);
    ScalarUDF::new_from_impl(OnlyRow { signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OnlyRow {
    signature: Signature,
}

impl ScalarUDFImpl for OnlyRow {
    fn name(&self) -> &'static str {
        "only_row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(FieldRef::clone(&args.arg_fields[0]))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value, rows] = &args.args[..] else {
            return internal_err!("only_row takes 2 arguments");
        };
        let rows = rows.to_array(args.number_rows)?;
        let rows = rows.as_primitive_opt::<Int64Type>();
        match rows.is_some_and(|rows| rows.iter().flatten().all(|rows| rows <= 1)) {
            true => Ok(value.clone()),
            false => exec_err!("Scalar subquery returned more than one row"),
        }
    }
}
