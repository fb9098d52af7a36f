//! Agents that a thread starts.

use chrono::{DateTime, Utc};
use netsky_db::CloneDispatchRecord;
use serde_json::Value;

use super::context::{AgentRun, Call};
use super::json::text;
use super::output::ToolOutput;
use super::reader::CodexReader;
use super::record::Record;
use super::session_meta::name_of_path;
use crate::detail::Detail;
use crate::key;
use crate::project::project;
use crate::reader::Output;
use crate::shorten::start_of;
use crate::sighting::Sighting;
use crate::{Row, Via};

/// What is told of an agent at once.
#[derive(Default)]
struct Told<'a> {
    end: Option<DateTime<Utc>>,
    status: &'a str,
    brief: Option<&'a str>,
    path: Option<&'a str>,
    model: Option<&'a str>,
}

impl CodexReader {
    /// Reads the item that tells what an agent does.
    pub(super) fn agent_item(
        &mut self,
        item: &Value,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        out: &mut Output,
    ) {
        let Some(agent_id) = text(item, "agent_thread_id") else { return };
        let (path, model) = (text(item, "agent_path"), text(item, "model"));
        match text(item, "kind").unwrap_or_default() {
            "started" => {
                let call_id = text(item, "id");
                let brief = call_id.and_then(|id| self.context.calls.get(id)?.text.clone());
                let run = AgentRun { start, call_id: call_id.map(str::to_owned) };
                self.context.add_agent(agent_id, run);
                let told =
                    Told { end: None, status: "running", brief: brief.as_deref(), path, model };
                self.agent_run(agent_id, told, out);
            }
            kind @ ("completed" | "interrupted" | "failed") => {
                let status = if kind == "completed" { "completed" } else { "failed" };
                self.agent_run(
                    agent_id,
                    Told { end: Some(end), status, path, model, ..Told::default() },
                    out,
                );
            }
            _ => {}
        }
    }

    /// Reads what the outputs of older versions tell of agents: `spawn_agent` the id, `wait` how they ended.
    pub(super) fn agents_of_output(
        &mut self,
        call_id: &str,
        call: &Call,
        output: &ToolOutput,
        end: DateTime<Utc>,
        out: &mut Output,
    ) {
        if !matches!(call.tool.as_str(), "spawn_agent" | "wait" | "close_agent") {
            return;
        }
        let Ok(output) = serde_json::from_str::<Value>(&output.text) else { return };
        if call.tool == "spawn_agent" {
            let Some(agent_id) = text(&output, "agent_id") else { return };
            let run = AgentRun { start: call.start, call_id: Some(call_id.to_owned()) };
            self.context.add_agent(agent_id, run);
            let told = Told { status: "running", brief: call.text.as_deref(), ..Told::default() };
            self.agent_run(agent_id, told, out);
            return;
        }
        for (agent_id, status) in
            output.get("status").and_then(Value::as_object).into_iter().flatten()
        {
            let status = match status {
                Value::Object(status) if status.contains_key("completed") => "completed",
                Value::Object(status) if status.contains_key("errored") => "failed",
                Value::String(status) if status == "shutdown" => "completed",
                _ => continue,
            };
            self.agent_run(agent_id, Told { end: Some(end), status, ..Told::default() }, out);
        }
    }

    /// Hands out what is known of an agent that this thread has started.
    fn agent_run(&self, agent_id: &str, told: Told<'_>, out: &mut Output) {
        let Some(run) = self.context.agents.get(agent_id) else { return };
        let thread = self.context.thread.as_ref();
        let cwd = thread.and_then(|thread| thread.cwd.as_deref());
        let kind = told.path.and_then(name_of_path);
        let agent =
            cwd.and_then(project).zip(kind).map(|(project, kind)| format!("{project}/{kind}"));
        let detail = self
            .detail()
            .with("tool_use_id", run.call_id.as_deref())
            .with("agent", agent)
            .with("agent_path", told.path)
            .with("model", told.model);
        let brief = self.content(told.brief).map(|brief| start_of(brief, 16_384));
        let row = CloneDispatchRecord {
            ts_utc_start: run.start,
            ts_utc_end: told.end.map(|end| end.max(run.start)),
            agent_id: start_of(agent_id, 256),
            runtime: Some("codex"),
            brief_path: None,
            brief,
            workspace: cwd,
            branch: thread.and_then(|thread| thread.git_branch.as_deref()),
            status: Some(told.status),
            exit_code: None,
            detail_json: None,
        };
        let call = run.call_id.as_deref().map(|id| key::dispatch(&self.key_id(id)));
        let keys = call.into_iter().chain([key::dispatched_agent(agent_id)]);
        self.push(self.sighting(&row, detail, keys), out);
    }

    /// Hands out that the agent whose thread this is has ended a turn. Older versions do not tell it in the thread
    /// that has started the agent.
    pub(super) fn end_run(&self, record: &Record<'_>, status: &str, out: &mut Output) {
        let Some(thread) = &self.context.thread else { return };
        let (Some(start), Some(end), Some(_)) = (thread.born, record.time, &thread.parent) else {
            return;
        };
        let row = CloneDispatchRecord {
            ts_utc_start: start,
            ts_utc_end: Some(end.max(start)),
            agent_id: start_of(&thread.id, 256),
            runtime: Some("codex"),
            brief_path: None,
            brief: None,
            workspace: None,
            branch: None,
            status: Some(status),
            exit_code: None,
            detail_json: None,
        };
        // The rest of the row, and the session, are for the other thread to tell.
        let detail = Detail::default().with("runtime", Some("codex"));
        let keys = [key::dispatched_agent(&thread.id)];
        self.push(Sighting::new(Via::Transcript, Row::new(&row, detail), keys), out);
    }
}
