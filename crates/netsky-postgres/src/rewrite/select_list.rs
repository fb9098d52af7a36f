//! Functions in a select list that return rows. Here they return lists, which `unnest` makes rows of.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Array, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, Select,
    SelectItem, VisitMut, VisitorMut,
};

use crate::catalog::{Catalog, Relation};

use super::ast::{call, last_name, normalized};
use super::casts::{TypeName, cast};

/// Functions of rows of one column, and those of their lists.
pub const LISTS: [(&str, &str); 5] = [
    ("_pg_expandarray", "_pg_expandarray"),
    ("generate_series", "generate_series"),
    ("generate_subscripts", "generate_subscripts_list"),
    ("regexp_split_to_table", "regexp_split_to_array"),
    ("string_to_table", "string_to_array"),
];

/// The function that returns the list of a function's rows.
pub fn list_function(name: &str) -> Option<&'static str> {
    LISTS.iter().find(|(rows, _)| *rows == name).map(|(_, list)| *list)
}

/// Unnests the lists of such functions in a select list.
pub fn unnest_rows(select: &mut Select, catalog: &Catalog) {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            let _ = expr.visit(&mut Rows { catalog, depth: 0 });
        }
    }
}

struct Rows<'a> {
    catalog: &'a Catalog,
    /// How many queries there are around the expression, in the select list.
    depth: usize,
}

impl VisitorMut for Rows<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Some(rows) = self.rows_of(expr)
        {
            *expr = rows;
        }
        ControlFlow::Continue(())
    }
}

impl Rows<'_> {
    fn rows_of(&self, expr: &Expr) -> Option<Expr> {
        match expr {
            Expr::Function(function) => {
                let name = last_name(&function.name)?;
                if let Some(list) = list_function(&name) {
                    return Some(call("unnest", vec![call(list, arguments(&function.args)?)]));
                }
                // The catalogue's functions of rows have none that depend on a row.
                no_rows(self.catalog.function(&name)?, None)
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                let Expr::Nested(inner) = root.as_ref() else { return None };
                let Expr::Function(function) = inner.as_ref() else { return None };
                let [AccessExpr::Dot(Expr::Identifier(field))] = access_chain.as_slice() else {
                    return None;
                };
                let function = self.catalog.function(&last_name(&function.name)?)?;
                no_rows(function, Some(&normalized(field)))
            }
            _ => None,
        }
    }
}

fn arguments(args: &FunctionArguments) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = args else { return None };
    let exprs = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    exprs.collect()
}

/// No rows of a column of the function, or of its first one.
fn no_rows(function: &Relation, column: Option<&str>) -> Option<Expr> {
    let mut columns = function.columns.iter();
    let column = columns.find(|known| column.is_none_or(|name| known.name == name))?;
    let empty = Expr::Array(Array { elem: Vec::new(), named: true });
    let ty = TypeName { name: column.ty.name.to_string(), is_array: true };
    Some(call("unnest", vec![cast(empty, ty).ok()?]))
}
