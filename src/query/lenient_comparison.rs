//! Comparisons of booleans with numbers and texts, and of times with `'now'` and shortened times.
//!
//! SQLite and MySQL have no booleans, so people write `success = 1`. DataFusion does not plan it. Only
//! literals are converted; a boolean beside a column of numbers is still refused.

use std::sync::Arc;

use arrow::datatypes::DataType;
use chrono::{NaiveDate, NaiveDateTime};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::functions;
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Case, Expr, ExprSchemable, ScalarUDF, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::query::time_text::is_utc_time;

/// Makes a session accept the comparisons.
pub(super) fn register(mut session: SessionState) -> Result<SessionState> {
    let comparison = LenientComparison { now: session.udf("now")? };
    session.register_function_rewrite(Arc::new(comparison.clone()))?;
    let mut builder = SessionStateBuilder::new_from_existing(session);
    // It must come before planners that plan comparisons.
    builder.expr_planners().get_or_insert_default().insert(0, Arc::new(comparison));
    Ok(builder.build())
}

#[derive(Debug, Clone)]
struct LenientComparison {
    /// The function `now()`.
    now: Arc<ScalarUDF>,
}

impl ExprPlanner for LenientComparison {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, mut left, mut right } = expr;
        if is_comparison(&op) {
            if is_literal(&right) {
                self.fit(&left, &mut right, schema);
            } else if is_literal(&left) {
                self.fit(&right, &mut left, schema);
            }
        }
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

impl FunctionRewrite for LenientComparison {
    fn name(&self) -> &'static str {
        "lenient_comparison"
    }

    /// Runs before type coercion, on comparisons that are not operators.
    fn rewrite(
        &self,
        expr: Expr,
        schema: &DFSchema,
        _: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::InList(InList { expr, mut list, negated }) => {
                list.iter_mut().for_each(|item| self.fit(&expr, item, schema));
                Transformed::yes(Expr::InList(InList { expr, list, negated }))
            }
            Expr::Between(Between { expr, negated, mut low, mut high }) => {
                self.fit(&expr, &mut low, schema);
                self.fit(&expr, &mut high, schema);
                Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
            }
            Expr::Case(Case { expr: Some(expr), mut when_then_expr, else_expr }) => {
                when_then_expr.iter_mut().for_each(|(when, _)| self.fit(&expr, when, schema));
                Transformed::yes(Expr::Case(Case { expr: Some(expr), when_then_expr, else_expr }))
            }
            other => Transformed::no(other),
        })
    }
}

impl LenientComparison {
    /// Replaces a literal by the value that it means beside the expression.
    fn fit(&self, beside: &Expr, literal: &mut Expr, schema: &DFSchema) {
        let Expr::Literal(value, _) = &*literal else { return };
        let Ok(ty) = beside.get_type(schema) else { return };
        let meant = match ty {
            DataType::Boolean => boolean(value).map(lit),
            ty if is_utc_time(&ty) => value.try_as_str().flatten().and_then(|text| self.time(text)),
            _ => None,
        };
        if let Some(meant) = meant {
            *literal = meant;
        }
    }

    /// The time that a text means, if DataFusion does not read it: `'now'`, `'today'` and so on, as in
    /// PostgreSQL, and times without seconds, days without zeros, and months.
    fn time(&self, text: &str) -> Option<Expr> {
        let text = text.trim();
        let now = || self.now.call(Vec::new());
        let day = |days: i64| {
            let today = functions::datetime::date_trunc().call(vec![lit("day"), now()]);
            today + lit(ScalarValue::new_interval_dt(i32::try_from(days).unwrap_or(0), 0))
        };
        match text.to_ascii_lowercase().as_str() {
            "now" => return Some(now()),
            "today" => return Some(day(0)),
            "yesterday" => return Some(day(-1)),
            "tomorrow" => return Some(day(1)),
            _ => {}
        }
        let minute = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%MZ", "%Y-%m-%dT%H:%MZ"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let month = || NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok();
        let time = minute.or_else(|| date().or_else(month)?.and_hms_opt(0, 0, 0))?;
        let nanos = time.and_utc().timestamp_nanos_opt()?;
        Some(lit(ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into()))))
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Spaceship
    )
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(..))
}

/// The boolean that a number or a text means. The texts are PostgreSQL's.
fn boolean(value: &ScalarValue) -> Option<bool> {
    match value {
        ScalarValue::Int64(Some(0)) => Some(false),
        ScalarValue::Int64(Some(1)) => Some(true),
        value => match value.try_as_str()??.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clear_texts_are_booleans() {
        for (value, meant) in [
            (ScalarValue::Int64(Some(1)), Some(true)),
            (ScalarValue::Int64(Some(2)), None),
            (ScalarValue::from("TRUE"), Some(true)),
            (ScalarValue::from("f"), Some(false)),
            (ScalarValue::from("maybe"), None),
            (ScalarValue::Int64(None), None),
        ] {
            assert_eq!(boolean(&value), meant, "{value}");
        }
    }
}
