//! Spans by the GenAI conventions, of any program: model calls, tool calls, and runs of agents.

use chrono::{DateTime, Utc};
use netsky_db::internal::Key;
use netsky_db::{CloneDispatchRecord, McpToolCallRecord, TokenUsageRecord, WatchdogEventRecord};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use super::attributes::Attributes;
use super::mapper::Mapper;
use super::time;
use super::who::Who;
use crate::shorten::{shortened, start_of};
use crate::{Detail, Row, Sighting, Via, key};

const MAX_INPUT: usize = 4_096;
const MAX_TEXT: usize = 2_048;

/// Maps a span. `all` are the spans of the resource in the request.
pub(super) fn span(
    mapper: &mut Mapper<'_>,
    span: &Span,
    all: &[&Span],
    attributes: &Attributes<'_>,
) {
    let operation = attributes.text("gen_ai.operation.name");
    let is_tool = attributes.text("mcp.method.name") == Some("tools/call");
    let map = match operation {
        Some("chat" | "text_completion" | "generate_content" | "embeddings") => call,
        Some("execute_tool") => tool,
        Some("invoke_agent" | "create_agent") => agent,
        _ if is_tool => tool,
        // Older conventions had no operation.
        None if Usage::new(attributes).is_some() => call,
        _ => return mapper.ignore("span without GenAI operation"),
    };
    let Some(start) = time::from_nanos(span.start_time_unix_nano) else {
        return mapper.reject("a span has no start");
    };
    if span.span_id.is_empty() || span.trace_id.is_empty() {
        return mapper.reject("a span has no id");
    }
    let end = time::from_nanos(span.end_time_unix_nano).unwrap_or(start).max(start);
    let session = attributes.first_name(&["gen_ai.conversation.id", "session.id"]);
    let runtime = attributes.name("service.name").unwrap_or("opentelemetry");
    let who = mapper.who(runtime, session, attributes);
    map(mapper, &Call { span, all, attributes, who, start, end });
}

/// A span of a known kind.
struct Call<'a> {
    span: &'a Span,
    all: &'a [&'a Span],
    attributes: &'a Attributes<'a>,
    who: Who,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Call<'_> {
    /// Returns the agent that made the call.
    fn agent(&self) -> &str {
        self.attributes.name("gen_ai.agent.name").unwrap_or(&self.who.agent)
    }

    /// Returns the key of the row. `id` is that of the provider, under which several layers of a program may tell
    /// of one call. It is unique in a trace only: some providers count from 0.
    fn key(&self, table: &str, id: Option<&str>) -> Key {
        let trace = hex(&self.span.trace_id);
        match id {
            Some(id) => key::telemetry(table, &[&trace, "id", id]),
            None => key::telemetry(table, &[&trace, "span", &hex(&self.span.span_id)]),
        }
    }

    fn detail(&self) -> Detail {
        let attributes = self.attributes;
        self.who
            .detail(attributes.name("gen_ai.agent.id"))
            .with("provider", attributes.first_name(&["gen_ai.provider.name", "gen_ai.system"]))
            .with("trace_id", Some(hex(&self.span.trace_id)))
            .with("span_id", Some(hex(&self.span.span_id)))
    }

    /// Returns what went wrong.
    fn error(&self) -> Option<String> {
        let status = self.span.status.as_ref();
        let status = status.filter(|status| status.code == StatusCode::Error as i32);
        let message = status.map(|status| status.message.as_str()).filter(|text| !text.is_empty());
        let error = message.or_else(|| self.attributes.text("error.type"));
        error.or(status.map(|_| "error")).map(|error| start_of(error, MAX_TEXT).to_owned())
    }

    fn push(&self, mapper: &mut Mapper<'_>, row: Row, key: Key) {
        let sighting = Sighting::new(Via::Otlp, row, [key]);
        mapper.push(&self.who, sighting, [self.start, self.end]);
    }
}

/// What a call used. The counts of the conventions include what came from a cache or went to one.
struct Usage {
    input: i64,
    output: i64,
    cached: i64,
    written: i64,
    thinking: Option<i64>,
}

