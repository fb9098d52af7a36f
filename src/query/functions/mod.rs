//! SQL functions that sessions have in addition to DataFusion's.

mod json_paths;

use datafusion::common::Result;
use datafusion::execution::session_state::SessionState;

/// Adds the functions to a session that has those of DataFusion and of `datafusion-functions-json`.
pub(super) fn register(session: &mut SessionState) -> Result<()> {
    json_paths::register(session)
}
