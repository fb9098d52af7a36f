//! Aggregates of SQLite, DuckDB and PostgreSQL.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions::{core, math};
use datafusion::functions_aggregate::approx_percentile_cont::approx_percentile_cont_udaf;
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::functions_aggregate::string_agg::string_agg_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_nested::array_product::array_product_udf;
use datafusion::functions_nested::extract::array_element_udf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::planner::RawAggregateExpr;
use datafusion::logical_expr::{AggregateUDF, Expr, SortExpr, and, cast, when};
use datafusion::prelude::lit;

use crate::query::functions::function::{Function, Make, aggregate};
use crate::query::functions::list_functions::{self, text_of_union};
use crate::query::functions::planned_aggregate::Plan;

const fn planned(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    example: &'static str,
    answer: &'static str,
    plan: Plan,
) -> Function {
    aggregate(name, signature, doc, example, answer, Make::Aggregate(plan))
}

pub(super) const FUNCTIONS: &[Function] = &[
    planned(
        "group_concat",
        "group_concat([DISTINCT] x [, separator] [ORDER BY ...])",
        "The texts of a group, joined; the separator is ',' unless given.",
        "SELECT group_concat(x, '-') FROM (VALUES ('b'), ('a'), (NULL)) AS t(x)",
        "b-a",
        joined,
    ),
    planned(
        "listagg",
        "listagg([DISTINCT] x [, separator] [ORDER BY ...])",
        "As group_concat.",
        "SELECT listagg(x, '-' ORDER BY x) FROM (VALUES ('b'), ('a')) AS t(x)",
        "a-b",
        joined,
    ),
    aggregate(
        "string_agg",
        "string_agg([DISTINCT] x [, separator] [ORDER BY ...])",
        "As group_concat.",
        "SELECT string_agg(x) FROM (VALUES ('b'), ('a')) AS t(x)",
        "\"b,a\"",
        Make::Present,
    ),
    planned(
        "count_if",
        "count_if(condition)",
        "How many rows meet a condition.",
        "SELECT count_if(x > 1) FROM (VALUES (1), (2), (3)) AS t(x)",
        "2",
        count_if,
    ),
    planned(
        "countif",
        "countif(condition)",
        "As count_if.",
        "SELECT countif(x > 1) FROM (VALUES (1), (2), (3)) AS t(x)",
        "2",
        count_if,
    ),
    aggregate(
        "first",
        "first(x [ORDER BY ...])",
        "The first value of a group.",
        "SELECT first(x ORDER BY y) FROM (VALUES ('b', 2), ('a', 1)) AS t(x, y)",
        "a",
        Make::Alias("first_value"),
    ),
    aggregate(
        "last",
        "last(x [ORDER BY ...])",
        "The last value of a group.",
        "SELECT last(x ORDER BY y) FROM (VALUES ('b', 2), ('a', 1)) AS t(x, y)",
        "b",
        Make::Alias("last_value"),
    ),
    planned(
        "arg_max",
        "arg_max(x, by)",
        "The x of the row with the largest value of by.",
        "SELECT arg_max(x, y) FROM (VALUES ('b', 2), ('a', 1)) AS t(x, y)",
        "b",
        |call| extreme(call, false),
    ),
    planned(
        "arg_min",
        "arg_min(x, by)",
        "The x of the row with the smallest value of by.",
        "SELECT arg_min(x, y) FROM (VALUES ('b', 2), ('a', 1)) AS t(x, y)",
        "a",
        |call| extreme(call, true),
    ),
    planned(
        "max_by",
        "max_by(x, by)",
        "As arg_max.",
        "SELECT max_by(x, y) FROM (VALUES ('b', 2), ('a', 1)) AS t(x, y)",
        "b",
        |call| extreme(call, false),
    ),
    planned(
        "min_by",
        "min_by(x, by)",
        "As arg_min.",
        "SELECT min_by(x, y) FROM (VALUES ('b', 2), ('a', 1)) AS t(x, y)",
        "a",
        |call| extreme(call, true),
    ),
    planned(
        "mode",
        "mode(x)",
        "The most frequent value; the first of several.",
        "SELECT mode(x) FROM (VALUES (2), (1), (1)) AS t(x)",
        "1",
        mode,
    ),
    planned(
        "quantile",
        "quantile(x, fraction)",
        "As quantile_disc.",
        "SELECT quantile(x, 0.5) FROM (VALUES (1), (2), (3), (4)) AS t(x)",
        "2",
        quantile,
    ),
    planned(
        "quantile_disc",
        "quantile_disc(x, fraction)",
        "The value that a fraction of the values does not exceed.",
        "SELECT quantile_disc(x, 0.75) FROM (VALUES (1), (2), (3), (4)) AS t(x)",
        "3",
        quantile,
    ),
    planned(
        "percentile_disc",
        "percentile_disc(fraction) WITHIN GROUP (ORDER BY x)",
        "As quantile_disc, in PostgreSQL's spelling.",
        "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x) FROM (VALUES (1), (2), (3), (4)) AS t(x)",
        "2",
        quantile,
    ),
    planned(
        "approx_quantile",
        "approx_quantile(x, fraction)",
        "An estimate of a quantile, in little memory.",
        "SELECT approx_quantile(x, 0.5) FROM (VALUES (1), (2), (3)) AS t(x)",
        "2.0",
        approx_quantile,
    ),
    aggregate(
        "approx_count_distinct",
        "approx_count_distinct(x)",
        "An estimate of how many different values there are.",
        "SELECT approx_count_distinct(x) FROM (VALUES (1), (2), (2)) AS t(x)",
        "2",
        Make::Alias("approx_distinct"),
    ),
    planned(
        "histogram",
        "histogram(x)",
        "How often each value occurs, as a map.",
        "SELECT histogram(x) FROM (VALUES (2), (1), (1)) AS t(x)",
        "\"{1: 2, 2: 1}\"",
        histogram,
    ),
    planned(
        "total",
        "total(x)",
        "The sum as a float; 0.0 without rows.",
        "SELECT total(x) FROM (SELECT 1 AS x UNION ALL SELECT 2)",
        "3.0",
        total,
    ),
    planned(
        "product",
        "product(x)",
        "The product of the values.",
        "SELECT product(x) FROM (VALUES (2), (3)) AS t(x)",
        "6.0",
        product,
    ),
    aggregate(
        "every",
        "every(condition)",
        "Whether all rows meet a condition.",
        "SELECT every(x > 0) FROM (VALUES (1), (2)) AS t(x)",
        "true",
        Make::Alias("bool_and"),
    ),
    aggregate(
        "sum",
        "sum(x)",
        "The sum of numbers; of booleans how many are true; of texts the sum of the numbers they are.",
        "SELECT sum(x > 1) FROM (VALUES (1), (2), (3)) AS t(x)",
        "2",
        Make::Present,
    ),
    aggregate(
        "avg",
        "avg(x)",
        "The mean of numbers; of booleans the share that is true.",
        "SELECT avg(x) FROM (VALUES (1), (2)) AS t(x)",
        "1.5",
        Make::Present,
    ),
    planned(
        "json_group_array",
        "json_group_array(x)",
        "A JSON array of the values of a group.",
        "SELECT json_group_array(x) FROM (VALUES ('a'), ('b')) AS t(x)",
        "\"[\"\"a\"\",\"\"b\"\"]\"",
        json_group_array,
    ),
    planned(
        "json_group_object",
        "json_group_object(key, value)",
        "A JSON object of the keys and values of a group.",
        "SELECT json_group_object(k, v) FROM (VALUES ('a', 1), ('b', 2)) AS t(k, v)",
        "\"{\"\"a\"\":1,\"\"b\"\":2}\"",
        json_group_object,
    ),
];

