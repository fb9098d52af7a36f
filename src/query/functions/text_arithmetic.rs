//! Arithmetic with numbers that functions return as text: `strftime('%s', a) - strftime('%s', b)` and
//! `json_extract(x, '$.n') + 1`.
//!
//! SQLite computes with such texts. DataFusion does not plan them.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// The formats of `strftime` whose texts are whole numbers.
const WHOLE: [&str; 9] = ["%s", "%Y", "%m", "%d", "%H", "%M", "%S", "%j", "%w"];

#[derive(Debug)]
pub(super) struct TextArithmetic;

impl ExprPlanner for TextArithmetic {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus};
        let RawBinaryExpr { op, mut left, mut right } = expr;
        if matches!(op, Plus | Minus | Multiply | Divide | Modulo) {
            let types = (number_type(&left), number_type(&right));
            let is_number = |side: &Expr| side.get_type(schema).is_ok_and(|ty| ty.is_numeric());
            match types {
                (Some(a), Some(b)) => {
                    (left, right) = (as_number(left, a), as_number(right, b));
                }
                (Some(a), None) if is_number(&right) => left = as_number(left, a),
                (None, Some(b)) if is_number(&left) => right = as_number(right, b),
                _ => {}
            }
        }
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

fn as_number(expr: Expr, ty: DataType) -> Expr {
    cast(expr.unalias(), ty)
}

/// Returns the type of the number that a call returns as text; `None` for other expressions.
fn number_type(expr: &Expr) -> Option<DataType> {
    match expr {
        Expr::Alias(alias) => number_type(&alias.expr),
        Expr::ScalarFunction(call) => match call.name() {
            "json_extract" | "json_extract_string" | "json_value" | "json_as_text" => {
                Some(DataType::Float64)
            }
            "strftime" => {
                let is_whole = call.args.iter().any(|arg| match arg {
                    Expr::Literal(format, _) => {
                        format.try_as_str().flatten().is_some_and(|text| WHOLE.contains(&text))
                    }
                    _ => false,
                });
                Some(if is_whole { DataType::Int64 } else { DataType::Float64 })
            }
            _ => None,
        },
        _ => None,
    }
}
