//! The order in which the conditions of a conjunction are evaluated.
//!
//! `n <> 0 AND 10 / n > 1` is written to be evaluated from left to right, but the optimizer puts
//! conditions into an order of its own. So those that cannot fail go first, and the others see only the
//! rows that passed them. Filters that change while the query runs go last: they compute what a sort
//! above compares, `1000000 / n` of `WHERE n > 0 ORDER BY 1000000 / n LIMIT 3`, and the sort gets only
//! rows that pass the rest.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, DynamicFilterPhysicalExpr, InListExpr, IsNotNullExpr,
    IsNullExpr, LikeExpr, Literal, NotExpr, TryCastExpr,
};
use datafusion::physical_expr::{DynamicFilterTracking, PhysicalExpr, split_conjunction};

/// When a condition is evaluated: the smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    /// It gives true, false or null for every row.
    NeverFails,
    /// It calls a function, most of which take every value.
    SeldomFails,
    /// It may meet a value that a cast refuses.
    Casts,
    /// It may divide by zero. What is divided by may itself be a cast, which another condition guards.
    Divides,
    /// It changes while the query runs.
    Dynamic,
}

impl Turn {
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
            Self::SeldomFails
        }
    }
}

/// The conditions of a conjunction in the order of their turns. In a turn, conditions with fewer divisions
/// go first, because the guard of a divisor contains the divisor and not the division: if `n` is `5 / m`,
/// `n < 0` divides once and `10 / n = 1` twice. Other conditions keep the order in which they are given,
/// which is not that of the query, because the optimizer may have reversed it.
pub(crate) fn in_turn(filter: &Arc<dyn PhysicalExpr>) -> Vec<Arc<dyn PhysicalExpr>> {
    let mut conditions: Vec<_> = split_conjunction(filter).into_iter().cloned().collect();
    sort_in_turn(&mut conditions);
    conditions
}

/// Puts conditions into the order of [`in_turn`].
pub(super) fn sort_in_turn(conditions: &mut [Arc<dyn PhysicalExpr>]) {
    conditions.sort_by_key(|condition| (Turn::of(condition), divisions(condition)));
}

/// Whether a scan can look for a filter's columns where they are in its own batches.
///
/// A filter that changes while the query runs stands for its latest state, in which DataFusion 55.2
/// replaces the sort or join keys one by one, the innermost first. Of two keys `CASE .. THEN n ELSE id
/// END` and `id` it replaces the `id` within the first, does not find the first any more, and leaves its
/// `n` where another column is.
pub(super) fn can_be_moved(filter: &Arc<dyn PhysicalExpr>) -> bool {
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

/// How many divisions in it may be by zero.
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

/// Whether a number is divided by a value, and that is neither zero nor -1, by which the smallest number
/// cannot be divided.
fn has_safe_divisor(binary: &BinaryExpr) -> bool {
    let divisor = binary.right().downcast_ref::<Literal>();
    divisor.is_some_and(|divisor| match divisor.value() {
        ScalarValue::Int64(Some(value)) => !matches!(value, 0 | -1),
        ScalarValue::Float64(Some(_)) => true,
        _ => false,
    })
}

/// Sums, differences and products of numbers wrap around. Those of times may overflow, which no condition
/// guards against.
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
