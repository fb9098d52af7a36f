//! Parts of syntax trees.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, Query, Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::sqlstate::Failure;

/// Returns a call of a function.
pub fn call(function: &str, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)));
    let args = FunctionArgumentList {
        duplicate_treatment: None,
        args: args.collect(),
        clauses: Vec::new(),
    };
    Expr::Function(Function {
        name: ObjectName::from(vec![ident(function)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(args),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// An identifier that is a name as it is.
pub fn ident(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// Takes the expression out of a tree that is about to be changed.
pub fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::value(Value::Null))
}

pub fn text(value: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(value.to_owned()))
}

pub fn number(value: i64) -> Expr {
    Expr::value(Value::Number(value.to_string(), false))
}

/// The name that the planner knows an identifier by.
pub fn normalized(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// The last part of a name.
pub fn last_name(name: &ObjectName) -> Option<String> {
    name.0.last().and_then(ObjectNamePart::as_ident).map(normalized)
}

/// The parts of a name.
pub fn names(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(ObjectNamePart::as_ident).map(normalized).collect()
}

/// Parses a query that this crate has written.
pub fn query(sql: &str) -> Result<Box<Query>, Failure> {
    let parsed = Parser::new(&GenericDialect).try_with_sql(sql);
    parsed.and_then(|mut parser| parser.parse_query()).map_err(Failure::internal)
}

/// The argument of a call that has just one.
pub fn only_argument(function: &Function) -> Option<&Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))] => Some(arg),
        _ => None,
    }
}

/// Whether the expression is just a parameter.
pub fn is_parameter(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_parameter(inner),
        Expr::Value(ValueWithSpan { value, .. }) => matches!(value, Value::Placeholder(_)),
        _ => false,
    }
}
