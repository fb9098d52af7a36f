//! The order in which the conditions of a conjunction are evaluated.
//!
//! `n <> 0 AND 10 / n > 1` is written to be evaluated from left to right, but the optimizer reorders
//! conditions. So conditions that cannot fail are evaluated first, and the others only on the rows that
//! passed them. Dynamic filters, which change while the query runs, come last: they compute the sort
//! keys of an operator above, such as `1000000 / n` in `WHERE n > 0 ORDER BY 1000000 / n LIMIT 3`, and
//! the sort itself sees only the rows that pass the other conditions.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, DynamicFilterPhysicalExpr, InListExpr, IsNotNullExpr,
    IsNullExpr, LikeExpr, Literal, NotExpr, TryCastExpr,
};
use datafusion::physical_expr::{DynamicFilterTracking, PhysicalExpr, split_conjunction};

/// The rank of a condition. Lower ranks are evaluated first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EvaluationRank {
    /// Returns true, false or NULL for every row.
    NeverFails,
    /// Calls a function. Most functions accept every value.
    RarelyFails,
    /// May cast a value that does not convert.
    Casts,
    /// May divide by zero. The divisor may contain a cast that another condition guards.
    Divides,
    /// Changes while the query runs.
    Dynamic,
}

impl EvaluationRank {
    pub(crate) fn of(condition: &Arc<dyn PhysicalExpr>) -> Self {
        if DynamicFilterTracking::classify(condition).contains_dynamic_filter() {
            Self::Dynamic
        } else if never_fails(condition) {
            Self::NeverFails
        } else if condition.exists(|part| Ok(may_divide_by_zero(part))).unwrap_or(true) {
            Self::Divides
        } else if condition.exists(|part| Ok(part.is::<CastExpr>())).unwrap_or(true) {
            Self::Casts
        } else {
            Self::RarelyFails
        }
    }
}

/// Returns the conditions of a conjunction in the order of their ranks. Within a rank, conditions with
/// fewer divisions come first, because the guard of a divisor contains the divisor but not the
/// division: if `n` is `5 / m`, `n < 0` divides once and `10 / n = 1` twice. Other conditions keep
/// their given order. That may not be the order in the query, because the optimizer may have reversed
/// it.
pub(crate) fn conditions_by_rank(filter: &Arc<dyn PhysicalExpr>) -> Vec<Arc<dyn PhysicalExpr>> {
    let mut conditions: Vec<_> = split_conjunction(filter).into_iter().cloned().collect();
    sort_by_rank(&mut conditions);
    conditions
}

/// Sorts conditions into the order of [`conditions_by_rank`].
pub(super) fn sort_by_rank(conditions: &mut [Arc<dyn PhysicalExpr>]) {
    conditions.sort_by_key(|condition| (EvaluationRank::of(condition), divisions(condition)));
}

/// Whether the filter's columns can be mapped to other positions, as a scan must do to evaluate it on
/// its own batches.
///
/// To evaluate a dynamic filter, DataFusion 55.2 replaces its sort or join keys in the current
/// expression one by one, the innermost first. Of the keys `CASE .. THEN n ELSE id END` and `id` it
/// replaces the `id` inside the first key, then no longer finds the first key, and so leaves its `n` at
/// the old position, where the batch has another column.
pub(super) fn can_remap_columns(filter: &Arc<dyn PhysicalExpr>) -> bool {
    let has_nested_keys = filter.exists(|expr| {
        let keys = expr.children();
        let contains = |outer: &Arc<dyn PhysicalExpr>, inner: &Arc<dyn PhysicalExpr>| {
            outer != inner && outer.exists(|part| Ok(part == inner)).unwrap_or(true)
        };
        Ok(expr.is::<DynamicFilterPhysicalExpr>()
            && keys.iter().any(|outer| keys.iter().any(|inner| contains(outer, inner))))
    });
    !has_nested_keys.unwrap_or(true)
}

fn never_fails(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let is_known = match expr.downcast_ref::<BinaryExpr>() {
        Some(binary) => is_safe(binary),
        None => {
            expr.is::<Column>()
                || expr.is::<Literal>()
                || expr.is::<NotExpr>()
                || expr.is::<IsNullExpr>()
                || expr.is::<IsNotNullExpr>()
                || expr.is::<LikeExpr>()
                || expr.is::<InListExpr>()
                || expr.is::<CaseExpr>()
                || expr.is::<TryCastExpr>()
        }
    };
    is_known && expr.children().into_iter().all(never_fails)
}

/// The number of divisions in the expression that may divide by zero.
fn divisions(expr: &Arc<dyn PhysicalExpr>) -> usize {
    let inner: usize = expr.children().into_iter().map(divisions).sum();
    inner + usize::from(may_divide_by_zero(expr))
}

fn may_divide_by_zero(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<BinaryExpr>().is_some_and(|binary| divides(binary) && !is_safe(binary))
}

fn divides(binary: &BinaryExpr) -> bool {
    matches!(binary.op(), Operator::Divide | Operator::Modulo)
}

/// Whether a number is divided by a constant other than zero and -1. Dividing the smallest integer by
/// -1 overflows.
fn has_safe_divisor(binary: &BinaryExpr) -> bool {
    let divisor = binary.right().downcast_ref::<Literal>();
    divisor.is_some_and(|divisor| match divisor.value() {
        ScalarValue::Int64(Some(value)) => !matches!(value, 0 | -1),
        ScalarValue::Float64(Some(_)) => true,
        _ => false,
    })
}

/// Sums, differences and products of numbers wrap around. Those of times may overflow, but no condition
/// guards against that.
fn is_safe(binary: &BinaryExpr) -> bool {
    if divides(binary) {
        return has_safe_divisor(binary);
    }
    matches!(
        binary.op(),
        Operator::And
            | Operator::Or
            | Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
            | Operator::RegexMatch
            | Operator::RegexIMatch
            | Operator::RegexNotMatch
            | Operator::RegexNotIMatch
            | Operator::Plus
            | Operator::Minus
            | Operator::Multiply
    )
}
