//! The reader of a rollout.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::context::Context;
use super::json::{int, text, time};
use super::record::{Record, unknown};
use crate::reader::{FileEnd, Line, LineReader, Output, ReadOptions, SkippedLine};
use crate::sighting::SessionRef;

/// A call without an output is handed out as it is this long after the last record, so that it is seen while it
/// runs. Its output amends the row.
const PATIENCE_MS: i64 = 600_000;

/// Reads a rollout of Codex.
#[derive(Debug)]
pub struct CodexReader {
    pub(super) options: ReadOptions,
    pub(super) path: PathBuf,
    pub(super) context: Context,
    /// The session of the thread.
    pub(super) session: Option<Arc<SessionRef>>,
}

impl CodexReader {
    /// Creates a reader of a file. It goes on with the context of the reader before it, or begins at the start of
    /// the file if there is none.
    pub fn new(path: &Path, context: Option<&Value>, options: &ReadOptions) -> Self {
        // A context of another version is none: reading goes on, with what the file's name tells.
        let context = context.and_then(|context| Context::deserialize(context).ok());
        let mut reader = Self {
            options: options.clone(),
            path: path.to_owned(),
            context: context.unwrap_or_default(),
            session: None,
        };
        reader.set_session();
        reader
    }

    fn record(&mut self, record: &Record<'_>, out: &mut Output) {
        if record.kind == "session_meta" {
            self.meta(record);
        } else if self.context.thread.is_none() {
            // The start of the file is missing.
            self.set_thread_by_name(record);
        }
        if self.is_copied(record) {
            return;
        }
        if let Some(time) = record.time {
            self.seen_at(time, out);
        }
        match record.kind {
            "session_meta"
            | "world_state"
            | "inter_agent_communication_metadata"
            | "inter_agent_communication" => {}
            "turn_context" => self.turn_context(record.payload),
            "token_usage_record" => self.token_usage_record(record, out),
            "response_item" => self.response_item(record, out),
            "event_msg" => self.event(record, out),
            "compacted" => self.compacted(record, out),
            kind => unknown(kind, None, out),
        }
    }

    pub(super) fn turn_context(&mut self, payload: &Value) {
        if let Some(model) = text(payload, "model") {
            self.context.model = Some(model.to_owned());
        }
        self.context.effort = text(payload, "effort").map(str::to_owned);
    }

    fn response_item(&mut self, record: &Record<'_>, out: &mut Output) {
        match text(record.payload, "type").unwrap_or_default() {
            "function_call" | "custom_tool_call" | "local_shell_call" => self.call(record, out),
            "function_call_output" | "custom_tool_call_output" => self.output(record, out),
            // Messages are taken from events: among these are instructions.
            "message"
            | "agent_message"
            | "reasoning"
            | "additional_tools"
            | "web_search_call"
            | "tool_search_call"
            | "tool_search_output"
            | "image_generation_call"
            | "ghost_snapshot"
            | "compaction"
            | "compaction_summary"
            | "compaction_trigger"
            | "context_compaction" => {}
            kind => unknown("response_item", Some(kind), out),
        }
    }

    fn event(&mut self, record: &Record<'_>, out: &mut Output) {
        match text(record.payload, "type").unwrap_or_default() {
            "token_count" => self.token_count(record, out),
            "item_completed" => self.item(record, out),
            "user_message" | "agent_message" => self.message_event(record, out),
            "task_started" | "turn_started" => self.end_turn(record, out),
            "task_complete" | "turn_complete" => {
                self.end_turn(record, out);
                self.end_run(record, "completed", out);
            }
            "turn_aborted" => {
                self.aborted(record, out);
                self.end_turn(record, out);
                self.end_run(record, "failed", out);
            }
            "error" => self.error(record, out),
            "exec_command_end" => self.command_event(record, out),
            "mcp_tool_call_end" => self.mcp_event(record),
            "thread_settings_applied" => self.settings(record.payload),
            "agent_reasoning"
            | "agent_reasoning_raw_content"
            | "agent_reasoning_section_break"
            | "context_compacted"
            | "dynamic_tool_call_request"
            | "dynamic_tool_call_response"
            | "entered_review_mode"
            | "exited_review_mode"
            | "guardian_assessment"
            | "image_generation_end"
            | "injected_message"
            | "item_started"
            | "patch_apply_end"
            | "plan_update"
            | "stream_error"
            | "thread_goal_updated"
            | "thread_name_updated"
            | "thread_rolled_back"
            | "turn_diff"
            | "undo_completed"
            | "view_image_tool_call"
            | "warning"
            | "web_search_end" => {}
            kind if kind.starts_with("collab_") => {}
            kind => unknown("event_msg", Some(kind), out),
        }
    }

    /// Takes the model from the settings if no turn has told one yet. Later settings are for the next turn.
    fn settings(&mut self, payload: &Value) {
        if self.context.model.is_none() {
            let model = payload.get("thread_settings").and_then(|settings| text(settings, "model"));
            self.context.model = model.map(str::to_owned);
        }
    }
}

impl LineReader for CodexReader {
    fn read(&mut self, line: Line<'_>, out: &mut Output) -> Result<(), SkippedLine> {
        let value: Value = serde_json::from_slice(line.bytes).map_err(|_| SkippedLine::NotJson)?;
        if !value.is_object() {
            return Err(SkippedLine::NotObject);
        }
        let record = Record {
            kind: text(&value, "type").unwrap_or_default(),
            time: time(&value, "timestamp"),
            timestamp: text(&value, "timestamp").unwrap_or_default(),
            ordinal: int(&value, "ordinal"),
            payload: value.get("payload").unwrap_or(&Value::Null),
        };
        self.record(&record, out);
        Ok(())
    }

    fn end(&mut self, end: FileEnd, out: &mut Output) {
        let quiet_ms = self
            .context
            .last
            .map_or(0, |last| end.now.timestamp_millis().saturating_sub(last.timestamp_millis()));
        if end.is_final || quiet_ms >= PATIENCE_MS {
            self.tell_calls(out);
        }
    }

    /// Open calls are part of the context, so no line has to be read again.
    fn unfinished(&self) -> Option<u64> {
        self.context.waits().then_some(u64::MAX)
    }

    fn context(&self) -> Value {
        serde_json::to_value(&self.context).unwrap_or_default()
    }
}
