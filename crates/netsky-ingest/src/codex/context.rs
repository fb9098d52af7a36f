//! What a reader of a rollout knows at a line from the lines before it.
//!
//! Calls without an output are part of it, with what their rows need. So reading always goes on after the last
//! line, and nothing is read twice; a reader that held offsets would read everything after an open call again
//! each time. The price is some kilobytes of state while calls are open.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fork::Copied;
use super::thread::Thread;
use super::usage::Usage;

/// More calls than this are not open at once, nor are more agents. It bounds the state.
const MAX_CALLS: usize = 128;
const MAX_AGENTS: usize = 256;

/// What is known at a line.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    /// The thread of the file, from its first record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread: Option<Thread>,
    /// The history of another thread that the file begins with, while that lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) copied: Option<Copied>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<String>,
    /// The tokens of all calls, as the last `token_count` had them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<Usage>,
    /// Whether there was a `token_usage_record`.
    pub(super) has_usage_records: bool,
    /// Whether there was a message as an item.
    pub(super) has_message_items: bool,
    /// The time of the last record.
    #[serde(with = "super::millis", skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<DateTime<Utc>>,
    /// Tool calls, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) calls: BTreeMap<String, Call>,
    /// Agents that the thread has started, by the ids of their threads.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) agents: BTreeMap<String, AgentRun>,
}

/// A tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Call {
    #[serde(with = "super::millis::always")]
    pub(super) start: DateTime<Utc>,
    pub(super) source: String,
    pub(super) tool: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(super) input: Value,
    /// The command line that it runs, or the brief of the agent that it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// The directory of the command, if the call tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) directory: Option<String>,
    /// Whether an item has told of the command that it ran.
    #[serde(default)]
    pub(super) has_command: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exit_code: Option<i64>,
    /// What went wrong, if an item has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// Whether its output was seen. It is kept, because its command still runs.
    #[serde(default)]
    pub(super) is_answered: bool,
    /// Whether its row was handed out without an output.
    #[serde(default)]
    pub(super) is_told: bool,
    /// When its turn ended.
    #[serde(default, with = "super::millis", skip_serializing_if = "Option::is_none")]
    pub(super) turn_end: Option<DateTime<Utc>>,
}

/// An agent that was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AgentRun {
    #[serde(with = "super::millis::always")]
    pub(super) start: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) call_id: Option<String>,
}

impl Context {
    /// Adds a call. Returns the oldest one with its id, if there are too many.
    pub(super) fn add_call(&mut self, id: &str, call: Call) -> Option<(String, Call)> {
        self.calls.insert(id.to_owned(), call);
        let oldest = self.calls.iter().min_by_key(|(id, call)| (call.start, *id));
        let oldest = oldest.filter(|_| self.calls.len() > MAX_CALLS)?.0.clone();
        self.calls.remove_entry(&oldest)
    }

    /// Adds an agent.
    pub(super) fn add_agent(&mut self, id: &str, agent: AgentRun) {
        self.agents.entry(id.to_owned()).or_insert(agent);
        let oldest = self.agents.iter().min_by_key(|(id, agent)| (agent.start, *id));
        if let Some((oldest, _)) = oldest.filter(|_| self.agents.len() > MAX_AGENTS) {
            let oldest = oldest.clone();
            self.agents.remove(&oldest);
        }
    }

    /// Whether a call waits for its output, and nothing was told of it.
    pub(super) fn waits(&self) -> bool {
        self.calls.values().any(|call| !call.is_answered && !call.is_told)
    }
}
