//! Sessions that plan and run what another session has analyzed and optimized, in another process perhaps.

use std::sync::Arc;

use datafusion::execution::session_state::SessionState;
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};

use crate::error::Result;
use crate::query::functions;
use crate::query::rules;
use crate::query::session::base_state;
use crate::query::time_text;

/// Returns a session without tables for plans that a session of this crate has optimized.
///
/// - It changes no logical plan, so what runs is what was optimized, with the rules and the time of that session.
/// - Apart from scans, it plans operators of DataFusion only, which can be sent to another process.
/// - Under its name, it has each function that is in such a plan. A session for SQL has others of these names, which
///   it replaces while it plans, and it plans some functions that cannot be called by name.
///
/// # Errors
///
/// Those of DataFusion.
pub fn session_for_optimized_plans() -> Result<SessionState> {
    let state = base_state(None)?;
    let mut state = SessionStateBuilder::new_from_existing(state)
        .with_analyzer_rules(Vec::new())
        .with_optimizer_rules(Vec::new())
        .with_physical_optimizer_rules(rules::physical_rules())
        .build();
    let replaced: Vec<_> = state.scalar_functions().values().filter_map(time_text::inner).collect();
    for function in replaced {
        state.register_udf(function)?;
    }
    let replaced = state.aggregate_functions().values().filter_map(functions::inner_aggregate);
    for aggregate in replaced.collect::<Vec<_>>() {
        state.register_udaf(aggregate)?;
    }
    let unnamed = functions::planned().into_iter().chain([time_text::stored_time()]);
    for function in unnamed.chain([rules::or_null(), rules::set_apart(), rules::unknown()]) {
        state.register_udf(Arc::new(function))?;
    }
    Ok(state)
}