/// The arguments of a call, which must be as many as the names.
fn arguments<const N: usize>(call: &RawAggregateExpr, names: [&str; N]) -> Result<[Expr; N]> {
    match <[Expr; N]>::try_from(call.args.clone()) {
        Ok(args) => Ok(args),
        Err(args) => plan_err!(
            "{}() takes {N} argument{}, {}; found {}",
            call.func.name(),
            if N == 1 { "" } else { "s" },
            names.join(" and "),
            args.len()
        ),
    }
}

/// A call of another aggregate over the same rows.
fn call_of(
    func: Arc<AggregateUDF>,
    args: Vec<Expr>,
    call: &RawAggregateExpr,
    order_by: Vec<SortExpr>,
) -> AggregateFunction {
    AggregateFunction::new_udf(func, args, call.distinct, call.filter.clone(), order_by, None)
}

/// Leaves out rows in which an expression is NULL.
fn where_not_null(call: &RawAggregateExpr, exprs: &[&Expr]) -> Option<Box<Expr>> {
    let known = exprs.iter().map(|expr| (*expr).clone().is_not_null());
    call.filter.iter().map(|filter| filter.as_ref().clone()).chain(known).reduce(and).map(Box::new)
}

/// A list of the values that are not NULL.
fn list_of(call: &RawAggregateExpr, value: &Expr, order_by: Vec<SortExpr>) -> Expr {
    let mut list = call_of(array_agg_udaf(), vec![value.clone()], call, order_by);
    list.params.filter = where_not_null(call, &[value]);
    Expr::AggregateFunction(list)
}

fn joined(call: RawAggregateExpr) -> Result<Expr> {
    let args = match call.args.as_slice() {
        [text] => vec![text.clone(), lit(",")],
        [_, _] => call.args.clone(),
        args => {
            return plan_err!(
                "{}() takes 1 or 2 arguments, found {}",
                call.func.name(),
                args.len()
            );
        }
    };
    let order_by = call.order_by.clone();
    Ok(Expr::AggregateFunction(call_of(string_agg_udaf(), args, &call, order_by)))
}

