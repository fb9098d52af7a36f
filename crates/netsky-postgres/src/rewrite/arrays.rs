//! Arrays that are written as texts, and comparisons with their elements.

use datafusion::sql::sqlparser::ast::{
    Array, ArrayElemTypeDef, BinaryOperator, DataType, Expr, Function, SetExpr, Value,
    ValueWithSpan,
};

use crate::sqlstate::Failure;

use super::ast::{normalized, take, text};
use super::casts;
use super::operators::operator;

/// `'{a,b}'::text[]` is `ARRAY['a', 'b']::text[]`, and so is `'{a,b}'` after `= ANY`.
pub fn rewrite_literal(expr: &mut Expr) -> Result<(), Failure> {
    let literal = match expr {
        Expr::Cast {
            expr,
            data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(..)),
            ..
        } => expr.as_mut(),
        Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => right.as_mut(),
        Expr::BinaryOp { left, right, .. } if is_array_column(left) => right.as_mut(),
        _ => return Ok(()),
    };
    let literal = match literal {
        Expr::Nested(inner) => inner.as_mut(),
        literal => literal,
    };
    if let Expr::Value(ValueWithSpan { value, .. }) = literal
        && let Value::SingleQuotedString(value) | Value::EscapedStringLiteral(value) = value
    {
        *literal = parsed(value)?;
    }
    Ok(())
}

/// Whether the expression is a column of the catalogue with arrays.
fn is_array_column(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(name) => casts::is_array_column(&normalized(name)),
        Expr::CompoundIdentifier(names) => {
            names.last().is_some_and(|name| casts::is_array_column(&normalized(name)))
        }
        _ => false,
    }
}

fn parsed(literal: &str) -> Result<Expr, Failure> {
    let malformed = || Failure::new("22P02", format!("malformed array literal: \"{literal}\""));
    let inner = literal.trim().strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
    let inner = inner.ok_or_else(malformed)?;
    let mut elem = Vec::new();
    let mut chars = inner.chars().peekable();
    if inner.trim().is_empty() {
        return Ok(Expr::Array(Array { elem, named: true }));
    }
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let (mut element, is_quoted) = (String::new(), chars.next_if_eq(&'"').is_some());
        loop {
            match chars.next() {
                Some('\\') => element.push(chars.next().ok_or_else(malformed)?),
                Some('"') if is_quoted => break,
                Some('"' | '{' | '}') if !is_quoted => return Err(malformed()),
                Some(c) => element.push(c),
                None if is_quoted => return Err(malformed()),
                None => break,
            }
            if !is_quoted && matches!(chars.peek(), Some(',')) {
                break;
            }
        }
        if is_quoted {
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
        }
        elem.push(match (is_quoted, element.trim_end()) {
            (false, "") => return Err(malformed()),
            (false, element) if element.eq_ignore_ascii_case("null") => Expr::value(Value::Null),
            (false, element) => text(element),
            (true, _) => text(&element),
        });
        match chars.next() {
            Some(',') => {}
            None => return Ok(Expr::Array(Array { elem, named: true })),
            Some(_) => return Err(malformed()),
        }
    }
}

/// Comparisons with `ANY` and `ALL` of an array that the planner has not. Those with `=` and the like stay.
pub fn rewrite_quantified(expr: &mut Expr) -> Result<(), Failure> {
    let (is_any, left, op, right) = match expr {
        Expr::AnyOp { left, compare_op, right, .. } => (true, left, compare_op, right),
        Expr::AllOp { left, compare_op, right } => (false, left, compare_op, right),
        _ => return Ok(()),
    };
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq, PGCustomBinaryOperator};
    if let PGCustomBinaryOperator(name) = op {
        *op = operator(name)?;
    }
    if let Expr::Subquery(query) = right.as_ref()
        && matches!(
            query.body.as_ref(),
            SetExpr::Select(_) | SetExpr::SetOperation { .. } | SetExpr::Query(_)
        )
        && let (true, Eq) | (false, NotEq) = (is_any, &*op)
        && let Expr::Subquery(subquery) = take(right)
    {
        let expr_of = Box::new(take(left));
        *expr = Expr::InSubquery { expr: expr_of, subquery, negated: !is_any };
        return Ok(());
    }
    if matches!(op, Eq | NotEq | Gt | Lt | GtEq | LtEq) {
        return Ok(());
    }
    let elements = elements(right)
        .ok_or_else(|| Failure::unsupported(format!("{op} ANY of what is no list of values")))?;
    let join = if is_any { BinaryOperator::Or } else { BinaryOperator::And };
    let compared = elements.into_iter().map(|element| Expr::BinaryOp {
        left: left.clone(),
        op: op.clone(),
        right: Box::new(element),
    });
    let joined = compared.reduce(|one, other| Expr::BinaryOp {
        left: Box::new(one),
        op: join.clone(),
        right: Box::new(other),
    });
    let empty = || Expr::value(Value::Boolean(!is_any));
    *expr = Expr::Nested(Box::new(joined.unwrap_or_else(empty)));
    Ok(())
}

/// The elements of an array that is written with them.
fn elements(array: &mut Expr) -> Option<Vec<Expr>> {
    match array {
        Expr::Array(Array { elem, .. }) => Some(std::mem::take(elem)),
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => elements(inner),
        Expr::Function(Function { .. }) => None,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_literals_parse_as_in_postgres() {
        let parsed = |literal: &str| parsed(literal).map(|expr| expr.to_string()).ok();
        assert_eq!(parsed("{}").as_deref(), Some("ARRAY[]"));
        assert_eq!(parsed("{a, b c ,\"d,e\"}").as_deref(), Some("ARRAY['a', 'b c', 'd,e']"));
        assert_eq!(parsed("{NULL,\"NULL\"}").as_deref(), Some("ARRAY[NULL, 'NULL']"));
        assert_eq!(parsed("{\"\",\\{}").as_deref(), Some("ARRAY['', '{']"));
        for wrong in ["a", "{a", "{a,}", "{\"a}", "{\"a\"b}", "{{a}}"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
