//! What tools ran: command lines, the git operations in them, and the calls that a script made.
//!
//! In code mode, the model writes JavaScript, whose calls are items with ids of their own. Else, an item has the
//! id of the call.

use chrono::{DateTime, Utc};
use netsky_db::{CliInvocationRecord, GitOperationRecord, WatchdogEventRecord};
use serde_json::Value;

use super::calls::{Answer, duration_ms};
use super::context::Call;
use super::json::{int, text, time_of_millis};
use super::output::ToolOutput;
use super::reader::CodexReader;
use super::record::{Record, unknown};
use crate::key;
use crate::project::project;
use crate::reader::Output;
use crate::row::BUILTIN;
use crate::shell::{git, invocation, line_of};
use crate::shorten::start_of;

/// Longer lines are cut off. A megabyte is what the system takes.
const MAX_LINE_BYTES: usize = 1 << 20;

/// A command that was run.
struct Ran<'a> {
    line: &'a str,
    start: DateTime<Utc>,
    /// Where, if that is not where the thread works.
    directory: Option<&'a str>,
    exit_code: Option<i64>,
    duration_ms: Option<i64>,
    output: &'a str,
}

impl CodexReader {
    /// Reads a completed item.
    pub(super) fn item(&mut self, record: &Record<'_>, out: &mut Output) {
        let payload = record.payload;
        let item = payload.get("item").unwrap_or(&Value::Null);
        let end = time_of_millis(payload, "completed_at_ms").or(record.time);
        let start = time_of_millis(payload, "started_at_ms").or(end);
        let (Some(start), Some(end)) = (start, end) else { return };
        match text(item, "type").unwrap_or_default() {
            "CommandExecution" => self.command_item(item, start, end, None, out),
            "McpToolCall" | "DynamicToolCall" | "FileChange" => {
                self.tool_item(item, start, end, out)
            }
            "UserMessage" | "AgentMessage" => self.message_item(record, item, out),
            "SubAgentActivity" => self.agent_item(item, start, end, out),
            "CollabAgentToolCall"
            | "ContextCompaction"
            | "HookPrompt"
            | "ImageGeneration"
            | "ImageView"
            | "Plan"
            | "Reasoning"
            | "Sleep"
            | "WebSearch" => {}
            kind => unknown("item_completed", Some(kind), out),
        }
    }

    /// Reads the event that older versions wrote when a command ended.
    pub(super) fn command_event(&mut self, record: &Record<'_>, out: &mut Output) {
        let Some(end) = record.time else { return };
        let took = duration_ms(record.payload.get("duration"));
        let start = took
            .and_then(chrono::Duration::try_milliseconds)
            .and_then(|took| end.checked_sub_signed(took))
            .filter(|start| start.timestamp_nanos_opt().is_some());
        self.command_item(record.payload, start.unwrap_or(end), end, took, out);
    }

    /// Reads the event that older versions wrote when a tool of a server had answered.
    pub(super) fn mcp_event(&mut self, record: &Record<'_>) {
        let payload = record.payload;
        let Some(call) = text(payload, "call_id").and_then(|id| self.context.calls.get_mut(id))
        else {
            return;
        };
        let invocation = payload.get("invocation").unwrap_or(&Value::Null);
        enrich(call, invocation, payload.pointer("/result/Err").and_then(Value::as_str));
    }

    fn command_item(
        &mut self,
        item: &Value,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        took: Option<i64>,
        out: &mut Output,
    ) {
        let Some(id) = text(item, "id").or_else(|| text(item, "call_id")) else { return };
        let line = match item.get("command") {
            Some(Value::Array(words)) => {
                let words: Vec<String> =
                    words.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                line_of(&words)
            }
            Some(Value::String(line)) => line.clone(),
            _ => String::new(),
        };
        let exit_code = int(item, "exit_code");
        let output = text(item, "aggregated_output").or_else(|| text(item, "stdout"));
        let output = output.unwrap_or_default();
        let is_declined = text(item, "status") == Some("declined");
        let took =
            took.unwrap_or_else(|| end.signed_duration_since(start).num_milliseconds().max(0));
        // What is typed into a running command has an item, too.
        let source = text(item, "source");
        let agent_ran_it = source != Some("user_shell");
        let is_start = source != Some("unified_exec_interaction");
        match self.context.calls.get_mut(id) {
            Some(call) => {
                call.has_command = true;
                call.exit_code = exit_code.or(call.exit_code);
                if is_declined {
                    call.error = Some("declined".to_owned());
                }
                if call.is_answered {
                    self.context.calls.remove(id);
                }
            }
            None if agent_ran_it => {
                let call = nested(
                    start,
                    BUILTIN,
                    "exec_command",
                    serde_json::json!({ "cmd": start_of(&line, 4_000) }),
                );
                let answer = Answer {
                    end: Some(end),
                    duration_ms: Some(took),
                    succeeded: !is_declined,
                    error: is_declined.then(|| "declined".to_owned()),
                    exit_code,
                    is_interrupted: false,
                    text: Some(output.to_owned()),
                };
                self.tool_call(id, &call, answer, out);
            }
            None => {}
        }
        if is_declined {
            self.refused(id, end, out);
        } else if !line.is_empty() && is_start {
            let ran = Ran {
                line: &line,
                start,
                directory: text(item, "cwd"),
                exit_code,
                duration_ms: Some(took),
                output,
            };
            self.command(id, &ran, out);
        }
    }

