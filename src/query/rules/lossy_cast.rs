//! Hides lossy casts from DataFusion's interval analysis.
//!
//! DataFusion 55 derives the possible values of a column from a filter, and assumes that casts are
//! reversible: from `ts_utc::date = '2026-04-03'` it concludes that `ts_utc` is exactly that
//! midnight. So it drops an `ORDER BY ts_utc` above as redundant, or fails to plan ("Selectivity is
//! out of limit"). Fixed upstream after 55.2 (apache/datafusion#25523); remove this rule with that
//! version.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::functions;
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, LogicalPlan};

use crate::query::rules::in_lists::set_apart;
use crate::query::rules::rewrite::Rewrite;
use crate::query::time_text::is_utc_time;

/// Rewrites casts in filters to a form that returns the same values and that the analysis ignores.
pub(super) const HIDE_LOSSY_CASTS: Rewrite =
    Rewrite { name: "hide_lossy_casts", node: hide_lossy_casts };

fn hide_lossy_casts(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Filter(Filter { predicate, input, .. }) = plan else {
        return Ok(Transformed::no(plan));
    };
    let predicate = predicate.transform_up(|expr| hide(expr, input.schema()))?;
    let changed = predicate.transformed;
    let filter = Filter::try_new(predicate.data, input)?;
    Ok(Transformed::new_transformed(LogicalPlan::Filter(filter), changed))
}

fn hide(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::Cast(Cast { expr, field }) = expr else { return Ok(Transformed::no(expr)) };
    let (from, to) = (expr.get_type(schema)?, field.data_type());
    Ok(match loss(&from, to) {
        Loss::None => Transformed::no(Expr::Cast(Cast { expr, field })),
        Loss::Silent => Transformed::yes(Expr::TryCast(TryCast { expr, field })),
        Loss::Shift => Transformed::yes(set_apart(Expr::Cast(Cast { expr, field }), 0)),
        Loss::Fraction if is_truncated(&expr) => Transformed::no(Expr::Cast(Cast { expr, field })),
        Loss::Fraction => {
            let expr = Box::new(functions::math::trunc().call(vec![*expr]));
            Transformed::yes(Expr::Cast(Cast { expr, field }))
        }
    })
}

/// What a cast between two types that the analysis supports can lose.
enum Loss {
    None,
    /// The cast never fails, so `TRY_CAST` is equivalent.
    Silent,
    /// The cast adds a zone's offset, and fails at a local time that the zone's clocks skip, for
    /// which `TRY_CAST` would return NULL.
    Shift,
    /// The cast drops a fraction, and fails if the integer part is too large, for which `TRY_CAST`
    /// would return NULL.
    Fraction,
}

fn loss(from: &DataType, to: &DataType) -> Loss {
    use DataType::{Date32, Date64, Float32, Float64, Int32, Int64, Timestamp, UInt32, UInt64};
    match (from, to) {
        (Float32 | Float64, to) if to.is_integer() => Loss::Fraction,
        (Float64, Float32)
        | (Int32 | UInt32, Float32)
        | (Int64 | UInt64, Float32 | Float64)
        | (Timestamp(..), Date32 | Date64)
        | (Date64, Date32) => Loss::Silent,
        // Units are ordered from second to nanosecond.
        (Timestamp(from_unit, _), Timestamp(to_unit, _)) if from_unit > to_unit => Loss::Silent,
        (Timestamp(_, None), Timestamp(_, Some(_))) if !is_utc_time(to) => Loss::Shift,
        // An hour occurs twice when clocks are set back.
        (Timestamp(_, Some(_)), Timestamp(_, None)) if !is_utc_time(from) => Loss::Silent,
        _ => Loss::None,
    }
}

fn is_truncated(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(function) if function.name() == "trunc")
}
