//! Tool calls: from the call to its output.

use chrono::{DateTime, Utc};
use netsky_db::McpToolCallRecord;
use serde_json::{Map, Value};

use super::context::Call;
use super::json::{int, text};
use super::output::ToolOutput;
use super::reader::CodexReader;
use super::record::Record;
use crate::key;
use crate::reader::Output;
use crate::row::BUILTIN;
use crate::shorten::{shortened, start_of};

/// The limit on the JSON of a call's input. The column has room for the details beside it.
const MAX_INPUT_BYTES: usize = 4_096;
/// Longer command lines, and briefs, are cut off.
const MAX_TEXT_BYTES: usize = 32 << 10;
/// The limits on the text of an error and of an output.
const MAX_ERROR_BYTES: usize = 2_048;
const MAX_OUTPUT_BYTES: usize = 2_048;

/// What is known of a tool call when its row is handed out.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) end: Option<DateTime<Utc>>,
    pub(super) duration_ms: Option<i64>,
    pub(super) succeeded: bool,
    pub(super) error: Option<String>,
    pub(super) exit_code: Option<i64>,
    pub(super) is_interrupted: bool,
    pub(super) text: Option<String>,
}

impl CodexReader {
    /// Notes a call.
    pub(super) fn call(&mut self, record: &Record<'_>, out: &mut Output) {
        let payload = record.payload;
        let (Some(start), Some(id)) =
            (record.time, text(payload, "call_id").or_else(|| text(payload, "id")))
        else {
            return;
        };
        // A line without a line break is read again when more has come.
        if self.context.calls.get(id).is_some_and(|call| call.start == start) {
            return;
        }
        let is_shell = text(payload, "type") == Some("local_shell_call");
        let name =
            text(payload, "name").unwrap_or(if is_shell { "local_shell" } else { "unknown" });
        let (source, tool) = tool_of(name, text(payload, "namespace"));
        let input = match (payload.get("arguments"), payload.get("input"), payload.get("action")) {
            (Some(Value::String(arguments)), ..) => {
                serde_json::from_str(arguments).unwrap_or_else(|_| Value::from(arguments.as_str()))
            }
            (Some(input), ..) | (_, Some(input), _) | (.., Some(input)) => input.clone(),
            _ => Value::Null,
        };
        let line = command_line(&input).or_else(|| brief(tool, &input));
        let directory = text(&input, "workdir").or_else(|| text(&input, "working_directory"));
        let call = Call {
            start,
            source: source.to_owned(),
            tool: tool.to_owned(),
            input: match self.options.without_content {
                true => Value::Null,
                false => shortened(&input, MAX_INPUT_BYTES),
            },
            text: line.map(|line| start_of(&line, MAX_TEXT_BYTES).to_owned()),
            directory: directory.map(|path| start_of(path, MAX_ERROR_BYTES).to_owned()),
            has_command: false,
            exit_code: None,
            error: None,
            is_answered: false,
            is_told: false,
            turn_end: None,
        };
        if let Some((id, oldest)) = self.context.add_call(id, call) {
            self.tell_unanswered(&id, &oldest, out);
        }
    }

    /// Hands out a call with its output.
    pub(super) fn output(&mut self, record: &Record<'_>, out: &mut Output) {
        let payload = record.payload;
        let (Some(end), Some(id)) = (record.time, text(payload, "call_id")) else { return };
        let Some(mut call) = self.context.calls.remove(id) else { return };
        if call.is_answered {
            self.context.calls.insert(id.to_owned(), call);
            return;
        }
        let output = ToolOutput::parse(payload.get("output").unwrap_or(&Value::Null));
        let is_failure = output.is_failure || call.error.is_some();
        let error = call.error.take();
        self.tool_call(
            id,
            &call,
            Answer {
                end: Some(end),
                duration_ms: None,
                succeeded: !is_failure,
                error: error.or_else(|| output.is_failure.then(|| output.text.clone())),
                exit_code: call.exit_code.or(output.exit_code),
                is_interrupted: output.is_interrupted,
                text: Some(output.text.clone()),
            },
            out,
        );
        self.agents_of_output(id, &call, &output, end, out);
        let runs_command = !call.has_command && is_command_tool(&call.tool);
        if runs_command && let Some(line) = call.text.clone().filter(|_| !is_failure) {
            self.command_of_call(id, &call, &line, &output, end, out);
            if output.exit_code.is_none() {
                // Its command still runs: an item will tell how it ended.
                call.is_answered = true;
                self.context.calls.insert(id.to_owned(), call);
            }
        }
    }

