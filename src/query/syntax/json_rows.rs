//! `json_each` and `json_tree` of a column, in FROM.
//!
//! SQLite and DuckDB join each row with the elements of its own value. The planner takes only literals
//! there, so the call becomes a lateral join with a list:
//!
//! ```sql
//! FROM t, json_each(t.x)
//! FROM t, LATERAL (SELECT r['key'] AS key, .. FROM unnest(__json_each(t.x)) AS rows(r)) AS json_each
//! ```

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query, SetExpr, Spanned, TableAlias,
    TableFactor, Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::error::{Error, Result};
use crate::query::functions::{JSON_EACH_COLUMNS, json_list_function};
use crate::query::syntax::ast::{call, normalized};
use crate::query::syntax::unsupported;

/// Rewrites a call in FROM whose arguments are not all literals, and names the others, so that
/// `json_each.key` is found.
///
/// # Errors
///
/// [`Error::UnsupportedSql`] if the number of arguments is wrong.
pub(super) fn rewrite(factor: &mut TableFactor) -> Result<()> {
    let span = factor.span();
    let (name, args, alias) = match factor {
        TableFactor::Table { name, args: Some(args), alias, .. } => (name, &mut args.args, alias),
        TableFactor::Function { name, args, alias, .. } => (name, args, alias),
        _ => return Ok(()),
    };
    let Some(name) = only_name(name) else { return Ok(()) };
    let Some(list) = json_list_function(&name) else { return Ok(()) };
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: Ident::new(&name),
        columns: Vec::new(),
        at: None,
    });
    if !(1..=2).contains(&args.len()) {
        let message = format!("{name}() takes JSON and a path, found {} arguments", args.len());
        return Err(unsupported(message, format!("write {name}(detail_json, '$.a')"), span));
    }
    let exprs = args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    let Some(exprs) = exprs.collect::<Option<Vec<_>>>() else { return Ok(()) };
    let alias = Some(alias.clone());
    if exprs.iter().all(is_literal) && matches!(factor, TableFactor::Table { .. }) {
        return Ok(());
    }
    let subquery = Box::new(rows_of(call(list, exprs))?);
    *factor = TableFactor::Derived { lateral: true, subquery, alias, sample: None };
    Ok(())
}

fn only_name(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(normalized),
        _ => None,
    }
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(ValueWithSpan { value, .. }) => !matches!(value, Value::Placeholder(_)),
        _ => false,
    }
}

/// Returns the query for the rows of a list.
fn rows_of(list: Expr) -> Result<Query> {
    let columns = JSON_EACH_COLUMNS.map(|name| format!("r['{name}'] AS \"{name}\""));
    let sql = format!("SELECT {} FROM unnest([]) AS rows(r)", columns.join(", "));
    let parsed = Parser::new(&GenericDialect).try_with_sql(&sql);
    let parsed = parsed.and_then(|mut parser| parser.parse_query());
    let mut query = *parsed.map_err(|error| Error::from_parser(&error))?;
    if let SetExpr::Select(select) = query.body.as_mut()
        && let Some(from) = select.from.first_mut()
        && let TableFactor::UNNEST { array_exprs, .. } = &mut from.relation
    {
        *array_exprs = vec![list];
    }
    Ok(query)
}
