//! Subqueries in ORDER BY, which the planner takes in a select list only.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, OrderByKind, Query, SelectItem, SetExpr, TableFactor, Value, Visit, Visitor,
};

use crate::sqlstate::Failure;

use super::ast::{ident, normalized, query as parse};

/// `SELECT a FROM t ORDER BY b IN (SELECT ..)` is `SELECT a FROM (SELECT a, b IN (SELECT ..) AS o FROM t) ORDER BY o`.
pub fn move_subqueries(query: &mut Query) -> Result<(), Failure> {
    let Some(order) = &mut query.order_by else { return Ok(()) };
    let OrderByKind::Expressions(by) = &mut order.kind else { return Ok(()) };
    if !by.iter().any(|by| by.expr.visit(&mut Finder).is_break()) {
        return Ok(());
    }
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
    let names = select.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(normalized(name)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) => names.last().map(normalized),
        SelectItem::ExprWithAlias { alias, .. } => Some(normalized(alias)),
        _ => None,
    });
    let Some(names) = names.collect::<Option<Vec<_>>>() else { return Ok(()) };
    if select.distinct.is_some() {
        return Ok(());
    }
    for (index, by) in by.iter_mut().enumerate() {
        let is_output = match &by.expr {
            Expr::Value(value) => matches!(value.value, Value::Number(..)),
            Expr::Identifier(name) => names.contains(&normalized(name)),
            _ => false,
        };
        if !is_output {
            let alias = ident(&format!("__order_{index}"));
            let expr = std::mem::replace(&mut by.expr, Expr::Identifier(alias.clone()));
            select.projection.push(SelectItem::ExprWithAlias { expr, alias });
        }
    }
    let mut outer = parse("SELECT 1 FROM (SELECT 1) AS __ordered")?;
    let SetExpr::Select(outer_select) = outer.body.as_mut() else { return Ok(()) };
    let columns = names.iter().map(|name| SelectItem::UnnamedExpr(Expr::Identifier(ident(name))));
    outer_select.projection = columns.collect();
    if let Some(from) = outer_select.from.first_mut()
        && let TableFactor::Derived { subquery, .. } = &mut from.relation
    {
        std::mem::swap(&mut subquery.body, &mut query.body);
    }
    query.body = outer.body;
    Ok(())
}

struct Finder;

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::InSubquery { .. } | Expr::Exists { .. } | Expr::Subquery(_) => {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
