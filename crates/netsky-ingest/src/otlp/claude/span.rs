//! Spans. The events tell the same of a call, and more; a span has the same keys, so that it adds a call only if
//! the events are turned off.

use netsky_db::McpToolCallRecord;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::agent::{agent_of, who};
use super::call::Usage;
use crate::otlp::attributes::Attributes;
use crate::otlp::mapper::Mapper;
use crate::otlp::time;
use crate::shorten::start_of;
use crate::{Row, Sighting, Via, key};

/// Maps a span. `name` is without `claude_code.`, and `all` are the spans of the request.
pub(in crate::otlp) fn span(
    mapper: &mut Mapper<'_>,
    name: &str,
    span: &Span,
    all: &[&Span],
    attributes: &Attributes<'_>,
) {
    let mapped = match name {
        // Without an id, it could be any call that an event has told of.
        "llm_request" if attributes.name("request_id").is_some() => call(mapper, span, attributes),
        "tool" if attributes.name("tool_use_id").is_some() => tool(mapper, span, all, attributes),
        name => return mapper.ignore(name),
    };
    if let Err(reason) = mapped {
        mapper.reject(reason);
    }
}

fn call(
    mapper: &mut Mapper<'_>,
    span: &Span,
    attributes: &Attributes<'_>,
) -> Result<(), &'static str> {
    let [start, end] = times(span)?;
    let request_id = attributes.name("request_id").ok_or("a model call has no id")?;
    // A call that failed has used nothing.
    let Some(usage) = Usage::new(attributes) else {
        mapper.ignore("llm_request without usage");
        return Ok(());
    };
    let who = who(mapper, attributes);
    let agent_id = attributes.name("agent_id");
    let agent = agent_of(mapper, &who, agent_id);
    let detail = usage
        .detail(who.detail(agent_id), attributes)
        .with("stop_reason", attributes.name("stop_reason"))
        .with("subagent", Some(agent_id.is_some()));
    let row = usage.row(&who, &agent, start, detail);
    mapper.push(&who, Sighting::new(Via::Otlp, row, [key::request(request_id)]), [start, end]);
    Ok(())
}

fn tool(
    mapper: &mut Mapper<'_>,
    span: &Span,
    all: &[&Span],
    attributes: &Attributes<'_>,
) -> Result<(), &'static str> {
    let [start, end] = times(span)?;
    let id = attributes.name("tool_use_id").ok_or("a tool call has no id")?;
    let name = attributes.name("tool_name").ok_or("a tool call has no name")?;
    let who = who(mapper, attributes);
    let agent_id = attributes.name("agent_id");
    let agent = agent_of(mapper, &who, agent_id);
    // The span of the call includes the wait for a permission, and does not tell whether it succeeded.
    let run = all.iter().find(|other| {
        other.parent_span_id == span.span_id
            && other.trace_id == span.trace_id
            && other.name == "claude_code.tool.execution"
    });
    let run_attributes = run.map(|run| Attributes::new(&run.attributes, &[]));
    let success = run_attributes.and_then(|run| run.flag("success"));
    let keep = !mapper.lookup.options().without_content;
    let error = run_attributes.and_then(|run| run.text("error")).filter(|_| keep);
    let (server, tool) = match name.strip_prefix("mcp__").and_then(|name| name.split_once("__")) {
        Some((server, tool)) => (server, tool),
        None => ("builtin", name),
    };
    let record = McpToolCallRecord {
        ts_utc_start: start,
        // Without the span of its run, it counts as running: that it succeeded could not be taken back.
        ts_utc_end: success.map(|_| end),
        source: server,
        tool,
        agent: Some(&agent),
        duration_ms: run_attributes.and_then(|run| run.count("duration_ms")),
        success: success.unwrap_or(false),
        error: error.map(|error| start_of(error, 2_048)),
        timeout_race: false,
        request_json: None,
        response_json: None,
    };
    let detail = who.detail(agent_id).with("tool_use_id", Some(id));
    let row = Row::new(&record, detail);
    mapper.push(&who, Sighting::new(Via::Otlp, row, [key::tool_call(id)]), [start, end]);
    Ok(())
}

fn times(span: &Span) -> Result<[chrono::DateTime<chrono::Utc>; 2], &'static str> {
    let start = time::from_nanos(span.start_time_unix_nano).ok_or("a span has no start")?;
    let end = time::from_nanos(span.end_time_unix_nano).unwrap_or(start);
    Ok([start, end.max(start)])
}