    /// Hands out the calls that the ended turn left without an output. They are kept for another turn.
    pub(super) fn end_turn(&mut self, record: &Record<'_>, out: &mut Output) {
        let Some(end) = record.time else { return };
        self.context.calls.retain(|_, call| call.turn_end.is_none_or(|before| before >= end));
        self.tell_calls(out);
        for call in self.context.calls.values_mut() {
            call.turn_end = call.turn_end.or(Some(end));
        }
    }

    /// Hands out the calls without an output.
    pub(super) fn tell_calls(&mut self, out: &mut Output) {
        let mut calls = std::mem::take(&mut self.context.calls);
        for (id, call) in &mut calls {
            self.tell_unanswered(id, call, out);
            call.is_told = true;
        }
        self.context.calls = calls;
    }

    fn tell_unanswered(&self, id: &str, call: &Call, out: &mut Output) {
        if !call.is_answered && !call.is_told {
            self.tool_call(id, call, Answer::default(), out);
        }
    }

    /// Hands out the row of a call.
    pub(super) fn tool_call(&self, id: &str, call: &Call, answer: Answer, out: &mut Output) {
        let waited = answer.end.map(|end| end.signed_duration_since(call.start).num_milliseconds());
        let duration_ms = answer.duration_ms.or(waited).map(|duration| duration.max(0));
        let error = self.content(answer.error.as_deref());
        let error = error.map(|error| start_of(error, MAX_ERROR_BYTES));
        let response = answer.end.map(|_| self.response(&answer).to_string());
        let input = Some(&call.input).filter(|_| !self.options.without_content);
        let detail = self.detail().with("tool_use_id", Some(id)).with("input", input.cloned());
        let row = McpToolCallRecord {
            ts_utc_start: call.start,
            ts_utc_end: answer.end.map(|end| end.max(call.start)),
            source: &call.source,
            tool: &call.tool,
            agent: Some(self.agent_name()),
            duration_ms,
            success: answer.succeeded,
            error,
            timeout_race: false,
            request_json: None,
            response_json: response.as_deref(),
        };
        self.push(self.sighting(&row, detail, [key::tool_call(&self.key_id(id))]), out);
    }

    fn response(&self, answer: &Answer) -> Value {
        let mut response = Map::new();
        let text = answer.text.as_deref().unwrap_or_default();
        response.insert("bytes".to_owned(), text.len().into());
        if let Some(exit_code) = answer.exit_code {
            response.insert("exit_code".to_owned(), exit_code.into());
        }
        if answer.is_interrupted {
            response.insert("interrupted".to_owned(), true.into());
        }
        if let Some(text) = self.content(Some(text)) {
            response.insert("text".to_owned(), start_of(text, MAX_OUTPUT_BYTES).into());
        }
        shortened(&Value::Object(response), MAX_INPUT_BYTES)
    }
}

/// Returns the server and the name of a tool. Servers of MCP are part of the name, `mcp__SERVER__TOOL` or
/// `SERVER__TOOL`, or of the namespace, `mcp__SERVER`.
fn tool_of<'a>(name: &'a str, namespace: Option<&'a str>) -> (&'a str, &'a str) {
    let in_name = name.strip_prefix("mcp__").unwrap_or(name).split_once("__");
    if let Some((server, tool)) = in_name.filter(|(a, b)| !a.is_empty() && !b.is_empty()) {
        return (short(server), short(tool));
    }
    let server = namespace.and_then(|namespace| namespace.strip_prefix("mcp__"));
    let server = server.map(|server| server.trim_end_matches('_')).filter(|name| !name.is_empty());
    (server.map_or(BUILTIN, short), short(name))
}

fn short(name: &str) -> &str {
    start_of(name, 256)
}

/// Whether a tool runs a command line.
fn is_command_tool(tool: &str) -> bool {
    matches!(
        tool,
        "shell"
            | "shell_command"
            | "exec_command"
            | "local_shell"
            | "container.exec"
            | "unified_exec"
    )
}

/// Returns the command line of a call's input: `cmd` or `command`, a text or a list of words.
fn command_line(input: &Value) -> Option<String> {
    match input.get("cmd").or_else(|| input.get("command"))? {
        Value::String(line) => Some(line.clone()),
        Value::Array(words) => {
            let words: Vec<String> =
                words.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            (!words.is_empty()).then(|| crate::shell::line_of(&words))
        }
        _ => None,
    }
}

/// Returns the brief of a call that starts an agent.
fn brief(tool: &str, input: &Value) -> Option<String> {
    let text = text(input, "message").or_else(|| text(input, "prompt"));
    text.filter(|_| tool == "spawn_agent").map(str::to_owned)
}

/// Returns how long something took: an object of seconds and nanoseconds.
pub(super) fn duration_ms(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    let seconds = int(value, "secs")?;
    let nanos = int(value, "nanos").unwrap_or(0);
    Some(seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000).max(0))
}
