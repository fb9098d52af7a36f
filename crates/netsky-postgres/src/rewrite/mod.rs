//! Changes PostgreSQL's SQL into that of netsky-db, between the parser and the planner.
//!
//! A statement is visited once. Names of columns are given first, while the statement is as it was typed.

mod arrays;
mod ast;
mod casts;
mod column_names;
mod from_functions;
mod inline;
mod operators;
mod order_by;
mod parameters;
mod select;
mod select_list;
mod subqueries;
mod system_columns;
mod tuples;
mod whole_rows;
mod without_rows;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    LimitClause, ObjectName, ObjectNamePart, Query, Select, Statement, Subscript, TableFactor,
    Value, ValueWithSpan, VisitMut, VisitorMut,
};

use crate::catalog::Catalog;
use crate::functions::{self, like_pattern};
use crate::sqlstate::Failure;
use ast::{call, ident, last_name, number, only_argument, take, text};
use system_columns::Scopes;

pub use column_names::answered;

/// Changes a statement whose parameters a client has declared with these types. 0 is any.
///
/// # Errors
///
/// The statement has something that cannot be changed.
pub fn rewrite(
    statement: &mut Statement,
    parameter_types: &[u32],
    catalog: &Catalog,
) -> Result<(), Failure> {
    let mut visitor = Rewriter { catalog, parameter_types, scopes: Scopes::default() };
    match statement.visit(&mut visitor) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(failure) => Err(*failure),
    }
}

struct Rewriter<'a> {
    catalog: &'a Catalog,
    parameter_types: &'a [u32],
    scopes: Scopes,
}

type Flow = ControlFlow<Box<Failure>>;

fn flow(result: Result<(), Failure>) -> Flow {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(failure) => ControlFlow::Break(Box::new(failure)),
    }
}

impl VisitorMut for Rewriter<'_> {
    type Break = Box<Failure>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Flow {
        if let Some(lock) = query.locks.first() {
            let message =
                format!("cannot execute SELECT FOR {} in a read-only transaction", lock.lock_type);
            return flow(Err(Failure::new("25006", message)));
        }
        without_null_limits(query);
        without_rows::drop_branches_without_rows(query, self.catalog);
        column_names::name_columns(query);
        flow(order_by::move_subqueries(query))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Flow {
        self.scopes.enter(select);
        without_rows::drop_subqueries_without_rows(select, self.catalog);
        without_rows::drop_cases_without_rows(select, self.catalog);
        select_list::unnest_rows(select, self.catalog);
        whole_rows::rewrite(select, self.catalog);
        flow(subqueries::compute_conditions(select))
    }

    fn post_visit_select(&mut self, _: &mut Select) -> Flow {
        self.scopes.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Flow {
        flow(from_functions::rewrite(factor, self.catalog))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        // Before the operand is visited, which makes it something else.
        flow(arrays::rewrite_literal(expr).and_then(|()| parameters::infer(expr, self.catalog)))
    }

    /// After its operands, so that what is made of the expression is not visited again.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        flow(self.rewrite_expr(expr))
    }
}

impl Rewriter<'_> {
    fn rewrite_expr(&self, expr: &mut Expr) -> Result<(), Failure> {
        match expr {
            Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => {
                if let Some(cast) = parameters::declared(name, self.parameter_types) {
                    *expr = casts::cast(take(expr), cast)?;
                }
            }
            Expr::Identifier(name) if name.quote_style.is_none() => {
                let name = name.value.to_lowercase();
                if matches!(name.as_str(), "current_schema" | "current_role" | "current_catalog") {
                    *expr = call(&name, Vec::new());
                } else if let Some(value) = self.scopes.system_column(None, &name, self.catalog) {
                    *expr = value;
                }
            }
            Expr::CompoundIdentifier(names) => {
                if let [table, column] = names.as_slice()
                    && let Some(value) = self.scopes.system_column(
                        Some(&ast::normalized(table)),
                        &ast::normalized(column),
                        self.catalog,
                    )
                {
                    *expr = value;
                }
            }
            Expr::Cast { expr: operand, data_type, .. } => {
                let changed = casts::rewrite(operand, data_type)?;
                if let Some(changed) = changed {
                    *expr = changed;
                }
            }
            Expr::Collate { expr: operand, collation } => {
                check_collation(collation)?;
                *expr = take(operand);
            }
            Expr::Interval(interval) if interval.leading_field.is_none() => {
                casts::plain_interval(&mut interval.value);
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                *expr = call(functions::AtTimeZone::NAME, vec![take(time_zone), take(timestamp)]);
            }
            // Exclusive or of bits, with another precedence.
            Expr::BinaryOp { op: BinaryOperator::BitwiseXor, .. } => {
                return Err(
                    Failure::unsupported("^ is not supported").with_hint("write power(a, b)")
                );
            }
            Expr::BinaryOp { op, .. } => {
                if let BinaryOperator::PGCustomBinaryOperator(name) = op {
                    *op = operators::operator(name)?;
                }
                tuples::compare(expr);
            }
            Expr::Like { pattern, escape_char, any, .. }
            | Expr::ILike { pattern, escape_char, any, .. } => {
                if let Some(escape) = escape_char.take() {
                    escape_pattern(pattern, &escape.value)?;
                }
                if *any {
                    return Err(Failure::unsupported("LIKE ANY is not supported"));
                }
            }
            Expr::AnyOp { .. } | Expr::AllOp { .. } => arrays::rewrite_quantified(expr)?,
            Expr::CompoundFieldAccess { root, access_chain } => {
                access_fields(root, access_chain);
            }
            Expr::Function(function) => {
                if let Some(changed) = rewrite_call(function)? {
                    *expr = changed;
                }
            }
            Expr::Subquery(query) => subqueries::single_value(query, self.catalog),
            _ => {}
        }
        Ok(())
    }
}

