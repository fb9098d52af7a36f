//! The failures of commands that manage hooks.

use netsky_ingest::hooks::HookError;

use crate::failure::Failure;

/// Returns the failure of a command.
pub fn failed(error: HookError) -> Failure {
    let failure = match error {
        HookError::NoProjectScope => Failure::usage(error.to_string()),
        _ => Failure::input(error.to_string()),
    };
    failure.with_hint(error.hint().unwrap_or_default())
}
