//! Comparisons of tuples.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

use super::ast::take;

/// `(a, b) = (c, d)` is `a = c AND b = d`.
pub fn compare(expr: &mut Expr) {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = expr else { return };
    let (Expr::Tuple(lefts), Expr::Tuple(rights)) = (left.as_mut(), right.as_mut()) else { return };
    if lefts.len() != rights.len() {
        return;
    }
    let pairs = lefts.iter_mut().zip(rights).map(|(left, right)| Expr::BinaryOp {
        left: Box::new(take(left)),
        op: BinaryOperator::Eq,
        right: Box::new(take(right)),
    });
    let all = pairs.reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    });
    if let Some(all) = all {
        *expr = Expr::Nested(Box::new(all));
    }
}
