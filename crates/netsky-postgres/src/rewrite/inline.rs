//! Queries whose only table is a query.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Query, Select, SelectItem, SetExpr, TableFactor, visit_expressions_mut,
};

use super::ast::{last_name, normalized};
use super::column_names::column_name;
use super::select::{is_aggregate, plain_select};

/// `SELECT a FROM (SELECT a FROM t WHERE b) AS x` is `SELECT a FROM t WHERE b`, also with a common table expression.
/// The planner cannot take a condition with outer columns out of the inner query.
pub fn inline_only_table(query: &mut Query) {
    let Some((table, inner)) = only_table(query) else { return };
    let columns = inner.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(expr) => Some((column_name(expr), expr.clone())),
        SelectItem::ExprWithAlias { expr, alias } => Some((normalized(alias), expr.clone())),
        _ => None,
    });
    let Some(columns) = columns.collect::<Option<HashMap<_, _>>>() else { return };
    query.with = None;
    let _ = visit_expressions_mut(query, |expr| {
        let name = match &*expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => match names.as_slice() {
                [of, name] if normalized(of) == table => Some(name),
                _ => None,
            },
            _ => None,
        };
        if let Some(column) = name.and_then(|name| columns.get(&normalized(name))) {
            *expr = column.clone();
        }
        ControlFlow::<()>::Continue(())
    });
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    select.from = inner.from;
    select.selection = match (select.selection.take(), inner.selection) {
        (Some(one), Some(other)) => Some(Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(one))),
            op: BinaryOperator::And,
            right: Box::new(Expr::Nested(Box::new(other))),
        }),
        (one, other) => one.or(other),
    };
}

/// The only table of a query, if it is a plain query itself.
fn only_table(query: &Query) -> Option<(String, Select)> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [from] = select.from.as_slice() else { return None };
    if !from.joins.is_empty() {
        return None;
    }
    let (name, inner) = match (&from.relation, &query.with) {
        (TableFactor::Derived { subquery, alias: Some(alias), .. }, None)
            if alias.columns.is_empty() =>
        {
            (normalized(&alias.name), subquery)
        }
        (TableFactor::Table { name, alias: None, args: None, .. }, Some(with))
            if !with.recursive =>
        {
            let [table] = with.cte_tables.as_slice() else { return None };
            if !table.alias.columns.is_empty() {
                return None;
            }
            let name = last_name(name)?;
            if normalized(&table.alias.name) != name {
                return None;
            }
            (name, &table.query)
        }
        _ => return None,
    };
    let mut inner = inner.as_ref().clone();
    let select = plain_select(&mut inner).filter(|select| !is_aggregate(select))?;
    Some((name, select.clone()))
}
