//! Dispatched subagents: the rows of `clone_dispatches`.

use chrono::{DateTime, Utc};
use netsky_db::CloneDispatchRecord;
use netsky_db::internal::Key;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lenient::MAX_NAME_BYTES;
use super::origin::{Origin, RUNTIME};
use super::tool_result::ToolResult;
use crate::detail::Detail;
use crate::key;
use crate::reader::ReadOptions;
use crate::row::Row;
use crate::shorten::start_of;

/// More than the 16,384 characters of a brief.
const MAX_BRIEF_BYTES: usize = 4 * 16_384;

/// The type of a subagent that no record tells the type of.
pub(super) const UNKNOWN_TYPE: &str = "agent";

/// The dispatch of a subagent by a call of a tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Dispatch {
    tool_use_id: String,
    time_ms: i64,
    /// The subagent, as soon as it is known.
    pub(super) agent_id: Option<String>,
    /// Its type.
    pub(super) agent_type: String,
    brief: Option<String>,
    workspace: Option<String>,
    branch: Option<String>,
    detail: Detail,
}

/// A subagent that runs on after the call that dispatched it was answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Running {
    pub(super) tool_use_id: String,
    pub(super) session: Option<String>,
    agent_id: String,
    is_first: bool,
    time_ms: i64,
}

/// How a subagent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Completed,
    Failed,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

impl Dispatch {
    pub(super) fn new(
        tool_use_id: &str,
        input: &Value,
        origin: &Origin<'_>,
        options: &ReadOptions,
    ) -> Self {
        let text = |key: &str| input.get(key).and_then(Value::as_str);
        let with_content = |text: &&str| !text.is_empty() && !options.without_content;
        let short = |text| start_of(text, MAX_NAME_BYTES);
        let agent_type = short(text("subagent_type").unwrap_or(UNKNOWN_TYPE)).to_owned();
        let agent = origin.project.as_deref().map(|project| format!("{project}/{agent_type}"));
        let detail = (origin.detail())
            .with("agent", agent)
            .with("tool_use_id", Some(tool_use_id))
            .with("subagent_type", text("subagent_type").map(short))
            .with("description", text("description").filter(with_content).map(short));
        Self {
            tool_use_id: tool_use_id.to_owned(),
            time_ms: origin.time.timestamp_millis(),
            agent_id: None,
            agent_type,
            brief: (text("prompt").filter(with_content))
                .map(|brief| start_of(brief, MAX_BRIEF_BYTES).to_owned()),
            workspace: origin.cwd.map(str::to_owned),
            branch: origin.git_branch.map(str::to_owned),
            detail,
        }
    }

    /// Returns the subagent, if it runs on although the call was answered.
    pub(super) fn running(
        &self,
        result: &ToolResult<'_>,
        session: Option<&str>,
        is_first: bool,
    ) -> Option<Running> {
        is_launch(result).then(|| Running {
            tool_use_id: self.tool_use_id.clone(),
            session: session.map(str::to_owned),
            agent_id: self.agent_id().to_owned(),
            is_first: is_first && self.agent_id.is_some(),
            time_ms: self.time_ms,
        })
    }

    /// Returns its row. `is_first` says whether no call before has dispatched the same subagent: one that is
    /// resumed is dispatched twice.
    pub(super) fn row(
        &self,
        result: Option<&ToolResult<'_>>,
        is_first: bool,
    ) -> Option<(Row, Vec<Key>)> {
        let more = result.and_then(|result| result.more);
        let end = result.filter(|result| !is_launch(result));
        let outcome =
            end.map(|end| if end.is_error { Outcome::Failed } else { Outcome::Completed });
        let detail = (self.detail.clone())
            .with("total_tokens", more.and_then(|more| more.total_tokens.0))
            .with("total_tool_uses", more.and_then(|more| more.total_tool_use_count.0))
            .with("total_duration_ms", more.and_then(|more| more.total_duration_ms.0))
            .with("model", more.and_then(|more| more.resolved_model.name()));
        let record = CloneDispatchRecord {
            ts_utc_start: DateTime::from_timestamp_millis(self.time_ms)?,
            ts_utc_end: end.map(|end| end.time),
            agent_id: self.agent_id(),
            runtime: Some(RUNTIME),
            brief_path: None,
            brief: self.brief.as_deref(),
            workspace: self.workspace.as_deref(),
            branch: self.branch.as_deref(),
            status: Some(outcome.map_or("running", Outcome::name)),
            exit_code: None,
            detail_json: None,
        };
        let agent_id = self.agent_id.as_deref().filter(|_| is_first);
        Some((Row::new(&record, detail), keys(&self.tool_use_id, agent_id)))
    }

