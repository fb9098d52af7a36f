//! Log records: which event each of them is.

use chrono::{DateTime, Utc};
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::agent::who;
use super::event::Event;
use super::{call, dispatch, message, tool, watchdog};
use crate::otlp::attributes::Attributes;
use crate::otlp::mapper::Mapper;
use crate::otlp::time;

/// Returns the name of an event without its prefix, if it is one of Claude Code.
pub(in crate::otlp) fn event_name<'a>(
    name: &'a str,
    record: &'a LogRecord,
    attributes: &Attributes<'_>,
) -> Option<&'a str> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    if let Some(name) = name.strip_prefix("claude_code.") {
        return Some(name);
    }
    let body = record.body.as_ref().and_then(|body| body.value.as_ref());
    let is_claude = matches!(body, Some(Value::StringValue(text)) if text.starts_with("claude_code."))
        || attributes.text("service.name") == Some("claude-code");
    is_claude.then_some(name)
}

/// Maps a log record.
pub(in crate::otlp) fn log(
    mapper: &mut Mapper<'_>,
    name: &str,
    record: &LogRecord,
    attributes: &Attributes<'_>,
) {
    let map = match name {
        "api_request" => call::map,
        "tool_result" => tool::map,
        "user_prompt" => message::prompt,
        "assistant_response" => message::answer,
        "subagent_completed" => dispatch::map,
        _ if watchdog::is_mapped(name, attributes) => watchdog::map,
        _ => return mapper.ignore(name),
    };
    let Some(time) = time_of(record, attributes) else {
        return mapper.reject("a log record has no time");
    };
    let event = Event { name, time, attributes, who: who(mapper, attributes), record };
    if let Err(reason) = map(mapper, &event) {
        mapper.reject(reason);
    }
}

fn time_of(record: &LogRecord, attributes: &Attributes<'_>) -> Option<DateTime<Utc>> {
    time::from_nanos(record.time_unix_nano)
        .or_else(|| attributes.name("event.timestamp").and_then(time::from_text))
        .or_else(|| time::from_nanos(record.observed_time_unix_nano))
}