impl Usage {
    fn new(attributes: &Attributes<'_>) -> Option<Self> {
        let count = |name: &str, old: &str| {
            attributes.count(&format!("gen_ai.usage.{name}")).or_else(|| attributes.count(old))
        };
        let input = count("input_tokens", "gen_ai.usage.prompt_tokens");
        let output = count("output_tokens", "gen_ai.usage.completion_tokens");
        input.or(output)?;
        let cached = count("cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens");
        let written =
            count("cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens");
        let (cached, written) = (cached.unwrap_or(0), written.unwrap_or(0));
        Some(Self {
            input: input.unwrap_or(0).saturating_sub(cached).saturating_sub(written).max(0),
            output: output.unwrap_or(0),
            cached,
            written,
            thinking: count("reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
        })
    }
}

fn call(mapper: &mut Mapper<'_>, call: &Call<'_>) {
    let attributes = call.attributes;
    let usage = Usage::new(attributes);
    let error = call.error();
    let model = attributes.first_name(&["gen_ai.response.model", "gen_ai.request.model"]);
    let detail = call
        .detail()
        .with("requested_model", attributes.name("gen_ai.request.model"))
        .with("duration_ms", time::millis_between(call.start, call.end));
    let Some(usage) = usage else {
        // It has used nothing that is known.
        return match error {
            Some(error) => failure(mapper, call, error, detail.with("model", model)),
            None => mapper.ignore("GenAI call without usage"),
        };
    };
    let response_id = attributes.name("gen_ai.response.id");
    let detail = detail
        .with("response_id", response_id)
        .with("cache_write_5m_tokens", (usage.written > 0).then_some(usage.written))
        .with("thinking_tokens", usage.thinking)
        .with("error", error);
    let record = TokenUsageRecord {
        ts_utc: call.start,
        session_id: call.who.session_id(),
        agent: Some(call.agent()),
        model,
        input_tokens: Some(usage.input),
        output_tokens: Some(usage.output),
        cached_input_tokens: Some(usage.cached),
        cost_usd_micros: None,
        detail_json: None,
    };
    call.push(mapper, Row::new(&record, detail), call.key("token_usage", response_id));
}

fn failure(mapper: &mut Mapper<'_>, call: &Call<'_>, error: String, detail: Detail) {
    let keep = !mapper.lookup.options().without_content;
    let record = WatchdogEventRecord {
        ts_utc: call.end,
        event: "api_error",
        agent: Some(call.agent()),
        severity: Some("error"),
        status: Some("failed"),
        detail_json: None,
    };
    let row = Row::new(&record, detail.with("error", keep.then_some(error)));
    call.push(mapper, row, call.key("watchdog_events", None));
}

fn tool(mapper: &mut Mapper<'_>, call: &Call<'_>) {
    let attributes = call.attributes;
    let keep = !mapper.lookup.options().without_content;
    let id = attributes.name("gen_ai.tool.call.id");
    let from_name = || {
        let name = call.span.name.as_str();
        let words = ["execute_tool ", "tools/call "];
        start_of(words.iter().find_map(|word| name.strip_prefix(word)).unwrap_or(name), 512)
    };
    let error = call.error();
    let input = attributes.json("gen_ai.tool.call.arguments").filter(|_| keep);
    let detail = call
        .detail()
        .with("tool_use_id", id)
        .with("input", input.map(|input| shortened(&input, MAX_INPUT)));
    let output = attributes.json("gen_ai.tool.call.result");
    let response = output.map(|output| {
        let bytes = output.as_str().map_or_else(|| output.to_string().len(), str::len);
        let text = keep.then(|| shortened(&output, MAX_TEXT));
        serde_json::json!({ "bytes": bytes, "result": text }).to_string()
    });
    let record = McpToolCallRecord {
        ts_utc_start: call.start,
        ts_utc_end: Some(call.end),
        source: attributes.first_name(&["mcp.server.name", "server.address"]).unwrap_or("builtin"),
        tool: attributes.name("gen_ai.tool.name").unwrap_or_else(from_name),
        agent: Some(call.agent()),
        duration_ms: time::millis_between(call.start, call.end),
        success: error.is_none(),
        error: error.as_deref().filter(|_| keep),
        timeout_race: false,
        request_json: None,
        response_json: response.as_deref(),
    };
    call.push(mapper, Row::new(&record, detail), call.key("mcp_tool_calls", id));
}

fn agent(mapper: &mut Mapper<'_>, call: &Call<'_>) {
    // The run of an agent in that of another one is a dispatch; others are the session itself. One whose parent
    // comes in a later request cannot be told from those.
    if !is_nested(call) {
        return mapper.touch(&call.who, [call.start, call.end]);
    }
    let attributes = call.attributes;
    let span_id = hex(&call.span.span_id);
    let error = call.error();
    let record = CloneDispatchRecord {
        ts_utc_start: call.start,
        ts_utc_end: Some(call.end),
        agent_id: attributes.first_name(&["gen_ai.agent.id"]).unwrap_or(&span_id),
        runtime: Some(call.who.runtime()),
        brief_path: None,
        brief: None,
        workspace: None,
        branch: None,
        status: Some(if error.is_none() { "completed" } else { "failed" }),
        exit_code: None,
        detail_json: None,
    };
    let detail = call
        .detail()
        .with("agent", Some(call.agent()))
        .with("description", attributes.name("gen_ai.agent.description"))
        .with("error", error);
    call.push(mapper, Row::new(&record, detail), call.key("clone_dispatches", None));
}

fn is_nested(call: &Call<'_>) -> bool {
    let mut span = call.span;
    // The parents of a broken request can go in a circle.
    for _ in 0..64 {
        let parent = call.all.iter().find(|parent| {
            !span.parent_span_id.is_empty()
                && parent.span_id == span.parent_span_id
                && parent.trace_id == span.trace_id
        });
        let Some(parent) = parent else { return false };
        span = parent;
        let operation = Attributes::new(&span.attributes, &[]).text("gen_ai.operation.name");
        if operation == Some("invoke_agent") {
            return true;
        }
    }
    false
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(16).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
