//! The copied history that the file of a forked or started thread begins with.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::{int, text};
use super::record::Record;
use super::thread::Thread;

/// Where copied history ends, as far as it is known. What is copied stands in the other thread's file, too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Copied {
    /// The ordinal of the first record of the thread itself. Versions since 0.169 tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<i64>,
    /// Whether a copied turn had an id with a time.
    has_timed_turns: bool,
}

impl Copied {
    /// Returns what the first record of a file tells of copied history; `None` if it has none.
    pub(super) fn new(meta: &Value) -> Option<Self> {
        // The file of a thread with a base has only what came after it.
        if meta.get("history_base").is_some_and(Value::is_object) {
            return None;
        }
        let start = int(meta, "subagent_history_start_ordinal");
        let is_started = meta.pointer("/source/subagent/thread_spawn").is_some();
        let has_history = start.is_some() || is_started || text(meta, "forked_from_id").is_some();
        has_history.then_some(Self { start, has_timed_turns: false })
    }

    /// Returns whether a record is of the thread itself, and so is all that follows.
    pub(super) fn ends_at(&mut self, record: &Record<'_>, thread: &Thread) -> bool {
        if let (Some(start), Some(ordinal)) = (self.start, record.ordinal) {
            return ordinal >= start;
        }
        let payload = record.payload;
        if text(payload, "thread_id") == Some(thread.id.as_str()) {
            return true;
        }
        let is_turn = record.kind == "turn_context"
            || matches!(text(payload, "type"), Some("task_started" | "turn_started"));
        if let Some(turn) = text(payload, "turn_id").filter(|_| is_turn)
            && has_time(turn)
            && has_time(&thread.id)
        {
            // Ids with a time are in the order of their times.
            self.has_timed_turns = true;
            return turn > thread.id.as_str();
        }
        let Some(born) = thread.born else { return true };
        if let Some(started) = int(payload, "started_at").filter(|_| is_turn) {
            return started >= born.timestamp();
        }
        // Old versions copied with the time of the copy, within a second, and told nothing.
        !self.has_timed_turns && is_later(record.time, born)
    }
}

fn is_later(time: Option<DateTime<Utc>>, born: DateTime<Utc>) -> bool {
    time.is_some_and(|time| time > born + Duration::seconds(1))
}

/// Whether an id is a UUID of version 7, which begins with its time.
fn has_time(id: &str) -> bool {
    id.len() == 36 && id.as_bytes().get(14) == Some(&b'7')
}