    /// Forgets the longest text, after the row was handed out.
    pub(super) fn forget_brief(&mut self) {
        self.brief = None;
    }

    /// The subagent; before it is known, the call that dispatched it.
    fn agent_id(&self) -> &str {
        self.agent_id.as_deref().unwrap_or(&self.tool_use_id)
    }
}

impl Running {
    /// A subagent, from its own file.
    pub(super) fn of_file(
        tool_use_id: &str,
        session: Option<&str>,
        agent_id: &str,
        time_ms: i64,
    ) -> Self {
        Self {
            tool_use_id: tool_use_id.to_owned(),
            session: session.map(str::to_owned),
            agent_id: agent_id.to_owned(),
            is_first: true,
            time_ms,
        }
    }

    /// Returns its row when it has ended.
    pub(super) fn row(&self, end: DateTime<Utc>, outcome: Outcome) -> Option<(Row, Vec<Key>)> {
        let record = CloneDispatchRecord {
            ts_utc_start: DateTime::from_timestamp_millis(self.time_ms)?,
            ts_utc_end: Some(end),
            agent_id: &self.agent_id,
            runtime: Some(RUNTIME),
            brief_path: None,
            brief: None,
            workspace: None,
            branch: None,
            status: Some(outcome.name()),
            exit_code: None,
            detail_json: None,
        };
        let detail = Detail::default()
            .with("runtime", Some(RUNTIME))
            .with("session_id", self.session.as_deref())
            .with("tool_use_id", Some(self.tool_use_id.as_str()));
        let agent_id = Some(self.agent_id.as_str()).filter(|_| self.is_first);
        Some((Row::new(&record, detail), keys(&self.tool_use_id, agent_id)))
    }
}

fn keys(tool_use_id: &str, agent_id: Option<&str>) -> Vec<Key> {
    let of_agent = agent_id.map(key::dispatched_agent);
    [key::dispatch(tool_use_id)].into_iter().chain(of_agent).collect()
}

/// Whether the result of a call says only that the subagent has begun.
fn is_launch(result: &ToolResult<'_>) -> bool {
    let status = result.more.and_then(|more| more.status.name());
    !result.is_error && matches!(status, Some("async_launched" | "teammate_spawned"))
}

/// Returns the call and the outcome in a text that tells that a subagent has ended.
pub(super) fn notification(text: &str) -> Option<(&str, Outcome)> {
    let text = text.trim_start().strip_prefix("<task-notification>")?;
    let tool_use_id = element(text, "<tool-use-id>", "</tool-use-id>")?;
    let outcome = match element(text, "<status>", "</status>")? {
        "completed" => Outcome::Completed,
        "failed" | "killed" | "stopped" | "error" => Outcome::Failed,
        _ => return None,
    };
    Some((tool_use_id, outcome))
}

fn element<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, text) = text.split_once(start)?;
    Some(text.split_once(end)?.0.trim())
}

#[cfg(test)]
mod tests {
    use super::{Outcome, notification};

    #[test]
    fn a_notification_names_the_call_and_its_end() {
        let text = |status: &str| {
            format!(
                "<task-notification>\n<task-id>a1</task-id>\n<tool-use-id>toolu_1</tool-use-id>\n<status>{status}</status>"
            )
        };
        assert_eq!(notification(&text("completed")), Some(("toolu_1", Outcome::Completed)));
        assert_eq!(notification(&text("killed")), Some(("toolu_1", Outcome::Failed)));
        assert_eq!(notification(&text("running")), None);
        assert_eq!(notification("see <task-notification>"), None);
        assert_eq!(notification("<task-notification><status>completed</status>"), None);
    }
}
