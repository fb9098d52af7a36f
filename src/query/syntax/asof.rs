//! `ASOF JOIN`: each row with the nearest earlier (or later) row of another table.
//!
//! `a ASOF JOIN b ON a.k = b.k AND a.t >= b.t` becomes a lateral join with the one row of `b` that has
//! the largest `b.t`:
//!
//! ```sql
//! a JOIN LATERAL (SELECT * FROM b WHERE a.k = b.k AND a.t >= b.t ORDER BY b.t DESC LIMIT 1) b ON true
//! ```
//!
//! If several rows have that `b.t`, one of them is taken, as in DuckDB.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, OrderByKind, Query, Select,
    SetExpr, Spanned, TableAlias, TableFactor, Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use crate::error::{Error, Result};
use crate::query::syntax::ast::{normalized, take};
use crate::query::syntax::unsupported;

/// The condition that stands for an `ASOF LEFT JOIN` of DuckDB. The parser reads only Snowflake's form,
/// with `MATCH_CONDITION`, which this file adds to DuckDB's.
const LEFT: &str = "asof left";
const INNER: &str = "asof inner";

/// Adds a match condition to each `ASOF JOIN` without one, and removes the join type, so that the
/// parser accepts it.
pub(in crate::query) fn mark_asof_joins(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_asof = |token: &TokenWithSpan| keyword(&token.token) == Keyword::ASOF;
    if !tokens.iter().any(is_asof) {
        return tokens;
    }
    let mut marked = Vec::with_capacity(tokens.len() + 8);
    // The joins that wait for their condition, with the depth of brackets around them.
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut depth = 0_usize;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => {
                depth = depth.saturating_sub(1);
                open.retain(|(at, _)| *at <= depth);
            }
            Token::Word(word) => match word.keyword {
                Keyword::ASOF => {
                    marked.push(token);
                    let mut ty = INNER;
                    while let Some(next) = tokens.peek() {
                        match keyword(&next.token) {
                            Keyword::LEFT => ty = LEFT,
                            Keyword::INNER | Keyword::OUTER => {}
                            Keyword::JOIN => {
                                open.push((depth, ty));
                                break;
                            }
                            _ if matches!(next.token, Token::Whitespace(_)) => {}
                            _ => break,
                        }
                        tokens.next();
                    }
                    continue;
                }
                Keyword::ON | Keyword::USING if open.last().is_some_and(|(at, _)| *at == depth) => {
                    let ty = open.pop().map_or(INNER, |(_, ty)| ty);
                    marked.extend(match_condition(ty));
                }
                Keyword::MATCH_CONDITION if open.last().is_some_and(|(at, _)| *at == depth) => {
                    open.pop();
                }
                _ => {}
            },
            _ => {}
        }
        marked.push(token);
    }
    marked
}

fn match_condition(ty: &str) -> [TokenWithSpan; 4] {
    [
        Token::make_keyword("MATCH_CONDITION"),
        Token::LParen,
        Token::SingleQuotedString(ty.to_owned()),
        Token::RParen,
    ]
    .map(|token| TokenWithSpan { token, span: Span::empty() })
}

fn keyword(token: &Token) -> Keyword {
    match token {
        Token::Word(Word { keyword, quote_style: None, .. }) => *keyword,
        _ => Keyword::NoKeyword,
    }
}

/// Rewrites the `ASOF` joins of a query to lateral joins.
///
/// # Errors
///
/// [`Error::UnsupportedSql`] if the condition is not equalities and one inequality, with the table of
/// each column.
pub(super) fn rewrite_joins(select: &mut Select) -> Result<()> {
    for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
        if let JoinOperator::AsOf { match_condition, constraint } = &mut join.join_operator {
            let match_condition = take(match_condition);
            let constraint = std::mem::replace(constraint, JoinConstraint::None);
            rewrite_join(join, match_condition, constraint)?;
        }
    }
    Ok(())
}

fn rewrite_join(join: &mut Join, match_condition: Expr, constraint: JoinConstraint) -> Result<()> {
    let span = join.relation.span();
    let Some(alias) = name_of(&join.relation) else {
        let hint = "give it a name, as in ASOF JOIN (SELECT ..) AS b ON a.t >= b.t";
        return Err(unsupported("the table of an ASOF JOIN has no name", hint, span));
    };
    let mut conditions = Vec::new();
    let keeps_all = match &match_condition {
        Expr::Value(value) if value.value == Value::SingleQuotedString(LEFT.to_owned()) => true,
        Expr::Value(value) if value.value == Value::SingleQuotedString(INNER.to_owned()) => false,
        // Snowflake's form, which keeps all rows.
        _ => {
            split(match_condition, &mut conditions);
            true
        }
    };
    match constraint {
        JoinConstraint::On(condition) => split(condition, &mut conditions),
        JoinConstraint::None => {}
        JoinConstraint::Using(columns) => return Err(using(&columns, &alias, span)),
        JoinConstraint::Natural => {
            let hint = format!(
                "name the columns: ASOF JOIN {alias} ON a.k = {alias}.k AND a.t >= {alias}.t"
            );
            return Err(unsupported("a NATURAL ASOF JOIN is not supported", hint, span));
        }
    }
    let mut order = None;
    for condition in &conditions {
        if let Some(found) = inequality(condition, &alias)?
            && order.replace(found).is_some()
        {
            let hint = format!("keep one, as in a.t >= {alias}.t, and write the others in WHERE");
            return Err(unsupported("an ASOF JOIN has one inequality", hint, condition.span()));
        }
    }
    let Some((key, is_descending)) = order else {
        let hint = format!("add one, as in a.t >= {alias}.t");
        return Err(unsupported("an ASOF JOIN needs an inequality", hint, span));
    };
    let condition = conditions.into_iter().reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    });
    let relation = std::mem::replace(&mut join.relation, no_table());
    let subquery = nearest_row(relation, condition, key, is_descending)?;
    let alias = Some(TableAlias { explicit: true, name: alias, columns: Vec::new(), at: None });
    join.relation =
        TableFactor::Derived { lateral: true, subquery: Box::new(subquery), alias, sample: None };
    let always = JoinConstraint::On(Expr::value(Value::Boolean(true)));
    join.join_operator =
        if keeps_all { JoinOperator::Left(always) } else { JoinOperator::Inner(always) };
    Ok(())
}

