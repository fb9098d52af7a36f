//! SQL functions that sessions have in addition to DataFusion's: those of SQLite, DuckDB and
//! PostgreSQL that people write.
//!
//! One table, [`FUNCTIONS`](table::FUNCTIONS), drives what is registered, listed, documented, tested
//! and suggested. A function is one of three things: an expression of DataFusion's functions, which
//! the optimizer knows ([`scalar`], [`planned_aggregate`]); another name of one; or a kernel here.

mod aggregates;
mod call;
mod date_math;
mod date_parts;
mod date_trunc;
mod function;
mod glob;
mod json;
mod json_each;
mod json_path_arguments;
mod json_paths;
mod json_text;
mod json_value;
mod list;
mod list_functions;
mod missing;
mod number_aggregates;
mod params;
mod planned_aggregate;
mod postgres_format;
mod postgres_part;
mod preimage;
mod printf;
mod regexp_extract_all;
mod scalar;
mod sqlite_times;
mod table;
mod text;
mod text_arithmetic;
mod text_builder;
mod time_format;
mod time_rewrites;
mod time_value;
mod to_char;
mod values;

use std::sync::Arc;

use datafusion::common::{Result, plan_err};
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::planner::ExprPlanner;

use function::Make;
use planned_aggregate::{AggregatePlanner, PlannedAggregate};
use scalar::Scalar;
use text_arithmetic::TextArithmetic;

pub use function::{Category, Function};
pub(super) use json_each::{COLUMNS as JSON_EACH_COLUMNS, list_function as json_list_function};
pub use list::ListedFunction;
pub(super) use list::functions_of;
pub(super) use number_aggregates::inner_aggregate;
pub use table::FUNCTIONS;

const TEXT_FUNCTIONS: [&str; 9] = [
    "glob",
    "hex",
    "len",
    "md5",
    "printf",
    "quote",
    "regexp_extract",
    "regexp_full_match",
    "sha256",
];

/// Adds the functions to a session that has those of DataFusion and of `datafusion-functions-json`.
/// Functions that are replaced by name must be replaced later, because they then keep the aliases.
pub(super) fn register(session: &mut SessionState) -> Result<()> {
    for function in &table::FUNCTIONS {
        match function.make {
            Make::Scalar(make) => {
                session.register_udf(Arc::new(make().into_udf()))?;
            }
            Make::Aggregate(plan) => {
                session.register_udaf(Arc::new(PlannedAggregate::udaf(function.name, plan)))?;
            }
            Make::Alias(of) => alias(session, function.name, of)?,
            Make::Table(make) => session.register_udtf(function.name, make()),
            Make::Present | Make::Missing => {}
        }
    }
    date_trunc::register(session)?;
    json_each::register(session)?;
    number_aggregates::register(session)?;
    time_rewrites::register(session)?;
    json_paths::register(session)
}

/// The functions that calls are planned as, and that are not registered.
pub(super) fn planned() -> Vec<ScalarUDF> {
    let of_lists = [
        list_functions::mode(),
        list_functions::histogram(),
        list_functions::json_array(),
        list_functions::json_object(),
    ];
    let of_json = ["json_array", "json_object"].into_iter().filter_map(json::with_json);
    of_lists.into_iter().chain(of_json).map(Scalar::into_udf).collect()
}

/// Returns a session of DataFusion with the functions, for tests.
///
/// # Errors
///
/// DataFusion lacks a function that others are aliases of.
pub fn with_functions(mut builder: SessionStateBuilder) -> Result<SessionState> {
    builder.expr_planners().get_or_insert_default().splice(0..0, planners());
    let mut session = builder.build();
    register(&mut session)?;
    Ok(session)
}

/// Returns the planners of calls and operators. They must come before others.
pub(super) fn planners() -> [Arc<dyn ExprPlanner>; 2] {
    [Arc::new(AggregatePlanner), Arc::new(TextArithmetic)]
}

/// The functions of texts that take a time as the text that is stored.
pub(super) fn text_functions() -> impl Iterator<Item = &'static str> {
    TEXT_FUNCTIONS.into_iter()
}

fn alias(session: &mut SessionState, name: &'static str, of: &str) -> Result<()> {
    if let Ok(function) = session.udf(of) {
        session.register_udf(Arc::new(function.as_ref().clone().with_aliases([name])))?;
        return Ok(());
    }
    let Ok(function) = session.udaf(of) else {
        return plan_err!("{name} is an alias of {of}, which does not exist");
    };
    session.register_udaf(Arc::new(function.as_ref().clone().with_aliases([name])))?;
    // Over a window, `first_value` is another function.
    if let Ok(function) = session.udwf(of) {
        session.register_udwf(Arc::new(function.as_ref().clone().with_aliases([name])))?;
    }
    Ok(())
}
