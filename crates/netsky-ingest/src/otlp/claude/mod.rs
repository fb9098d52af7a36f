//! Telemetry of Claude Code.

mod call;
mod dispatch;
mod event;
mod message;
mod metrics;
mod span;
mod tool;

use chrono::{DateTime, Utc};
use netsky_db::internal::Key;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::attributes::Attributes;
use super::lookup::Lookup;
use super::mapper::{Mapper, Who};
use super::time;
use crate::key;

pub(super) use metrics::metrics;
pub(super) use span::span;

const RUNTIME: &str = "claude";

/// Returns the name of an event without its prefix, if it is one of Claude Code.
pub(super) fn event_name<'a>(
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

/// Notes what an event or a span tells of subagents. Only some of a subagent's tell its type.
pub(super) fn learn(attributes: &Attributes<'_>, lookup: &Lookup) {
    let Some(id) = attributes.name("agent_id") else { return };
    // `agent.builtin.general-purpose`
    let of_span = || attributes.name("query_source_safe")?.strip_prefix("agent.")?.split_once('.');
    let ty = attributes.first_name(&["agent.name", "agent_type"]);
    if let Some(ty) = ty.or_else(|| of_span().map(|(_, ty)| ty)) {
        lookup.learn_subagent(id, ty);
    }
}

/// Maps a log record.
pub(super) fn log(
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
        _ if event::is_mapped(name, attributes) => event::map,
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

/// A log record of Claude Code.
#[derive(Debug)]
struct Event<'a> {
    name: &'a str,
    /// When it was logged: when what it tells of had ended.
    time: DateTime<Utc>,
    attributes: &'a Attributes<'a>,
    who: Who,
    record: &'a LogRecord,
}

impl Event<'_> {
    /// The id of the subagent whose event it is.
    fn agent_id(&self) -> Option<&str> {
        self.attributes.name("agent_id")
    }

    /// The key of the row in a table that this event gives, if it has no other. An exporter that got no answer
    /// sends its events again.
    fn key(&self, table: &str) -> Key {
        let session = self.who.session_id().unwrap_or_default();
        let attributes = self.attributes;
        match (attributes.name("event.timestamp"), attributes.integer_text("event.sequence")) {
            (Some(timestamp), Some(sequence)) => {
                key::telemetry(table, &[session, timestamp, &sequence])
            }
            _ => {
                let times = [self.record.time_unix_nano, self.record.observed_time_unix_nano];
                let [time, observed] = times.map(|time| time.to_string());
                key::telemetry(table, &[session, self.name, &time, &observed])
            }
        }
    }
}

fn time_of(record: &LogRecord, attributes: &Attributes<'_>) -> Option<DateTime<Utc>> {
    time::from_nanos(record.time_unix_nano)
        .or_else(|| attributes.name("event.timestamp").and_then(time::from_text))
        .or_else(|| time::from_nanos(record.observed_time_unix_nano))
}

fn who(mapper: &Mapper<'_>, attributes: &Attributes<'_>) -> Who {
    mapper.who(RUNTIME, attributes.name("session.id"), attributes)
}

/// Returns the agent of a row: that of the session, or the subagent.
fn agent_of(mapper: &Mapper<'_>, who: &Who, agent_id: Option<&str>) -> String {
    match agent_id {
        None => who.agent.clone(),
        Some(id) => {
            let ty = mapper.lookup.subagent(id);
            format!("{}/{}", who.agent, ty.as_deref().unwrap_or("agent"))
        }
    }
}