    /// Reads the item of another tool than a command.
    fn tool_item(
        &mut self,
        item: &Value,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        out: &mut Output,
    ) {
        let Some(id) = text(item, "id") else { return };
        let failed = matches!(text(item, "status"), Some("failed" | "declined"))
            || item.get("success") == Some(&Value::Bool(false));
        let error = item.get("error");
        let error = error.and_then(|error| error.as_str().or_else(|| text(error, "message")));
        let error = failed.then(|| error.or_else(|| text(item, "status")).unwrap_or("failed"));
        if let Some(call) = self.context.calls.get_mut(id) {
            enrich(call, item, error);
            return;
        }
        let is_change = text(item, "type") == Some("FileChange");
        let tool = text(item, "tool").unwrap_or(if is_change { "apply_patch" } else { "unknown" });
        let source = text(item, "server").unwrap_or(BUILTIN);
        let input = item.get("arguments").or_else(|| item.get("changes"));
        let call = nested(start, source, tool, input.cloned().unwrap_or_default());
        let answer = Answer {
            end: Some(end),
            duration_ms: duration_ms(item.get("duration")),
            succeeded: !failed,
            error: error.map(str::to_owned),
            ..Answer::default()
        };
        self.tool_call(id, &call, answer, out);
    }

    /// Hands out the command of a call that no item has told of.
    pub(super) fn command_of_call(
        &self,
        id: &str,
        call: &Call,
        line: &str,
        output: &ToolOutput,
        end: DateTime<Utc>,
        out: &mut Output,
    ) {
        let took = end.signed_duration_since(call.start).num_milliseconds().max(0);
        let ran = Ran {
            line,
            start: call.start,
            directory: call.directory.as_deref(),
            exit_code: output.exit_code,
            duration_ms: output.exit_code.map(|_| took),
            output: &output.text,
        };
        self.command(id, &ran, out);
    }

    fn command(&self, id: &str, ran: &Ran<'_>, out: &mut Output) {
        let line = start_of(ran.line, MAX_LINE_BYTES);
        let invocation = invocation(line);
        let only_bin = serde_json::json!([invocation.bin]).to_string();
        let row = CliInvocationRecord {
            ts_utc: ran.start,
            bin: &invocation.bin,
            argv_json: self.content(Some(&invocation.argv_json)).unwrap_or(&only_bin),
            exit_code: ran.exit_code,
            duration_ms: ran.duration_ms,
            host: &self.options.host,
        };
        let key_id = self.key_id(id);
        let sighting = self.sighting(&row, Default::default(), [key::command(&key_id)]);
        self.push(sighting, out);
        let thread = self.context.thread.as_ref();
        let cwd = ran.directory.or_else(|| thread.and_then(|thread| thread.cwd.as_deref()));
        let succeeded = ran.exit_code.map(|code| code == 0);
        for (place, operation) in
            git::operations(line, ran.output, succeeded).into_iter().enumerate()
        {
            let repo = operation.repo_dir.as_deref().and_then(|dir| repository(cwd, dir));
            let repo = repo.or_else(|| cwd.and_then(project).map(str::to_owned));
            let branch = thread.and_then(|thread| thread.git_branch.as_deref());
            let row = GitOperationRecord {
                ts_utc: ran.start,
                operation: operation.operation,
                repo: repo.as_deref().unwrap_or("unknown"),
                branch: operation.branch.as_deref().or(branch),
                remote: operation.remote.as_deref(),
                from_sha: None,
                to_sha: operation.to_sha.as_deref(),
                status: operation.status.as_str(),
                detail_json: None,
            };
            let detail = self.detail().with("tool_use_id", Some(id));
            self.push(self.sighting(&row, detail, [key::git(&key_id, place)]), out);
        }
    }

    /// Hands out the event that somebody has refused a call.
    fn refused(&self, id: &str, ts_utc: DateTime<Utc>, out: &mut Output) {
        let row = WatchdogEventRecord {
            ts_utc,
            event: "permission_denied",
            agent: Some(self.agent_name()),
            severity: Some("warning"),
            status: Some("denied"),
            detail_json: None,
        };
        let detail = self.detail().with("tool_use_id", Some(id)).with("tool", Some("exec_command"));
        self.push(self.sighting(&row, detail, [key::refusal(&self.key_id(id))]), out);
    }
}

/// Returns a call that an item alone tells of.
fn nested(start: DateTime<Utc>, source: &str, tool: &str, input: Value) -> Call {
    Call {
        start,
        source: start_of(source, 256).to_owned(),
        tool: start_of(tool, 256).to_owned(),
        input: crate::shorten::shortened(&input, 4_096),
        text: None,
        directory: None,
        has_command: true,
        exit_code: None,
        error: None,
        is_answered: false,
        is_told: false,
        turn_end: None,
    }
}

/// Adds to a call what its item tells.
fn enrich(call: &mut Call, item: &Value, error: Option<&str>) {
    if call.source == BUILTIN
        && let Some(server) = text(item, "server")
    {
        call.source = start_of(server, 256).to_owned();
        if let Some(tool) = text(item, "tool") {
            call.tool = start_of(tool, 256).to_owned();
        }
    }
    if let Some(error) = error {
        call.error = Some(start_of(error, 2_048).to_owned());
    }
}

/// Returns the name of the repository in a directory, seen from another one. `None` if that cannot be known.
fn repository(cwd: Option<&str>, dir: &str) -> Option<String> {
    if dir.starts_with(['~', '$', '`']) {
        return None;
    }
    let path = if dir.starts_with('/') { dir.to_owned() } else { format!("{}/{dir}", cwd?) };
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    project(&parts.join("/")).map(str::to_owned)
}
