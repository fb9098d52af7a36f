//! Messages of the person and of the agent.

use chrono::{DateTime, Utc};
use netsky_db::{Direction, MessageRecord};
use serde_json::Value;

use super::json::text;
use super::reader::CodexReader;
use super::record::Record;
use crate::content_key::codex_prompt;
use crate::detail::Detail;
use crate::key;
use crate::reader::Output;

/// What Codex tells the model in a person's name.
const NOT_WRITTEN: [&str; 3] = ["<environment_context>", "<user_instructions>", "<turn_aborted>"];

impl CodexReader {
    /// Reads the message of an item.
    pub(super) fn message_item(&mut self, record: &Record<'_>, item: &Value, out: &mut Output) {
        self.context.has_message_items = true;
        let Some(ts_utc) = record.time else { return };
        let Some(id) = text(item, "id") else { return };
        let parts = item.get("content").and_then(Value::as_array);
        let body: String =
            parts.into_iter().flatten().filter_map(|part| text(part, "text")).collect();
        let direction = match text(item, "type") {
            Some("UserMessage") => Direction::Inbound,
            _ => Direction::Outbound,
        };
        let detail = Detail::default().with("uuid", Some(id));
        let detail = detail.with("turn_id", text(record.payload, "turn_id"));
        self.message(direction, ts_utc, &self.key_id(id), &body, detail, out);
    }

    /// Reads the message of an event, which older versions wrote.
    pub(super) fn message_event(&mut self, record: &Record<'_>, out: &mut Output) {
        let payload = record.payload;
        let (Some(ts_utc), Some(body)) = (record.time, text(payload, "message")) else { return };
        let is_plain = text(payload, "kind").is_none_or(|kind| kind == "plain");
        if self.context.has_message_items || !is_plain {
            return;
        }
        let kind = text(payload, "type").unwrap_or_default();
        let direction = match kind {
            "user_message" => Direction::Inbound,
            _ => Direction::Outbound,
        };
        // It has no id.
        let id = self.key_id(&format!("{kind}/{}/{body}", record.timestamp));
        self.message(direction, ts_utc, &id, body, Detail::default(), out);
    }

    fn message(
        &self,
        direction: Direction,
        ts_utc: DateTime<Utc>,
        id: &str,
        body: &str,
        detail: Detail,
        out: &mut Output,
    ) {
        // What an agent is told by another one, and answers it, is no message of a person.
        let is_subagent = self.context.thread.as_ref().is_some_and(|thread| thread.is_subagent);
        let is_written = !NOT_WRITTEN.iter().any(|start| body.starts_with(start));
        if is_subagent || body.trim().is_empty() || !is_written {
            return;
        }
        let (agent, is_inbound) = (self.agent_name(), direction == Direction::Inbound);
        let row = MessageRecord {
            ts_utc,
            source: "codex",
            direction,
            chat_id: Some(self.thread_id()),
            from_agent: Some(if is_inbound { "user" } else { agent }),
            to_agent: Some(if is_inbound { agent } else { "user" }),
            body: self.content(Some(body)),
            raw_json: None,
        };
        let model = self.context.model.as_deref().filter(|_| !is_inbound);
        let detail = detail
            .with("runtime", Some("codex"))
            .with("session_id", Some(self.thread_id()))
            .with("model", model);
        let mut sighting = self.sighting(&row, detail, [key::record(id)]);
        if is_inbound {
            let chars = i64::try_from(body.chars().count()).unwrap_or(i64::MAX);
            sighting = sighting.with_content(codex_prompt(self.thread_id(), chars));
        }
        self.push(sighting, out);
    }
}
