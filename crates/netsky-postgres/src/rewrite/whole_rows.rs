//! Rows as JSON: `row_to_json(t)` of a table in FROM.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Query, Select, SelectItem, SetExpr, TableFactor, visit_expressions_mut,
};

use crate::catalog::Catalog;

use super::ast::{call, ident, last_name, names, normalized, only_argument, text};
use super::column_names::column_name;

/// Rewrites such calls in a select list to an object of the table's columns.
pub fn rewrite(select: &mut Select, catalog: &Catalog) {
    let mut tables = None;
    let mut projection = std::mem::take(&mut select.projection);
    for item in &mut projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            let _ = visit_expressions_mut(expr, |expr| {
                if let Some(table) = row_to_json(expr) {
                    let tables = tables.get_or_insert_with(|| tables_of(select, catalog));
                    if let Some(columns) = tables.get(&table) {
                        *expr = object(&table, columns);
                    }
                }
                ControlFlow::<()>::Continue(())
            });
        }
    }
    select.projection = projection;
}

/// The name of the table whose rows a call makes JSON of.
fn row_to_json(expr: &Expr) -> Option<String> {
    let Expr::Function(function) = expr else { return None };
    let name = last_name(&function.name)?;
    let is_json = matches!(name.as_str(), "row_to_json" | "to_json" | "to_jsonb");
    match only_argument(function)? {
        Expr::Identifier(table) if is_json => Some(normalized(table)),
        _ => None,
    }
}

fn object(table: &str, columns: &[String]) -> Expr {
    let pairs = columns.iter().flat_map(|column| {
        [text(column), Expr::CompoundIdentifier(vec![ident(table), ident(column)])]
    });
    call("json_object", pairs.collect())
}

/// The tables in FROM whose columns are known, by their names there.
fn tables_of(select: &Select, catalog: &Catalog) -> HashMap<String, Vec<String>> {
    let factors = select.from.iter().flat_map(|from| {
        std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
    });
    factors.filter_map(|factor| columns_of(factor, catalog)).collect()
}

fn columns_of(factor: &TableFactor, catalog: &Catalog) -> Option<(String, Vec<String>)> {
    match factor {
        TableFactor::Derived { subquery, alias: Some(alias), .. } if alias.columns.is_empty() => {
            Some((normalized(&alias.name), outputs(subquery)?))
        }
        TableFactor::Table { name, alias, args: None, .. } => {
            let relation = match names(name).as_slice() {
                [name] => catalog.relation_named(None, name),
                [.., schema, name] => catalog.relation_named(Some(schema), name),
                [] => None,
            }?;
            let table = alias.as_ref().map(|alias| normalized(&alias.name));
            let columns = relation.columns.iter().map(|column| column.name.to_owned());
            Some((table.or_else(|| last_name(name))?, columns.collect()))
        }
        _ => None,
    }
}

/// The names of a query's columns, if none stands for several.
fn outputs(query: &Query) -> Option<Vec<String>> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let names = select.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(expr) => Some(column_name(expr)),
        SelectItem::ExprWithAlias { alias, .. } => Some(normalized(alias)),
        _ => None,
    });
    names.collect()
}
