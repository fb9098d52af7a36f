//! The rows of a history, each as one line of text.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::time;
use crate::store::{Rows, json};

/// What rows must tell, by table.
pub type Summaries = BTreeMap<&'static str, Vec<String>>;

/// The rows that a history must give.
#[derive(Debug, Default)]
pub struct Expected {
    pub rows: Summaries,
    /// The agent and the times of the records of each session.
    sessions: BTreeMap<String, (String, Vec<i64>)>,
}

impl Expected {
    pub fn add(&mut self, table: &'static str, row: String) {
        self.rows.entry(table).or_default().push(row);
    }

    /// Notes that a session was at work at a time.
    pub fn seen(&mut self, session: &str, agent: &str, millis: i64) {
        let (_, times) = self
            .sessions
            .entry(session.to_owned())
            .or_insert_with(|| (agent.to_owned(), Vec::new()));
        times.push(millis);
    }

    /// Adds the rows of sessions: an hour without a record ends one.
    pub(super) fn finish(&mut self, now: DateTime<Utc>) {
        const HOUR: i64 = 3_600_000;
        for (agent, mut times) in std::mem::take(&mut self.sessions).into_values() {
            times.sort_unstable();
            times.push(i64::MAX);
            let mut before: Option<i64> = None;
            for millis in times {
                let pauses = before.is_none_or(|before| millis.saturating_sub(before) >= HOUR);
                if let Some(before) = before.filter(|_| pauses)
                    && before + HOUR <= now.timestamp_millis()
                {
                    self.add("sessions", format!("{agent} down {}", time(before)));
                }
                if pauses && millis != i64::MAX {
                    self.add("sessions", format!("{agent} up {}", time(millis)));
                }
                before = Some(millis);
            }
        }
        for rows in self.rows.values_mut() {
            rows.sort();
        }
    }
}

/// Returns what stored rows tell, in the form of expected ones.
pub fn summaries(rows: &Rows) -> Summaries {
    let mut summaries = Summaries::new();
    for (table, rows) in rows {
        let mut lines: Vec<String> = rows.iter().map(|row| summary(table, row)).collect();
        lines.sort();
        summaries.insert(table, lines);
    }
    summaries
}

fn summary(table: &str, row: &Value) -> String {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        value => value.to_string(),
    };
    let of =
        |names: &[&str]| names.iter().map(|name| shown(&row[*name])).collect::<Vec<_>>().join(" ");
    let detail = |column: &str, names: &[&str]| {
        let detail = json(row, column);
        names.iter().map(|name| shown(&detail[*name])).collect::<Vec<_>>().join(" ")
    };
    match table {
        "token_usage" => {
            let ids = json(row, "detail_json");
            let id = ids.get("message_id").or_else(|| ids.get("response_id"));
            let id = shown(id.unwrap_or(&Value::Null));
            let columns = [
                "session_id",
                "agent",
                "model",
                "input_tokens",
                "output_tokens",
                "cached_input_tokens",
                "ts_utc",
            ];
            format!("{id} {}", of(&columns))
        }
        "mcp_tool_calls" => {
            let id = detail("request_json", &["tool_use_id", "session_id"]);
            format!(
                "{id} {}",
                of(&["source", "tool", "agent", "success", "ts_utc_start", "ts_utc_end"])
            )
        }
        "messages" => of(&["ts_utc", "direction", "chat_id", "from_agent", "to_agent", "body"]),
        "clone_dispatches" => of(&["agent_id", "status", "ts_utc_start", "ts_utc_end", "brief"]),
        "watchdog_events" => of(&["ts_utc", "event", "severity", "agent"]),
        "cli_invocations" => of(&["ts_utc", "argv_json", "exit_code"]),
        "git_operations" => of(&["ts_utc", "operation", "repo", "branch", "status"]),
        "sessions" => of(&["agent", "event", "ts_utc"]),
        _ => row.to_string(),
    }
}
