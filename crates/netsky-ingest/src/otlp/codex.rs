//! Log records of Codex.

use chrono::{DateTime, Utc};
use netsky_db::internal::Key;
use netsky_db::{
    CliInvocationRecord, Direction, McpToolCallRecord, MessageRecord, TokenUsageRecord,
    WatchdogEventRecord,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Value as Json, json};

use super::attributes::Attributes;
use super::mapper::Mapper;
use super::time;
use super::who::Who;
use crate::content_key::{codex_content, codex_prompt};
use crate::shorten::{shortened, start_of};
use crate::{Row, Sighting, Via, key, shell};

const RUNTIME: &str = "codex";
const MAX_INPUT: usize = 4_096;
const MAX_TEXT: usize = 2_048;

/// Maps a log record. `name` is without `codex.`.
pub(super) fn log(
    mapper: &mut Mapper<'_>,
    name: &str,
    record: &LogRecord,
    attributes: &Attributes<'_>,
) {
    let map = match name {
        // It is sent twice: once with the time, once with the counts.
        "sse_event" if attributes.count("output_token_count").is_some() => call,
        "tool_result" => tool,
        "tool_decision" if is_refusal(attributes) => refusal,
        "user_prompt" => prompt,
        "api_request" if is_failure(attributes) => failure,
        "conversation_starts" => start,
        name => return mapper.ignore(name),
    };
    let Some(time) = time_of(record, attributes) else {
        return mapper.reject("a log record has no time");
    };
    let Some(thread) = attributes.name("conversation.id") else {
        return mapper.reject("a log record of Codex has no conversation.id");
    };
    let who = mapper.who(RUNTIME, Some(thread), attributes);
    let event = Event { name, time, thread, attributes, who, record };
    if let Err(reason) = map(mapper, &event) {
        mapper.reject(reason);
    }
}

/// A log record.
struct Event<'a> {
    name: &'a str,
    time: DateTime<Utc>,
    thread: &'a str,
    attributes: &'a Attributes<'a>,
    who: Who,
    record: &'a LogRecord,
}

impl Event<'_> {
    /// The key of the row in a table that this event gives, if it has no other.
    fn key(&self, table: &str, value: i64) -> Key {
        let timestamp = self.attributes.name("event.timestamp").unwrap_or_default();
        let times = [self.record.time_unix_nano, self.record.observed_time_unix_nano];
        let [time, observed] = times.map(|time| time.to_string());
        let value = value.to_string();
        key::telemetry(table, &[self.thread, self.name, timestamp, &time, &observed, &value])
    }

    fn push(&self, mapper: &mut Mapper<'_>, sighting: Sighting, start: DateTime<Utc>) {
        mapper.push(&self.who, sighting, [start, self.time]);
    }
}

/// The time of the record is 0 in Codex.
fn time_of(record: &LogRecord, attributes: &Attributes<'_>) -> Option<DateTime<Utc>> {
    let timestamp = attributes.name("event.timestamp").and_then(time::from_text);
    timestamp
        .or_else(|| time::from_nanos(record.time_unix_nano))
        .or_else(|| time::from_nanos(record.observed_time_unix_nano))
}

fn is_refusal(attributes: &Attributes<'_>) -> bool {
    attributes.text("decision").is_some_and(|decision| {
        ["denied", "abort", "reject"].iter().any(|no| decision.to_ascii_lowercase().contains(no))
    })
}

fn is_failure(attributes: &Attributes<'_>) -> bool {
    attributes.count("http.response.status_code").is_some_and(|status| status >= 400)
        || attributes.text("error.message").is_some()
}

fn start(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    mapper.touch(&event.who, [event.time, event.time]);
    Ok(())
}

fn call(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let attributes = event.attributes;
    let model = attributes.first_name(&["model", "slug"]).ok_or("a model call has no model")?;
    let count = |key| attributes.count(key).unwrap_or(0);
    let (cached, written) = (count("cached_token_count"), count("cache_write_token_count"));
    let output = count("output_token_count");
    // The input includes both.
    let input = count("input_token_count").saturating_sub(cached).saturating_sub(written).max(0);
    let record = TokenUsageRecord {
        ts_utc: event.time,
        session_id: Some(event.thread),
        agent: Some(&event.who.agent),
        model: Some(model),
        input_tokens: Some(input),
        output_tokens: Some(output),
        cached_input_tokens: Some(cached),
        cost_usd_micros: None,
        detail_json: None,
    };
    let detail = (event.who.detail(None))
        .with("cache_write_5m_tokens", Some(written))
        .with("thinking_tokens", attributes.count("reasoning_token_count"))
        .with("effort", attributes.name("model_reasoning_effort"));
    let content = codex_content(event.thread, model, input, cached, written, output);
    let keys = [event.key("token_usage", output)];
    let sighting = Sighting::new(Via::Otlp, Row::new(&record, detail), keys).with_content(content);
    event.push(mapper, sighting, event.time);
    Ok(())
}