/// `LIMIT ALL` and `LIMIT NULL` are no limit.
fn without_null_limits(query: &mut Query) {
    let is_null = |expr: &Expr| matches!(expr, Expr::Value(value) if value.value == Value::Null);
    if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
        if limit.as_ref().is_some_and(is_null) {
            *limit = None;
        }
        if offset.as_ref().is_some_and(|offset| is_null(&offset.value)) {
            *offset = None;
        }
    }
}

/// Texts compare by their bytes, as with collation `C`.
fn check_collation(collation: &ObjectName) -> Result<(), Failure> {
    let name = last_name(collation).unwrap_or_default();
    match name.as_str() {
        "default" | "C" | "POSIX" | "ucs_basic" | "C.UTF-8" | "C.utf8" => Ok(()),
        _ => Err(Failure::new(
            "42704",
            format!("collation \"{name}\" for encoding \"UTF8\" does not exist"),
        )),
    }
}

fn escape_pattern(pattern: &mut Expr, escape: &Value) -> Result<(), Failure> {
    let Some(escape) = escape.clone().into_string() else { return Ok(()) };
    if let Expr::Value(value) = pattern
        && let Value::SingleQuotedString(literal) | Value::EscapedStringLiteral(literal) =
            &value.value
    {
        *pattern = text(&like_pattern(literal, &escape)?);
    } else {
        *pattern = call("like_pattern", vec![take(pattern), text(&escape)]);
    }
    Ok(())
}

/// `(x).n` is `(x)['n']`. `indkey[0]` is the first element, because `int2vector` counts from 0.
fn access_fields(root: &mut Expr, chain: &mut [AccessExpr]) {
    let is_value = matches!(root, Expr::Nested(_) | Expr::Function(_));
    if let Expr::Nested(inner) = root {
        *root = take(inner);
    }
    let mut last = last_ident(root);
    for access in chain {
        match access {
            AccessExpr::Dot(Expr::Identifier(field)) => {
                let field = ast::normalized(field);
                if is_value {
                    *access = AccessExpr::Subscript(Subscript::Index { index: text(&field) });
                }
                last = Some(field);
            }
            AccessExpr::Subscript(Subscript::Index { index }) => {
                if last.take().is_some_and(|name| casts::is_vector_column(&name)) {
                    let (left, right) = (Box::new(take(index)), Box::new(number(1)));
                    *index = Expr::BinaryOp { left, op: BinaryOperator::Plus, right };
                }
            }
            _ => last = None,
        }
    }
}

fn last_ident(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(ast::normalized(name)),
        Expr::CompoundIdentifier(names) => names.last().map(ast::normalized),
        _ => None,
    }
}

/// Functions that have another name here.
const RENAMED: [(&str, &str); 8] = [
    ("json_build_object", "json_object"),
    ("jsonb_build_object", "json_object"),
    ("json_build_array", "json_array"),
    ("jsonb_build_array", "json_array"),
    ("json_agg", "json_group_array"),
    ("jsonb_agg", "json_group_array"),
    ("json_object_agg", "json_group_object"),
    ("jsonb_object_agg", "json_group_object"),
];

fn rewrite_call(function: &mut Function) -> Result<Option<Expr>, Failure> {
    without_schema(&mut function.name);
    let Some(name) = last_name(&function.name) else { return Ok(None) };
    if name == "array" {
        return Ok(match std::mem::replace(&mut function.args, FunctionArguments::None) {
            FunctionArguments::Subquery(query) => Some(subqueries::array_of(*query)?),
            other => {
                function.args = other;
                None
            }
        });
    }
    if let Some((_, renamed)) = RENAMED.iter().find(|(from, _)| *from == name) {
        function.name = ObjectName::from(vec![ident(renamed)]);
    }
    match name.as_str() {
        "coalesce" => coalesce_arrays(function),
        // `age` of a time is another function.
        "age" if only_argument(function).is_some_and(casts::is_transaction) => {
            function.name = ObjectName::from(vec![ident("xid_age")]);
        }
        _ => {}
    }
    if matches!(name.as_str(), "current_user" | "session_user" | "user") {
        return Ok(Some(call(&name, Vec::new())));
    }
    Ok(None)
}

/// `coalesce(x, '{}')` is an empty array if `x` is one.
fn coalesce_arrays(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(first)), rest @ ..] = list.args.as_mut_slice()
    else {
        return;
    };
    for arg in rest {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg
            && matches!(arg, Expr::Value(value) if value.value == Value::SingleQuotedString("{}".to_owned()))
        {
            *arg = call(functions::EmptyLike::NAME, vec![first.clone(), take(arg)]);
        }
    }
}

/// Functions are in no schema here.
fn without_schema(name: &mut ObjectName) {
    let parts = name.0.len();
    let is_system = parts >= 2
        && matches!(
            name.0
                .get(parts - 2)
                .and_then(ObjectNamePart::as_ident)
                .map(ast::normalized)
                .as_deref(),
            Some("pg_catalog" | "information_schema")
        );
    if is_system {
        name.0.drain(..parts - 1);
    }
}
