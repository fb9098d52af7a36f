//! The environment variables with which Claude Code sends OpenTelemetry to netsky.

use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::entries::is_object;
use super::error::HookError;
use super::json_text::JsonText;
use super::telemetry::{ENDPOINT, Telemetry};

const ENDPOINT_KEY: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What `env` in the settings must have. Without tool details, all calls of MCP servers have one name.
/// Prompts are not sent: `OTEL_LOG_USER_PROMPTS` is the user's choice.
pub(super) const VARIABLES: [(&str, &str); 6] = [
    ("CLAUDE_CODE_ENABLE_TELEMETRY", "1"),
    ("OTEL_LOGS_EXPORTER", "otlp"),
    ("OTEL_METRICS_EXPORTER", "otlp"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    (ENDPOINT_KEY, ENDPOINT),
    ("OTEL_LOG_TOOL_DETAILS", "1"),
];

/// An object of all variables, in their order.
struct Environment;

impl Serialize for Environment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(VARIABLES)
    }
}

pub(super) fn state(settings: &JsonText) -> Telemetry {
    let found: Vec<Option<bool>> = VARIABLES
        .iter()
        .map(|(key, wanted)| settings.value(&["env", key]).map(|value| is_value(&value, wanted)))
        .collect();
    if found.iter().all(|variable| *variable == Some(true)) {
        Telemetry::On
    } else if settings.value(&["env", ENDPOINT_KEY]).is_some() {
        Telemetry::Other
    } else {
        Telemetry::Off
    }
}

/// Adds the variables that are missing.
pub(super) fn add(settings: &mut JsonText, path: &Path) -> Result<(), HookError> {
    if settings.node(&["env"]).is_none() {
        settings.insert(&[], "env", &Environment);
        return Ok(());
    }
    is_object(settings, &["env"], "env").map_err(|reason| HookError::invalid(path, reason))?;
    for (key, wanted) in VARIABLES {
        match settings.value(&["env", key]) {
            Some(found) if is_value(&found, wanted) => {}
            Some(found) => {
                return Err(HookError::Conflict {
                    path: path.to_owned(),
                    key: format!("env.{key}"),
                    found: found.to_string(),
                    wanted: format!("\"{wanted}\""),
                });
            }
            None => settings.insert(&["env"], key, &wanted),
        }
    }
    Ok(())
}

/// Removes the variables whose values are still netsky's, and `env` if that leaves it empty. With another
/// endpoint, all of them serve another program and stay.
pub(super) fn remove(settings: &mut JsonText) {
    let is_ours = |settings: &JsonText, key: &str, wanted: &str| {
        settings.value(&["env", key]).is_some_and(|found| is_value(&found, wanted))
    };
    if !is_ours(settings, ENDPOINT_KEY, ENDPOINT) {
        return;
    }
    for (key, wanted) in VARIABLES {
        if is_ours(settings, key, wanted) {
            settings.remove(&["env", key]);
        }
    }
    if settings.node(&["env"]).is_some_and(|env| env.item_spans().is_empty()) {
        settings.remove(&["env"]);
    }
}

/// Whether a variable has the value. Numbers are accepted, too, because their text is passed on.
fn is_value(found: &Value, wanted: &str) -> bool {
    match found {
        Value::String(found) => found == wanted,
        Value::Number(found) => found.to_string() == wanted,
        _ => false,
    }
}
