//! Functions in FROM.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, ObjectName, Query, SelectItem, SetExpr, TableAlias,
    TableFactor, Value, Visit, Visitor,
};

use crate::catalog::Catalog;
use crate::sqlstate::Failure;

use super::ast::{call, ident, last_name, names, normalized, query};
use super::select_list::list_function;

/// What is called, with its alias.
struct Call {
    name: String,
    args: Vec<Expr>,
    with_ordinality: bool,
    alias: Option<TableAlias>,
}

/// Rewrites a call in FROM.
///
/// - A function that returns rows of several columns is a table of the catalogue.
/// - One that returns rows of one column is `unnest` of the list that it is here. The column has the name of the
///   table's alias, as in PostgreSQL.
/// - Any other function is its one value.
pub fn rewrite(factor: &mut TableFactor, catalog: &Catalog) -> Result<(), Failure> {
    let Some(Call { name, args, with_ordinality, alias }) = call_of(factor) else { return Ok(()) };
    if let Some(function) = catalog.function(&name) {
        *factor = table(&function.name, alias.unwrap_or_else(|| alias_of(&name)));
        return Ok(());
    }
    let is_list = name == "unnest" || list_function(&name).is_some();
    if TABLE_FUNCTIONS.contains(&name.as_str()) {
        return Ok(());
    }
    let lateral = args.iter().any(has_column);
    let table_name = alias.as_ref().map_or_else(|| name.clone(), |alias| normalized(&alias.name));
    let column = table_name.replace('"', "\"\"");
    let is_literal = args.iter().all(is_literal);
    let subquery = match name.as_str() {
        "_pg_expandarray" => of_list(call(&name, args), "r['x'] AS \"x\", r['n'] AS \"n\"")?,
        // The planner's own makes the numbers one by one.
        "generate_series" if is_literal && !with_ordinality => {
            let sql = format!("SELECT value AS \"{column}\" FROM generate_series(1) AS {ROWS}");
            with_arguments(*query(&sql)?, args)
        }
        _ if is_list => {
            let list = match name.as_str() {
                "unnest" => match <[Expr; 1]>::try_from(args) {
                    Ok([list]) => list,
                    Err(_) => {
                        return Err(Failure::unsupported(
                            "unnest() of several arrays is not supported",
                        ));
                    }
                },
                _ => call(list_function(&name).unwrap_or(&name), args),
            };
            match with_ordinality {
                true => of_list(
                    call("_pg_expandarray", vec![list]),
                    &format!("r['x'] AS \"{column}\", CAST(r['n'] AS BIGINT) AS \"ordinality\""),
                )?,
                false => of_list(list, &format!("r AS \"{column}\""))?,
            }
        }
        // Lists of outer columns can be joined, and other subqueries of them cannot.
        _ if lateral => {
            let list = call("make_array", vec![call(&name, args)]);
            of_list(list, &format!("r AS \"{column}\""))?
        }
        _ => {
            let mut query = *query(&format!("SELECT 1 AS \"{column}\""))?;
            if let SetExpr::Select(select) = query.body.as_mut()
                && let Some(item) = select.projection.first_mut()
            {
                let (expr, alias) = (call(&name, args), ident(&table_name));
                *item = SelectItem::ExprWithAlias { expr, alias };
            }
            query
        }
    };
    let alias = alias.unwrap_or_else(|| alias_of(&name));
    *factor = TableFactor::Derived {
        lateral,
        subquery: Box::new(subquery),
        alias: Some(alias),
        sample: None,
    };
    Ok(())
}

/// Functions of rows of netsky-db and of the planner.
const TABLE_FUNCTIONS: [&str; 3] = ["json_each", "json_tree", "range"];

/// The alias of what is made here, which is not rewritten again.
const ROWS: &str = "__rows";

fn call_of(factor: &TableFactor) -> Option<Call> {
    let (name, args, with_ordinality, alias) = match factor {
        TableFactor::Table { name, args: Some(args), with_ordinality, alias, .. } => {
            (name, exprs(&args.args)?, *with_ordinality, alias)
        }
        TableFactor::Function { name, args, with_ordinality, alias, .. } => {
            (name, exprs(args)?, *with_ordinality, alias)
        }
        TableFactor::UNNEST { array_exprs, alias, with_offset: false, with_ordinality, .. }
            if array_exprs.len() == 1
                && alias.as_ref().is_none_or(|alias| alias.name.value != ROWS) =>
        {
            return Some(Call {
                name: "unnest".to_owned(),
                args: array_exprs.clone(),
                with_ordinality: *with_ordinality,
                alias: alias.clone(),
            });
        }
        _ => return None,
    };
    if alias.as_ref().is_some_and(|alias| alias.name.value == ROWS) {
        return None;
    }
    let is_system = match names(name).as_slice() {
        [_] => true,
        [.., schema, _] => matches!(schema.as_str(), "pg_catalog" | "information_schema"),
        [] => false,
    };
    let name = is_system.then(|| last_name(name))??;
    Some(Call { name, args, with_ordinality, alias: alias.clone() })
}

fn exprs(args: &[FunctionArg]) -> Option<Vec<Expr>> {
    let exprs = args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    exprs.collect()
}

fn alias_of(name: &str) -> TableAlias {
    TableAlias { explicit: true, name: ident(name), columns: Vec::new(), at: None }
}

fn table(name: &str, alias: TableAlias) -> TableFactor {
    TableFactor::Table {
        name: ObjectName::from(vec![ident("pg_catalog"), ident(name)]),
        alias: Some(alias),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// The query for the rows of a list, which are called `r`.
fn of_list(list: Expr, columns: &str) -> Result<Query, Failure> {
    let mut query = *query(&format!("SELECT {columns} FROM unnest([]) AS {ROWS}(r)"))?;
    if let SetExpr::Select(select) = query.body.as_mut()
        && let Some(from) = select.from.first_mut()
        && let TableFactor::UNNEST { array_exprs, .. } = &mut from.relation
    {
        *array_exprs = vec![list];
    }
    Ok(query)
}

fn with_arguments(mut query: Query, args: Vec<Expr>) -> Query {
    if let SetExpr::Select(select) = query.body.as_mut()
        && let Some(from) = select.from.first_mut()
        && let TableFactor::Table { args: Some(found), .. } = &mut from.relation
    {
        let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)));
        found.args = args.collect();
    }
    query
}

/// Whether an expression uses a column, which is one of a table before it.
fn has_column(expr: &Expr) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Finder).is_break()
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => !matches!(value.value, Value::Placeholder(_)),
        _ => false,
    }
}
