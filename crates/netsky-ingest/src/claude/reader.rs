//! The reader of a transcript.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::GitOperationRecord;
use serde_json::Value;

use super::context::Context;
use super::dispatch::{Outcome, Running, UNKNOWN_TYPE, notification};
use super::model_call::ModelCall;
use super::origin::{self, Origin, Subagent};
use super::parse::parse;
use super::record::Record;
use super::subagent_file::{self, SubagentFile};
use super::tool_call::ToolCall;
use crate::key::key;
use crate::reader::{FileEnd, Line, LineReader, Output, ReadOptions, SkippedLine};
use crate::row::Row;
use crate::via::Via;

/// Nothing is added to a message this long after the last record. A tool may still answer, and then its row is
/// amended; but a call that takes this long must be seen while it runs.
const QUIET: TimeDelta = TimeDelta::minutes(10);

/// Limits on the unknown types that are counted.
const MAX_UNKNOWN_TYPES: usize = 100;
const MAX_TYPE_CHARS: usize = 64;

/// Types of records that give no rows.
const WITHOUT_ROWS: [&str; 18] = [
    "ai-title",
    "agent-name",
    "api-request",
    "api-request-blob",
    "api-request-shape",
    "atis-latch",
    "content-replacement",
    "cost-state",
    "custom-title",
    "file-history-snapshot",
    "last-prompt",
    "mode",
    "permission-mode",
    "summary",
    "tag",
    "task-summary",
    "tools-used",
    "worktree-state",
];

/// Reads the transcript of a session, or of one of its subagents.
///
/// ```
/// use netsky_ingest::{ClaudeReader, Line, LineReader, Output, ReadOptions};
///
/// let path = "projects/-home-dev-shop/dbc37749-33f1-470e-b110-7c051a3e1fef.jsonl".as_ref();
/// let mut reader = ClaudeReader::new(path, None, &ReadOptions::default());
/// let line = br#"{"type":"user","message":{"role":"user","content":"Hello"},"uuid":"a2ba4ba5","timestamp":"2026-11-23T22:02:45.870Z","cwd":"/home/dev/shop","sessionId":"dbc37749","version":"2.1.330","gitBranch":"main"}"#;
/// let mut out = Output::default();
/// reader.read(Line { bytes: line, offset: 0 }, &mut out).unwrap();
/// assert_eq!(out.sightings[0].row.text("to_agent"), Some("shop"));
/// ```
#[derive(Debug)]
pub struct ClaudeReader {
    pub(super) path: PathBuf,
    pub(super) options: ReadOptions,
    /// The subagent, if the file is one of a subagent.
    pub(super) subagent: Option<SubagentFile>,
    pub(super) context: Context,
    /// The last call of each conversation, and those of tools without a result.
    pub(super) model_calls: Vec<ModelCall>,
    pub(super) tool_calls: Vec<ToolCall>,
}

impl ClaudeReader {
    /// Creates a reader of a file. `context` is what the reader before has returned, if lines were read already.
    pub fn new(path: &Path, context: Option<&Value>, options: &ReadOptions) -> Self {
        let subagent = SubagentFile::of(path);
        let stored = context.and_then(|context| serde::Deserialize::deserialize(context).ok());
        let is_new = stored.is_none();
        let mut context: Context = stored.unwrap_or_default();
        if let Some(file) = &subagent {
            if is_new {
                context.root_cwd = subagent_file::session_cwd(path);
            }
            if let Some(agent_type) = &file.agent_type {
                let dispatch = file.tool_use_id.as_deref().unwrap_or_default();
                context.add_agent(&file.agent_id, agent_type, dispatch);
            }
        }
        Self {
            path: path.to_owned(),
            options: options.clone(),
            subagent,
            context,
            model_calls: Vec::new(),
            tool_calls: Vec::new(),
        }
    }

    fn record(&mut self, record: &Record<'_>, offset: u64, out: &mut Output) {
        let kind = record.kind.text().unwrap_or_default();
        let time = origin::time(record);
        if let Some(time) = time {
            self.add_time(record, kind, time, out);
        }
        match (kind, time) {
            ("queue-operation", Some(time)) => {
                self.notice(record.content.text(), time, out);
            }
            ("attachment", Some(time)) => {
                let attachment = record.attachment.fields();
                self.notice(attachment.and_then(|attachment| attachment.prompt.text()), time, out);
            }
            ("progress", Some(time)) => self.progress(record, time, offset, out),
            ("pr-link", Some(time)) => {
                let origin = self.origin(record, time);
                self.pull_request(record, &origin, out);
            }
            ("assistant" | "user" | "system", Some(time)) => {
                let origin = self.origin(record, time);
                self.step(record, &origin, offset, out);
            }
            ("queue-operation" | "attachment" | "progress" | "pr-link", None) => {}
            ("assistant" | "user" | "system", None) => {}
            (kind, _) if WITHOUT_ROWS.contains(&kind) => {}
            (kind, _) => add_unknown(kind, out),
        }
    }

    /// Notes the time of a record of a session.
    fn add_time(&mut self, record: &Record<'_>, kind: &str, time: DateTime<Utc>, out: &mut Output) {
        self.context.add_time(time);
        let id = record.session_id.name();
        let session = id.and_then(|id| self.context.session(id, record.cwd.name()));
        // What is typed while nothing runs waits in the queue: the session need not be at work.
        let (Some(session), false) = (session, kind == "queue-operation") else { return };
        if self.options.since.is_some_and(|since| time < since) {
            return;
        }
        let reference = session.reference(self.options.agent.as_deref());
        let update = out.session(&reference, Via::Transcript);
        update.spans.add(time);
        if update.cwd.is_none() {
            update.cwd = Some(session.cwd.clone());
            // Copies under other names, and files of several sessions, are not where a session is looked for.
            let is_own = self.subagent.is_none()
                && self.path.file_stem().is_some_and(|stem| stem.to_string_lossy() == session.id);
            update.transcript = is_own.then(|| self.path.to_string_lossy().into_owned());
        }
    }

