//! What the lines before must tell of, to read the lines that follow.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::dispatch::Running;
use super::tool_call::ToolCall;
use crate::project::project;
use crate::sighting::SessionRef;

/// Limits on what is kept. No transcript comes near them; they bound the memory for one that was made to.
const MAX_SESSIONS: usize = 1_000;
const MAX_AGENTS: usize = 1_000;
const MAX_RUNNING: usize = 256;
const MAX_LATE: usize = 64;

/// What a later reader of the file must know. Reading lines again with it gives the same rows again.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    sessions: Vec<Session>,
    /// The working directory of the session that a subagent's file belongs to.
    pub(super) root_cwd: Option<String>,
    /// The subagents, by id.
    agents: BTreeMap<String, Agent>,
    /// The subagents that run on after the call that dispatched them was answered.
    running: VecDeque<Running>,
    /// Calls that were recorded without a result. It may come after all.
    late: VecDeque<ToolCall>,
    /// The times of the first and the last record, in milliseconds since 1970.
    pub(super) times_ms: Option<(i64, i64)>,
    /// The last prompt, and the last request that was answered with a text.
    pub(super) last_prompt: Option<String>,
    pub(super) last_answer: Option<String>,
}

/// A subagent.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Agent {
    /// Its type.
    kind: String,
    /// The call that dispatched it first.
    dispatch: String,
}

/// A session, from its first record with a working directory on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) project: String,
    pub(super) cwd: String,
    #[serde(skip)]
    reference: Option<Arc<SessionRef>>,
}

impl Session {
    /// Returns the session as rows refer to it.
    pub(super) fn reference(&mut self, agent: Option<&str>) -> Arc<SessionRef> {
        let reference = self.reference.get_or_insert_with(|| {
            let agent = agent.unwrap_or(&self.project).to_owned();
            Arc::new(SessionRef { id: self.id.clone(), agent })
        });
        Arc::clone(reference)
    }
}

impl Context {
    /// Returns a session, if its project is known. Its first working directory names the project.
    pub(super) fn session(&mut self, id: &str, cwd: Option<&str>) -> Option<&mut Session> {
        let place = match self.sessions.iter().rposition(|session| session.id == id) {
            Some(place) => place,
            None => {
                let cwd = self.root_cwd.as_deref().or(cwd)?;
                let project = project(cwd).unwrap_or("/").to_owned();
                let (id, cwd) = (id.to_owned(), cwd.to_owned());
                if self.sessions.len() >= MAX_SESSIONS {
                    self.sessions.remove(0);
                }
                self.sessions.push(Session { id, project, cwd, reference: None });
                self.sessions.len() - 1
            }
        };
        self.sessions.get_mut(place)
    }

    /// Returns the session that was seen first.
    pub(super) fn first_session(&self) -> Option<&str> {
        self.sessions.first().map(|session| session.id.as_str())
    }

    /// Notes the time of a record.
    pub(super) fn add_time(&mut self, time: DateTime<Utc>) {
        let time = time.timestamp_millis();
        let (first, last) = self.times_ms.unwrap_or((time, time));
        self.times_ms = Some((first.min(time), last.max(time)));
    }

    /// Returns the type of a subagent.
    pub(super) fn agent_type(&self, id: &str) -> Option<&str> {
        self.agents.get(id).map(|agent| agent.kind.as_str())
    }

    /// Notes the type of a subagent, and the call that dispatched it. Returns whether no call before has
    /// dispatched it.
    pub(super) fn add_agent(&mut self, id: &str, kind: &str, dispatch: &str) -> bool {
        if let Some(agent) = self.agents.get(id) {
            return agent.dispatch == dispatch;
        }
        if self.agents.len() < MAX_AGENTS {
            let (kind, dispatch) = (kind.to_owned(), dispatch.to_owned());
            self.agents.insert(id.to_owned(), Agent { kind, dispatch });
        }
        true
    }

    /// Notes a subagent that runs on.
    pub(super) fn add_running(&mut self, running: Running) {
        self.take_running(&running.tool_use_id);
        push(&mut self.running, MAX_RUNNING, running);
    }

    /// Takes a subagent that runs on, by the id of the call that dispatched it.
    pub(super) fn take_running(&mut self, tool_use_id: &str) -> Option<Running> {
        let at = self.running.iter().position(|running| running.tool_use_id == tool_use_id)?;
        self.running.remove(at)
    }

    /// Notes a call that was recorded without a result.
    pub(super) fn add_late(&mut self, call: ToolCall) {
        self.take_late(&call.id);
        push(&mut self.late, MAX_LATE, call);
    }

    /// Returns a call that was recorded without a result.
    pub(super) fn late_call(&mut self, id: &str) -> Option<&mut ToolCall> {
        self.late.iter_mut().find(|call| call.id == id)
    }

    /// Takes a call that was recorded without a result.
    pub(super) fn take_late(&mut self, id: &str) -> Option<ToolCall> {
        let at = self.late.iter().position(|call| call.id == id)?;
        self.late.remove(at)
    }
}

fn push<T>(queue: &mut VecDeque<T>, most: usize, value: T) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(value);
}
