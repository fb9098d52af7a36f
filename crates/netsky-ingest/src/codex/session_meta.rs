//! Takes the thread of a file from its first record.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::fork::Copied;
use super::json::{text, time};
use super::reader::CodexReader;
use super::record::Record;
use super::thread::Thread;
use super::usage::Usage;
use crate::project::project;
use crate::reader::Output;
use crate::shorten::start_of;
use crate::sighting::SessionRef;
use crate::via::Via;

/// Longer texts of the first record are shortened: they are part of each row.
const MAX_BYTES: usize = 512;

/// The agent of a thread whose directory is unknown.
const UNKNOWN_AGENT: &str = "unknown";

impl CodexReader {
    /// Takes the thread from the first record. Those that follow are copies of the thread that it was forked from.
    pub(super) fn meta(&mut self, record: &Record<'_>) {
        if self.context.thread.is_some() {
            return;
        }
        let meta = record.payload;
        let short = |key: &str| text(meta, key).map(|text| start_of(text, MAX_BYTES).to_owned());
        let id = short("id").or_else(|| short("session_id"));
        let id = id.unwrap_or_else(|| id_of_name(&self.path));
        let spawn = meta.pointer("/source/subagent/thread_spawn");
        let parent = short("parent_thread_id")
            .or_else(|| spawn.and_then(|spawn| text(spawn, "parent_thread_id")).map(str::to_owned));
        let cwd = short("cwd");
        let is_subagent = spawn.is_some()
            || meta.pointer("/source/subagent").is_some()
            || text(meta, "thread_source") == Some("subagent");
        let agent = self.agent(cwd.as_deref(), is_subagent.then(|| kind_of_agent(meta)));
        let git_branch = meta.get("git").and_then(|git| text(git, "branch"));
        self.context.copied = Copied::new(meta);
        self.context.thread = Some(Thread {
            id,
            agent,
            cwd,
            git_branch: git_branch.map(|branch| start_of(branch, MAX_BYTES).to_owned()),
            version: short("cli_version"),
            provider: short("model_provider"),
            parent,
            is_subagent,
            born: time(meta, "timestamp").or(record.time),
        });
        self.set_session();
    }

    /// Takes the thread from the file's name, because the first record is missing.
    pub(super) fn set_thread_by_name(&mut self, record: &Record<'_>) {
        let cwd = text(record.payload, "cwd").map(|cwd| start_of(cwd, MAX_BYTES).to_owned());
        let agent = self.agent(cwd.as_deref(), None);
        let id = id_of_name(&self.path);
        self.context.thread = Some(Thread { id, agent, cwd, ..Thread::default() });
        self.set_session();
    }

    fn agent(&self, cwd: Option<&str>, kind: Option<&str>) -> String {
        if let Some(agent) = &self.options.agent {
            return agent.clone();
        }
        let project = cwd.and_then(project).unwrap_or(UNKNOWN_AGENT);
        match kind {
            Some(kind) => format!("{project}/{}", start_of(kind, MAX_BYTES)),
            None => project.to_owned(),
        }
    }

    pub(super) fn set_session(&mut self) {
        self.session = self.context.thread.as_ref().map(|thread| {
            Arc::new(SessionRef { id: thread.id.clone(), agent: thread.agent.clone() })
        });
    }

    /// Returns whether a record is copied from another thread. What it says of the state of the thread is taken
    /// all the same.
    pub(super) fn is_copied(&mut self, record: &Record<'_>) -> bool {
        let (Some(copied), Some(thread)) = (&mut self.context.copied, &self.context.thread) else {
            return false;
        };
        if record.kind == "session_meta" {
            // The first one is of this thread; it has no row.
            return true;
        }
        if copied.ends_at(record, thread) {
            self.context.copied = None;
            return false;
        }
        if record.kind == "turn_context" {
            self.turn_context(record.payload);
        }
        // The total goes on from that of the other thread.
        let total = record.payload.pointer("/info/total_token_usage");
        if let Some(total) = Usage::parse(total) {
            self.context.total = Some(total);
        }
        true
    }

    /// Notes that the thread was at work at a time.
    pub(super) fn seen_at(&mut self, time: DateTime<Utc>, out: &mut Output) {
        self.context.last = self.context.last.max(Some(time));
        let (Some(session), Some(thread)) = (&self.session, &self.context.thread) else { return };
        if self.options.since.is_some_and(|since| time < since) {
            return;
        }
        let update = out.session(session, Via::Transcript);
        update.spans.add(time);
        if update.transcript.is_none() {
            update.cwd.clone_from(&thread.cwd);
            update.transcript = Some(self.path.display().to_string());
        }
    }
}

/// Returns the kind of a started agent: its role, the name of its task, or what it was started for.
fn kind_of_agent(meta: &Value) -> &str {
    let spawn = meta.pointer("/source/subagent/thread_spawn").unwrap_or(&Value::Null);
    let path = text(meta, "agent_path").or_else(|| text(spawn, "agent_path"));
    text(meta, "agent_role")
        .or_else(|| text(spawn, "agent_role"))
        .or_else(|| path.and_then(name_of_path))
        .or_else(|| meta.get("source").and_then(|source| text(source, "subagent")))
        .unwrap_or("agent")
}

/// Returns the name of an agent from its path, such as `/root/job`.
pub(super) fn name_of_path(path: &str) -> Option<&str> {
    path.rsplit('/').find(|part| !part.is_empty())
}

/// Returns the id of a thread from the name of its file: `rollout-TIME-UUID.jsonl`.
fn id_of_name(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let id = name.len().checked_sub(36).and_then(|start| name.get(start..));
    id.unwrap_or(&name).to_owned()
}