    /// Returns where a record is from.
    pub(super) fn origin<'a>(&mut self, record: &'a Record<'_>, time: DateTime<Utc>) -> Origin<'a> {
        let session_id = record.session_id.name();
        let agent = self.options.agent.as_deref();
        let cwd = record.cwd.name();
        let session = session_id.and_then(|id| self.context.session(id, cwd));
        let (session, session_cwd) = match session {
            Some(session) => (Some(session.reference(agent)), Some(session.cwd.clone())),
            None => (None, None),
        };
        let project = match (&session, agent) {
            (Some(session), _) => Some(session.agent.clone()),
            (None, Some(agent)) => Some(agent.to_owned()),
            (None, None) => cwd.and_then(crate::project::project).map(str::to_owned),
        };
        let file = self.subagent.as_ref();
        let is_subagent = file.is_some() || record.is_sidechain.is_true();
        let agent_id = record.agent_id.name().map(str::to_owned);
        let agent_id = agent_id.or_else(|| file.map(|file| file.agent_id.clone()));
        let subagent = (is_subagent || agent_id.is_some())
            .then(|| self.subagent(agent_id, record.attribution_agent.name()));
        Origin {
            time,
            session,
            session_id,
            project,
            session_cwd,
            cwd,
            git_branch: record.git_branch.name(),
            version: record.version.name(),
            subagent,
            is_progress: false,
        }
    }

    pub(super) fn subagent(&mut self, id: Option<String>, attribution: Option<&str>) -> Subagent {
        if let (Some(id), Some(kind)) = (&id, attribution) {
            self.context.add_agent(id, kind, "");
        }
        let known = id.as_deref().and_then(|id| self.context.agent_type(id));
        let kind = attribution.or(known).unwrap_or(UNKNOWN_TYPE).to_owned();
        Subagent { id, kind }
    }

    /// Reads a text that may tell that a subagent has ended.
    pub(super) fn notice(&mut self, text: Option<&str>, time: DateTime<Utc>, out: &mut Output) {
        let Some((tool_use_id, outcome)) = text.and_then(notification) else { return };
        if let Some(running) = self.context.take_running(tool_use_id) {
            self.push_ended(&running, time, outcome, out);
        }
    }

    fn pull_request(&mut self, record: &Record<'_>, origin: &Origin<'_>, out: &mut Output) {
        let session_project = origin.session_cwd.as_deref().and_then(crate::project::project);
        let repo = record.pr_repository.name().or(session_project).unwrap_or("unknown");
        let detail =
            (origin.detail()).with("number", record.pr_number.0).with("url", record.pr_url.name());
        let number = record.pr_number.0.map(|number| number.to_string()).unwrap_or_default();
        let time = origin.time.timestamp_millis().to_string();
        let key = key("git_operations.pull_request", &[repo, &number, &time]);
        let record = GitOperationRecord {
            ts_utc: origin.time,
            operation: "pull_request",
            repo,
            branch: None,
            remote: None,
            from_sha: None,
            to_sha: None,
            status: "ok",
            detail_json: None,
        };
        self.push_row(Some((Row::new(&record, detail), vec![key])), origin, out);
    }
}

impl LineReader for ClaudeReader {
    fn read(&mut self, line: Line<'_>, out: &mut Output) -> Result<(), SkippedLine> {
        parse(line.bytes, |record| self.record(record, line.offset, out))
    }

    fn end(&mut self, end: FileEnd, out: &mut Output) {
        let times = self.context.times_ms;
        let time = |millis: i64| DateTime::from_timestamp_millis(millis);
        let (first, last) = (times.map(|times| times.0), times.and_then(|times| time(times.1)));
        let is_quiet = |last: DateTime<Utc>| end.now.signed_duration_since(last) >= QUIET;
        if end.is_final || last.is_some_and(is_quiet) {
            for mut call in std::mem::take(&mut self.model_calls) {
                self.push_model_call(&mut call, out);
            }
            for call in std::mem::take(&mut self.tool_calls) {
                self.push_unanswered(call, out);
            }
        }
        // Subagents that are at work.
        let calls = std::mem::take(&mut self.tool_calls);
        for call in &calls {
            self.push_dispatched(call, out);
        }
        self.tool_calls = calls;
        let file = self.subagent.as_ref().filter(|file| file.has_finished);
        let tool_use_id = file.and_then(|file| Some((file, file.tool_use_id.as_deref()?)));
        if let (Some((file, tool_use_id)), Some(first), Some(last)) = (tool_use_id, first, last) {
            let session = self.context.first_session().map(str::to_owned);
            let running = Running::of_file(tool_use_id, session.as_deref(), &file.agent_id, first);
            self.push_ended(&running, last, Outcome::Completed, out);
        }
    }

    fn unfinished(&self) -> Option<u64> {
        let model_calls = self.model_calls.iter().filter(|call| !call.is_out);
        let model_calls = model_calls.map(|call| call.offset);
        model_calls.chain(self.tool_calls.iter().map(|call| call.offset)).min()
    }

    fn context(&self) -> Value {
        serde_json::to_value(&self.context).unwrap_or_default()
    }
}

/// Counts a record of a type that is not known.
fn add_unknown(kind: &str, out: &mut Output) {
    let kind: String = kind.chars().take(MAX_TYPE_CHARS).collect();
    if out.unknown.len() < MAX_UNKNOWN_TYPES || out.unknown.contains_key(&kind) {
        let count = out.unknown.entry(kind).or_default();
        *count = count.saturating_add(1);
    }
}
