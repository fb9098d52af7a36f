//! Constructs that have another spelling in DataFusion's SQL.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Fetch, LimitClause, OrderBy, OrderByExpr, OrderByKind, Query, Select,
    SelectFlavor, SelectItem, SetExpr, Spanned, TableFactor, Top, TopQuantity, Value, VisitMut,
    VisitorMut, WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::error::{Error, Result};
use crate::query::pattern::{GLOB_TO_REGEX, SIMILAR_TO_REGEX};
use crate::query::syntax::ast::{call, take};
use crate::query::syntax::{asof, calls, json_rows, refused, unsupported};

/// Rewrites a statement to DataFusion's SQL.
///
/// # Errors
///
/// [`Error::UnsupportedSql`] for what neither DataFusion nor this file supports.
pub(in crate::query) fn rewrite(statement: &mut Statement) -> Result<()> {
    match statement {
        Statement::Statement(statement) => match statement.visit(&mut Spelling) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(*error),
        },
        Statement::Explain(explain) => rewrite(&mut explain.statement),
        _ => Ok(()),
    }
}

struct Spelling;

type Flow = ControlFlow<Box<Error>>;

/// Ends the visit at an error.
fn flow(result: Result<()>) -> Flow {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

impl VisitorMut for Spelling {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Flow {
        if let SetExpr::Insert(statement)
        | SetExpr::Update(statement)
        | SetExpr::Delete(statement)
        | SetExpr::Merge(statement) = query.body.as_ref()
        {
            return ControlFlow::Break(Box::new(refused::writes(statement)));
        }
        number_order_by_all(query);
        flow(limit_of_fetch(query).and_then(|()| limit_of_top(query)))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Flow {
        if select.flavor == SelectFlavor::FromFirstNoSelect {
            // `FROM t`. With this flavor, the planner leaves out all columns.
            select.flavor = SelectFlavor::FromFirst;
            select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
        }
        flow(refused::check_select(select).and_then(|()| asof::rewrite_joins(select)))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Flow {
        flow(refused::check_table(factor).and_then(|()| json_rows::rewrite(factor)))
    }

    /// After its operands, so that the rewritten expression is not visited again.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        if let Err(error) = refused::check_expr(expr) {
            return ControlFlow::Break(Box::new(error));
        }
        match expr {
            Expr::SimilarTo { negated, expr: text, pattern, escape_char } => {
                let escape = escape_char.take().map(Expr::Value);
                let pattern = std::iter::once(take(pattern)).chain(escape).collect();
                *expr = matches(take(text), *negated, call(SIMILAR_TO_REGEX, pattern));
            }
            Expr::RLike { negated, expr: text, pattern, .. } => {
                *expr = matches(take(text), *negated, take(pattern));
            }
            Expr::Function(call) => calls::rewrite(call),
            // Integers divide as with `/`.
            Expr::BinaryOp { op, .. } if *op == BinaryOperator::DuckIntegerDivide => {
                *op = BinaryOperator::Divide;
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Returns `text GLOB pattern`.
pub(in crate::query) fn glob(text: Expr, negated: bool, pattern: Expr) -> Expr {
    matches(text, negated, call(GLOB_TO_REGEX, vec![pattern]))
}

fn matches(text: Expr, negated: bool, regex: Expr) -> Expr {
    let op = if negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
    Expr::BinaryOp { left: Box::new(text), op, right: Box::new(regex) }
}

/// `ORDER BY ALL` is `ORDER BY 1, 2, ..`. DataFusion 55.2 orders by all columns, but not by expressions.
fn number_order_by_all(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_ref() else { return };
    let Some(OrderBy { kind: kind @ OrderByKind::All(_), .. }) = &mut query.order_by else {
        return;
    };
    let is_one = |item: &SelectItem| {
        matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
    };
    // The number of columns of a wildcard is unknown here.
    if let OrderByKind::All(options) = *kind
        && select.projection.iter().all(is_one)
    {
        let numbers = 1..=select.projection.len();
        let number = |number: usize| Expr::value(Value::Number(number.to_string(), false));
        let by = |expr: Expr| OrderByExpr { expr, options, with_fill: None };
        *kind = OrderByKind::Expressions(numbers.map(number).map(by).collect());
    }
}

/// `FETCH FIRST 5 ROWS ONLY` is `LIMIT 5`.
fn limit_of_fetch(query: &mut Query) -> Result<()> {
    let Some(Fetch { with_ties, percent, quantity }) = query.fetch.take() else { return Ok(()) };
    if with_ties || percent {
        let what = if percent { "FETCH with PERCENT" } else { "FETCH WITH TIES" };
        return Err(unsupported(
            format!("{what} is not supported"),
            "limit the number of rows with LIMIT 5",
            query.span(),
        ));
    }
    // Without a number, it is one row.
    let quantity = quantity.unwrap_or_else(|| Expr::value(Value::Number("1".to_owned(), false)));
    set_limit(query, quantity)
}

/// `SELECT TOP 5 ..` is `SELECT .. LIMIT 5`.
fn limit_of_top(query: &mut Query) -> Result<()> {
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
    let Some(Top { with_ties, percent, quantity }) = select.top.take() else { return Ok(()) };
    let span = select.select_token.0.span;
    let quantity = match quantity {
        Some(TopQuantity::Constant(quantity)) => {
            Expr::value(Value::Number(quantity.to_string(), false))
        }
        Some(TopQuantity::Expr(quantity)) => quantity,
        None => return Err(unsupported("TOP has no number", "write LIMIT 5 at the end", span)),
    };
    if with_ties || percent {
        let what = if percent { "TOP with PERCENT" } else { "TOP WITH TIES" };
        let hint = "limit the number of rows with LIMIT at the end, as in LIMIT 5";
        return Err(unsupported(format!("{what} is not supported"), hint, span));
    }
    set_limit(query, quantity)
}

fn set_limit(query: &mut Query, quantity: Expr) -> Result<()> {
    match &mut query.limit_clause {
        clause @ None => {
            *clause = Some(LimitClause::LimitOffset {
                limit: Some(quantity),
                offset: None,
                limit_by: Vec::new(),
            });
        }
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(quantity),
        Some(_) => {
            return Err(unsupported(
                "the query has two limits",
                "write one of them, as LIMIT 5 at the end",
                Span::empty(),
            ));
        }
    }
    Ok(())
}