/// The query for the one row of the table that fits a row of the other.
fn nearest_row(
    relation: TableFactor,
    condition: Option<Expr>,
    key: Expr,
    is_descending: bool,
) -> Result<Query> {
    const TEMPLATE: &str = "SELECT * FROM t WHERE true ORDER BY t LIMIT 1";
    let parsed = Parser::new(&GenericDialect).try_with_sql(TEMPLATE);
    let parsed = parsed.and_then(|mut parser| parser.parse_query());
    let mut query = *parsed.map_err(|error| Error::from_parser(&error))?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        if let Some(from) = select.from.first_mut() {
            from.relation = relation;
        }
        select.selection = condition;
    }
    if let Some(order_by) = &mut query.order_by
        && let OrderByKind::Expressions(keys) = &mut order_by.kind
        && let Some(only) = keys.first_mut()
    {
        only.expr = key;
        only.options.asc = Some(!is_descending);
    }
    Ok(query)
}

fn no_table() -> TableFactor {
    TableFactor::UNNEST {
        alias: None,
        array_exprs: Vec::new(),
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    }
}

fn name_of(relation: &TableFactor) -> Option<Ident> {
    match relation {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } => Some(alias.name.clone()),
        TableFactor::Table { name, args: None, .. } => name.0.last()?.as_ident().cloned(),
        _ => None,
    }
}

/// Splits a condition at each `AND`.
fn split(condition: Expr, conditions: &mut Vec<Expr>) {
    let mut open = vec![condition];
    while let Some(condition) = open.pop() {
        match condition {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                open.push(*right);
                open.push(*left);
            }
            Expr::Nested(inner)
                if matches!(*inner, Expr::BinaryOp { op: BinaryOperator::And, .. }) =>
            {
                open.push(*inner);
            }
            other => conditions.push(other),
        }
    }
}

/// Returns the side of an inequality that belongs to the joined table, and whether its largest value
/// is the nearest. `None` for an equality.
fn inequality(condition: &Expr, alias: &Ident) -> Result<Option<(Expr, bool)>> {
    let mut inner = condition;
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    let wrong = |what: &str| {
        let hint = format!(
            "write equalities and one inequality with the table of each column: ON a.k = {alias}.k AND \
             a.t >= {alias}.t"
        );
        Err(unsupported(format!("an ASOF JOIN cannot use {what}"), hint, condition.span()))
    };
    let Expr::BinaryOp { left, op, right } = inner else { return wrong("this condition") };
    let is_upper_bound = match op {
        BinaryOperator::Eq => return Ok(None),
        BinaryOperator::Gt | BinaryOperator::GtEq => true,
        BinaryOperator::Lt | BinaryOperator::LtEq => false,
        _ => return wrong("this condition"),
    };
    match (side(left, alias), side(right, alias)) {
        (Side::Other, Side::Joined) => Ok(Some((right.as_ref().clone(), is_upper_bound))),
        (Side::Joined, Side::Other) => Ok(Some((left.as_ref().clone(), !is_upper_bound))),
        _ => wrong("an inequality whose sides do not belong to one table each"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Joined,
    Other,
    Unknown,
}

/// Returns the table that the columns of an expression belong to.
fn side(expr: &Expr, alias: &Ident) -> Side {
    struct Sides<'a>(&'a Ident, Option<Side>);

    impl Visitor for Sides<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let found = match expr {
                Expr::CompoundIdentifier(names) => match names.as_slice() {
                    [.., table, _] if normalized(table) == normalized(self.0) => Side::Joined,
                    _ => Side::Other,
                },
                Expr::Identifier(_) | Expr::Subquery(_) | Expr::Exists { .. } => Side::Unknown,
                _ => return ControlFlow::Continue(()),
            };
            if *self.1.get_or_insert(found) != found {
                self.1 = Some(Side::Unknown);
            }
            ControlFlow::Continue(())
        }
    }

    let mut sides = Sides(alias, None);
    let _ = expr.visit(&mut sides);
    sides.1.unwrap_or(Side::Unknown)
}

/// Refuses `USING (k, t)`, which in DuckDB means `a.k = b.k AND a.t >= b.t` with merged columns.
fn using(
    columns: &[datafusion::sql::sqlparser::ast::ObjectName],
    alias: &Ident,
    span: Span,
) -> Error {
    let last = columns.len().saturating_sub(1);
    let conditions = columns.iter().enumerate().map(|(index, column)| {
        let op = if index == last { ">=" } else { "=" };
        format!("a.{column} {op} {alias}.{column}")
    });
    let conditions = conditions.collect::<Vec<_>>().join(" AND ");
    let hint = format!("write ON {conditions}, with the first table for a");
    unsupported("an ASOF JOIN with USING is not supported", hint, span)
}
