//! Events for the watchdog: failures, refusals, and changes of how much an agent may do.

use netsky_db::WatchdogEventRecord;

use super::agent::agent_of;
use super::event::Event;
use crate::otlp::attributes::Attributes;
use crate::otlp::mapper::Mapper;
use crate::shorten::start_of;
use crate::{Row, Sighting, Via, key};

/// Whether an event gives a row. The errors of hooks that run at the end of a turn are in the transcript, and
/// nothing says which they are.
pub(super) fn is_mapped(name: &str, attributes: &Attributes<'_>) -> bool {
    match name {
        "api_error" | "api_retries_exhausted" | "internal_error" | "permission_mode_changed" => {
            true
        }
        "tool_decision" => attributes.text("decision") == Some("reject"),
        "mcp_server_connection" => attributes.text("status") == Some("failed"),
        "hook_execution_complete" => {
            attributes.count("num_non_blocking_error").is_some_and(|errors| errors > 0)
                && attributes.text("hook_event") != Some("Stop")
        }
        _ => false,
    }
}

pub(super) fn map(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let (attributes, who) = (event.attributes, &event.who);
    let (name, severity, status) = match event.name {
        "tool_decision" => ("permission_denied", "warning", None),
        "mcp_server_connection" => ("mcp_error", "warning", Some("failed")),
        "hook_execution_complete" => ("hook_error", "warning", None),
        "permission_mode_changed" => ("permission_mode_changed", "info", None),
        name => (name, "error", Some("failed")),
    };
    let shared = match event.name {
        "tool_decision" => attributes.name("tool_use_id").map(key::refusal),
        "api_error" => attributes.name("request_id").map(key::failed_request),
        _ => None,
    };
    let key = shared.unwrap_or_else(|| event.key("watchdog_events"));
    let keep = !mapper.lookup.options().without_content;
    let error = attributes.text("error").filter(|_| keep).map(|error| start_of(error, 2_048));
    let detail = who
        .detail(event.agent_id())
        .with("tool_use_id", attributes.name("tool_use_id"))
        .with("tool", attributes.name("tool_name"))
        .with("decision_source", attributes.name("source"))
        .with("request_id", attributes.name("request_id"))
        .with("model", attributes.name("model"))
        .with("status", attributes.count("status_code"))
        .with("attempt", attributes.first_count(&["attempt", "total_attempts"]))
        .with("error", error)
        .with("error_type", attributes.first_name(&["error_type", "error_name"]))
        .with("mcp_server", attributes.name("server_name"))
        .with("hook", attributes.name("hook_name"))
        .with("hook_errors", attributes.count("num_non_blocking_error"))
        .with("from_mode", attributes.name("from_mode"))
        .with("to_mode", attributes.name("to_mode"));
    let agent = agent_of(mapper, who, event.agent_id());
    let record = WatchdogEventRecord {
        ts_utc: event.time,
        event: name,
        agent: Some(&agent),
        severity: Some(severity),
        status,
        detail_json: None,
    };
    let sighting = Sighting::new(Via::Otlp, Row::new(&record, detail), [key]);
    mapper.push(who, sighting, [event.time, event.time]);
    Ok(())
}
