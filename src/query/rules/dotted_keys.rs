//! Reads the key `'a.b'` of JSON as a path if the object has no such key.
//!
//! Other systems write paths with dots. Here `'a.b'` was only a key, and a path that was written like
//! this returned NULL for each row. Whether an object has the key is known only for each row.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ScalarUDF, when};
use datafusion_functions_json::udfs::json_contains_udf;

use crate::query::json_path::JsonPath;
use crate::query::rules::rewrite::ExpressionRewrite;

/// The functions whose arguments after the first are the steps of a path. `->` and `->>` are two of
/// them.
const TAKE_STEPS: [&str; 9] = [
    "json_get",
    "json_get_str",
    "json_get_int",
    "json_get_float",
    "json_get_bool",
    "json_get_json",
    "json_get_array",
    "json_as_text",
    "json_length",
];

/// Each key with dots doubles the expression.
const MAX_KEYS: usize = 3;

/// Looks up such keys, and then the path.
pub(super) const DOTTED_KEYS: ExpressionRewrite =
    ExpressionRewrite { name: "dotted_keys", expr: read_dotted };

fn read_dotted(expr: Expr, _: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::ScalarFunction(call) if has_dotted_keys(&call) => {
            Ok(Transformed::yes(read(&call.func, call.args, 1)?))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn has_dotted_keys(call: &ScalarFunction) -> bool {
    let keys = call.args.iter().skip(1).filter(|key| dotted(key).is_some()).count();
    TAKE_STEPS.contains(&call.name()) && (1..=MAX_KEYS).contains(&keys)
}

fn dotted(key: &Expr) -> Option<JsonPath> {
    let Expr::Literal(key, _) = key else { return None };
    key.try_as_str().flatten().and_then(JsonPath::of_dotted)
}

/// Returns the call, with a choice for each key with dots from an argument on.
fn read(function: &Arc<ScalarUDF>, args: Vec<Expr>, from: usize) -> Result<Expr> {
    let key = args.iter().enumerate().skip(from).find_map(|(at, key)| Some((at, dotted(key)?)));
    let Some((at, path)) = key else { return Ok(function.call(args)) };
    let has_key = json_contains_udf().call(args[..=at].to_vec());
    let mut steps = args.clone();
    steps.splice(at..=at, path.arguments());
    let after = at + path.arguments().count();
    when(has_key, read(function, args, at + 1)?).otherwise(read(function, steps, after)?)
}