fn count_if(call: RawAggregateExpr) -> Result<Expr> {
    let [condition] = arguments(&call, ["a condition"])?;
    let one = when(cast(condition, DataType::Boolean), lit(1_i64)).end()?;
    Ok(Expr::AggregateFunction(call_of(count_udaf(), vec![one], &call, Vec::new())))
}

fn extreme(call: RawAggregateExpr, ascending: bool) -> Result<Expr> {
    let [value, by] = arguments(&call, ["a value", "what it is chosen by"])?;
    let order_by = vec![by.clone().sort(ascending, false)];
    let mut first = call_of(first_value_udaf(), vec![value.clone()], &call, order_by);
    first.params.filter = where_not_null(&call, &[&value, &by]);
    first.params.distinct = false;
    Ok(Expr::AggregateFunction(first))
}

fn mode(call: RawAggregateExpr) -> Result<Expr> {
    // WITHIN GROUP and an inner ORDER BY put the sorted expression first.
    let Some(value) = call.args.first() else { return plan_err!("mode() takes 1 argument") };
    let order_by = call.order_by.clone();
    Ok(list_functions::mode().into_udf().call(vec![list_of(&call, value, order_by)]))
}

fn quantile(call: RawAggregateExpr) -> Result<Expr> {
    let [value, fraction] = arguments(&call, ["a value", "a fraction"])?;
    if let Expr::Literal(fraction, _) = &fraction
        && let ScalarValue::Float64(Some(number)) = fraction.cast_to(&DataType::Float64)?
        && !(0.0..=1.0).contains(&number)
    {
        return plan_err!(
            "{}(): the fraction must be from 0 to 1, found {number}",
            call.func.name()
        );
    }
    let list = list_of(&call, &value, vec![value.clone().sort(true, false)]);
    let count = Expr::AggregateFunction(call_of(count_udaf(), vec![value], &call, Vec::new()));
    let place = cast(fraction, DataType::Float64) * cast(count, DataType::Float64);
    let place = cast(math::ceil().call(vec![place]), DataType::Int64);
    let place = core::greatest().call(vec![lit(1_i64), place]);
    Ok(array_element_udf().call(vec![list, place]))
}

fn approx_quantile(call: RawAggregateExpr) -> Result<Expr> {
    let [value, fraction] = arguments(&call, ["a value", "a fraction"])?;
    let args = vec![value, fraction];
    Ok(Expr::AggregateFunction(call_of(approx_percentile_cont_udaf(), args, &call, Vec::new())))
}

fn histogram(call: RawAggregateExpr) -> Result<Expr> {
    let [value] = arguments(&call, ["a value"])?;
    Ok(list_functions::histogram().into_udf().call(vec![list_of(&call, &value, Vec::new())]))
}

fn total(call: RawAggregateExpr) -> Result<Expr> {
    let [value] = arguments(&call, ["a number"])?;
    let sum = call_of(sum_udaf(), vec![cast(value, DataType::Float64)], &call, Vec::new());
    Ok(core::coalesce().call(vec![Expr::AggregateFunction(sum), lit(0.0)]))
}

fn product(call: RawAggregateExpr) -> Result<Expr> {
    let [value] = arguments(&call, ["a number"])?;
    let list = list_of(&call, &cast(value, DataType::Float64), Vec::new());
    Ok(array_product_udf().call(vec![list]))
}

/// Returns a value of `->` as the JSON that it is.
fn json_of(value: Expr) -> Expr {
    match value.clone().unalias() {
        Expr::ScalarFunction(call) if call.name() == "json_get" => text_of_union(value, true),
        _ => value,
    }
}

/// NULLs are elements of JSON arrays.
fn json_group_array(call: RawAggregateExpr) -> Result<Expr> {
    let [value] = arguments(&call, ["a value"])?;
    let is_json = list_functions::is_json(&value);
    let value = json_of(value);
    let list = call_of(array_agg_udaf(), vec![value], &call, call.order_by.clone());
    let args = vec![Expr::AggregateFunction(list), lit(is_json)];
    Ok(core::coalesce().call(vec![list_functions::json_array().into_udf().call(args), lit("[]")]))
}

fn json_group_object(call: RawAggregateExpr) -> Result<Expr> {
    let [key, value] = arguments(&call, ["a key", "a value"])?;
    let is_json = list_functions::is_json(&value);
    let value = json_of(value);
    let order_by = call.order_by.clone();
    let pair = core::named_struct().call(vec![lit("key"), key.clone(), lit("value"), value]);
    let mut pairs = call_of(array_agg_udaf(), vec![pair], &call, order_by);
    pairs.params.filter = where_not_null(&call, &[&key]);
    let args = vec![Expr::AggregateFunction(pairs), lit(is_json)];
    Ok(core::coalesce().call(vec![list_functions::json_object().into_udf().call(args), lit("{}")]))
}