fn tool(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let (attributes, who) = (event.attributes, &event.who);
    let id = attributes.name("call_id").ok_or("a tool call has no id")?;
    let name = attributes.name("tool_name").ok_or("a tool call has no name")?;
    let id = key::in_thread(event.thread, id);
    let duration = attributes.count("duration_ms");
    let start = time::before(event.time, duration);
    let success = attributes.flag("success").unwrap_or(false);
    let keep = !mapper.lookup.options().without_content;
    let input = attributes.json("arguments");
    let output = attributes.text("output").unwrap_or_default();
    let exit_code = exit_code(output);

    let short = |json: &Json| shortened(json, MAX_INPUT);
    let detail = who
        .detail(None)
        .with("tool_use_id", attributes.name("call_id"))
        .with("input", input.as_ref().filter(|_| keep).map(short));
    let mut response = json!({ "bytes": output.len() });
    if let Json::Object(response) = &mut response {
        if let Some(code) = exit_code {
            response.insert("exit_code".to_owned(), code.into());
        }
        if keep && !output.is_empty() {
            response.insert("text".to_owned(), start_of(output, MAX_TEXT).into());
        }
    }
    let response = response.to_string();
    let record = McpToolCallRecord {
        ts_utc_start: start,
        ts_utc_end: Some(event.time),
        source: attributes.name("mcp_server").unwrap_or("builtin"),
        tool: name,
        agent: Some(&who.agent),
        duration_ms: duration,
        success,
        error: (keep && !success).then(|| start_of(output, MAX_TEXT)),
        timeout_race: false,
        request_json: None,
        response_json: Some(&response),
    };
    let row = Row::new(&record, detail);
    event.push(mapper, Sighting::new(Via::Otlp, row, [key::tool_call(&id)]), start);

    if let Some(line) = input.as_ref().and_then(|input| command_line(name, input))
        && keep
    {
        let shell::Invocation { bin, argv_json } = shell::invocation(&line);
        let record = CliInvocationRecord {
            ts_utc: start,
            bin: &bin,
            argv_json: &argv_json,
            exit_code,
            duration_ms: duration,
            host: &mapper.lookup.options().host,
        };
        let row = Row::new(&record, Default::default());
        mapper.push_only(who, Sighting::new(Via::Otlp, row, [key::command(&id)]));
    }
    Ok(())
}

/// Returns the command line of a call that runs one.
fn command_line(tool: &str, input: &Json) -> Option<String> {
    if !matches!(tool, "exec_command" | "shell" | "shell_command" | "local_shell") {
        return None;
    }
    match input.get("cmd").or_else(|| input.get("command"))? {
        Json::String(line) => Some(line.clone()),
        Json::Array(words) => {
            let words: Option<Vec<String>> =
                words.iter().map(|word| Some(word.as_str()?.to_owned())).collect();
            Some(shell::line_of(&words?))
        }
        _ => None,
    }
}

/// Returns the exit code that a tool's output begins with.
fn exit_code(output: &str) -> Option<i64> {
    let head = output.lines().take(5);
    let code = |line: &str| line.strip_prefix("Process exited with code ")?.trim().parse().ok();
    head.filter_map(code).next()
}

fn prompt(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let (attributes, who) = (event.attributes, &event.who);
    let chars = attributes.count("prompt_length").ok_or("a prompt has no length")?;
    let keep = !mapper.lookup.options().without_content;
    let body = attributes.text("prompt").filter(|text| keep && *text != "[REDACTED]");
    let record = MessageRecord {
        ts_utc: event.time,
        source: RUNTIME,
        direction: Direction::Inbound,
        chat_id: Some(event.thread),
        from_agent: Some("user"),
        to_agent: Some(&who.agent),
        body,
        raw_json: None,
    };
    let detail = who
        .detail(None)
        .with("model", attributes.first_name(&["model", "slug"]))
        .with("length", Some(chars));
    let sighting =
        Sighting::new(Via::Otlp, Row::new(&record, detail), [event.key("messages", chars)])
            .with_content(codex_prompt(event.thread, chars));
    event.push(mapper, sighting, event.time);
    Ok(())
}

fn refusal(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let attributes = event.attributes;
    let id = attributes.name("call_id").ok_or("a refused tool call has no id")?;
    let id_in_thread = key::in_thread(event.thread, id);
    let detail = (event.who.detail(None))
        .with("tool_use_id", Some(id))
        .with("tool", attributes.name("tool_name"))
        .with("decision", attributes.name("decision"))
        .with("decision_source", attributes.name("source"));
    watchdog(
        mapper,
        event,
        ["permission_denied", "warning"],
        None,
        detail,
        key::refusal(&id_in_thread),
    );
    Ok(())
}

fn failure(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let attributes = event.attributes;
    let keep = !mapper.lookup.options().without_content;
    let error = attributes.text("error.message").filter(|_| keep);
    let attempt = attributes.count("attempt");
    let detail = (event.who.detail(None))
        .with("status", attributes.count("http.response.status_code"))
        .with("attempt", attempt)
        .with("endpoint", attributes.name("endpoint"))
        .with("error", error.map(|error| start_of(error, MAX_TEXT)));
    let key = event.key("watchdog_events", attempt.unwrap_or(0));
    watchdog(mapper, event, ["api_error", "warning"], Some("retrying"), detail, key);
    Ok(())
}

fn watchdog(
    mapper: &mut Mapper<'_>,
    event: &Event<'_>,
    [name, severity]: [&str; 2],
    status: Option<&str>,
    detail: crate::Detail,
    key: Key,
) {
    let record = WatchdogEventRecord {
        ts_utc: event.time,
        event: name,
        agent: Some(&event.who.agent),
        severity: Some(severity),
        status,
        detail_json: None,
    };
    let sighting = Sighting::new(Via::Otlp, Row::new(&record, detail), [key]);
    event.push(mapper, sighting, event.time);
}
