//! JSONPath in the functions and operators that take keys: `json_get_str(x, '$.a.b')` and
//! `x->>'$.a'`.
//!
//! `datafusion-functions-json` takes each step of a path as an argument, and looks up `'$.a.b'` as a
//! key, which no object has: the answer was NULL in each row.
//!
//! It also notes which arguments of `json_object` and `json_array` are JSON, before they are computed.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use crate::query::functions::function::Make;
use crate::query::functions::json;
use crate::query::functions::json_each;
use crate::query::functions::list_functions::text_of_union;
use crate::query::functions::table::FUNCTIONS;
use crate::query::json_path::JsonPath;

/// The functions whose arguments after the first are the steps of a path.
const TAKE_STEPS: [&str; 10] = [
    "json_get",
    "json_get_str",
    "json_get_int",
    "json_get_float",
    "json_get_bool",
    "json_get_json",
    "json_get_array",
    "json_as_text",
    "json_length",
    "json_object_keys",
];

pub(super) fn register(session: &mut SessionState) -> Result<()> {
    session.register_function_rewrite(Arc::new(PathsAsSteps))
}

#[derive(Debug)]
struct PathsAsSteps;

impl FunctionRewrite for PathsAsSteps {
    fn name(&self) -> &'static str {
        "json_paths"
    }

    fn rewrite(
        &self,
        expr: Expr,
        schema: &DFSchema,
        _: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        rewrite(expr, schema)
    }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = &expr else {
        return Ok(Transformed::no(expr));
    };
    if args.iter().any(|arg| is_union(arg, schema)) && is_added(func.name()) {
        let takes_json = func.name().contains("json");
        let args = args.iter().map(|arg| match is_union(arg, schema) {
            true => text_of_union(arg.clone(), takes_json),
            false => arg.clone(),
        });
        let call = func.call(args.collect());
        return rewrite(call, schema).map(|call| Transformed::yes(call.data));
    }
    if let (Some(function), Some(marks)) = (json::with_json(func.name()), json::marks(args)) {
        let args = std::iter::once(lit(marks)).chain(args.iter().cloned()).collect();
        return Ok(Transformed::yes(function.into_udf().call(args)));
    }
    let [json, keys @ ..] = args.as_slice() else { return Ok(Transformed::no(expr)) };
    if !TAKE_STEPS.contains(&func.name()) || !keys.iter().any(|key| path(key).is_some()) {
        return Ok(Transformed::no(expr));
    }
    let steps = keys.iter().flat_map(|key| match path(key) {
        Some(path) => path.arguments().collect(),
        None => vec![key.clone()],
    });
    let args = std::iter::once(json.clone()).chain(steps).collect();
    let func = Arc::clone(func);
    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args })))
}

/// Whether a value is one of `->`, of which DataFusion has no text.
fn is_union(arg: &Expr, schema: &DFSchema) -> bool {
    match arg {
        Expr::Alias(alias) => is_union(&alias.expr, schema),
        Expr::ScalarFunction(call) => call.name() == "json_get",
        Expr::Column(_) => arg.get_type(schema).is_ok_and(|ty| matches!(ty, DataType::Union(..))),
        _ => false,
    }
}

/// Whether a function is one of this crate.
fn is_added(name: &str) -> bool {
    let mut functions = FUNCTIONS.iter();
    json_each::is_list_function(name)
        || functions
            .any(|function| function.name() == name && matches!(function.make, Make::Scalar(_)))
}

/// Returns the path that a literal is. A text that only begins with `$`, such as the key `$schema`
/// of a JSON Schema, is a key.
fn path(key: &Expr) -> Option<JsonPath> {
    let Expr::Literal(key, _) = key else { return None };
    let key = key.try_as_str()??;
    let is_path = key == "$" || key.starts_with("$.") || key.starts_with("$[");
    is_path.then(|| JsonPath::parse(key).ok()).flatten()
}
