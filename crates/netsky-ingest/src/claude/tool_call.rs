//! Calls of tools: the rows of `mcp_tool_calls`, and of `cli_invocations` and `git_operations` if the tool ran a
//! command.

use chrono::{DateTime, Utc};
use netsky_db::{CliInvocationRecord, GitOperationRecord, McpToolCallRecord};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::dispatch::Dispatch;
use super::origin::Origin;
use super::record::{Block, Record};
use super::tool_result::ToolResult;
use crate::detail::Detail;
use crate::key;
use crate::project::project;
use crate::reader::ReadOptions;
use crate::row::Row;
use crate::shell;
use crate::shorten::{shortened, start_of};

/// The limit on an input in `request_json`, of which some are megabytes long. It leaves room for the other details in its 8,192 characters: if they
/// were more, all of them would be shortened.
const MAX_INPUT_BYTES: usize = 7_000;
/// The limit on `response_json`, and that on the text in it.
const MAX_RESPONSE_BYTES: usize = 8_192;
const MAX_TEXT_BYTES: usize = 2_048;
/// More than the 2,048 characters of an error.
const MAX_ERROR_BYTES: usize = 4 * 2_048;
/// No system runs a longer command.
const MAX_COMMAND_BYTES: usize = 128 << 10;

/// A call of a tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ToolCall {
    pub(super) id: String,
    /// The conversation and the message that it belongs to.
    pub(super) chain: String,
    pub(super) message: String,
    /// Where its line begins.
    #[serde(skip)]
    pub(super) offset: u64,
    time_ms: i64,
    name: String,
    /// The session.
    pub(super) session: Option<String>,
    session_cwd: Option<String>,
    agent: Option<String>,
    detail: Detail,
    git_branch: Option<String>,
    /// The command that it runs.
    command: Option<String>,
    /// The subagent that it dispatches.
    pub(super) dispatch: Option<Dispatch>,
}

impl ToolCall {
    /// Creates one from a block of a message. `None` if it has no id.
    pub(super) fn new(
        block: &Block<'_>,
        message: &str,
        offset: u64,
        origin: &Origin<'_>,
        record: &Record<'_>,
        options: &ReadOptions,
    ) -> Option<Self> {
        let id = block.id.name()?;
        let name = block.name.name().unwrap_or("unknown");
        let input = block.input.as_ref();
        let mut detail = (origin.detail())
            .with("tool_use_id", Some(id))
            .with("request_id", record.request_id.name());
        if !options.without_content {
            detail.set("input", input.map(|input| shortened(input, MAX_INPUT_BYTES)));
        }
        // One without a command was called, too, and refused.
        let command = (name == "Bash").then(|| {
            input.and_then(|input| input.get("command")).and_then(Value::as_str).unwrap_or_default()
        });
        Some(Self {
            id: id.to_owned(),
            chain: origin.chain().to_owned(),
            message: message.to_owned(),
            offset,
            time_ms: origin.time.timestamp_millis(),
            name: name.to_owned(),
            session: origin.session_id.map(str::to_owned),
            session_cwd: origin.session_cwd.clone(),
            agent: origin.agent(),
            detail,
            git_branch: origin.git_branch.map(str::to_owned),
            command: command.map(|command| start_of(command, MAX_COMMAND_BYTES).to_owned()),
            dispatch: input
                .filter(|_| matches!(name, "Task" | "Agent"))
                .map(|input| Dispatch::new(id, input, origin, options)),
        })
    }

    /// Forgets what a later row need not tell again.
    pub(super) fn forget_texts(&mut self) {
        self.detail.remove("input");
        if let Some(dispatch) = &mut self.dispatch {
            dispatch.forget_brief();
        }
    }

    /// Returns its rows, with the keys of each.
    pub(super) fn rows(
        &self,
        result: Option<&ToolResult<'_>>,
        options: &ReadOptions,
    ) -> Vec<(Row, Vec<[u8; 16]>)> {
        let Some(start) = DateTime::from_timestamp_millis(self.time_ms) else { return Vec::new() };
        let end = result.map(|result| result.time);
        let duration = end.map(|end| end.timestamp_millis().saturating_sub(self.time_ms));
        let duration = duration.filter(|duration| *duration >= 0);
        let mut rows = vec![self.row(start, end, duration, result, options)];
        if let (Some(command), Some(result)) = (&self.command, result) {
            self.add_command(start, duration, command, result, options, &mut rows);
        }
        rows
    }

    fn row(
        &self,
        start: DateTime<Utc>,
        end: Option<DateTime<Utc>>,
        duration: Option<i64>,
        result: Option<&ToolResult<'_>>,
        options: &ReadOptions,
    ) -> (Row, Vec<[u8; 16]>) {
        let (source, tool) = source_and_tool(&self.name);
        let error = result.and_then(|result| match () {
            () if result.is_interrupted() => Some("interrupted"),
            () if result.is_error && !options.without_content => {
                Some(start_of(&result.text, MAX_ERROR_BYTES))
            }
            () => None,
        });
        let response = result.map(|result| response(result, self.command.is_some(), options));
        let record = McpToolCallRecord {
            ts_utc_start: start,
            ts_utc_end: end,
            source,
            tool,
            agent: self.agent.as_deref(),
            duration_ms: duration,
            success: result.is_some_and(|result| !result.is_error),
            error,
            timeout_race: false,
            request_json: None,
            response_json: response.as_deref(),
        };
        (Row::new(&record, self.detail.clone()), vec![key::tool_call(&self.id)])
    }

    fn add_command(
        &self,
        start: DateTime<Utc>,
        duration: Option<i64>,
        command: &str,
        result: &ToolResult<'_>,
        options: &ReadOptions,
        rows: &mut Vec<(Row, Vec<[u8; 16]>)>,
    ) {
        let exit_code = result.exit_code();
        let invocation = shell::invocation(command);
        let record = CliInvocationRecord {
            ts_utc: start,
            bin: &invocation.bin,
            argv_json: if options.without_content { "[]" } else { &invocation.argv_json },
            exit_code,
            duration_ms: duration,
            host: &options.host,
        };
        rows.push((Row::new(&record, Detail::default()), vec![key::command(&self.id)]));
        let succeeded = exit_code.map(|code| code == 0).or(result.is_error.then_some(false));
        for (place, operation) in
            shell::git::operations(command, &result.text, succeeded).into_iter().enumerate()
        {
            let repo = self.repo(operation.repo_dir.as_deref());
            let record = GitOperationRecord {
                ts_utc: start,
                operation: operation.operation,
                repo: repo.unwrap_or("unknown"),
                branch: operation.branch.as_deref().or(self.git_branch.as_deref()),
                remote: operation.remote.as_deref(),
                from_sha: None,
                to_sha: operation.to_sha.as_deref(),
                status: operation.status.as_str(),
                detail_json: None,
            };
            let mut detail = self.detail.clone();
            detail.remove("input");
            detail.remove("request_id");
            rows.push((Row::new(&record, detail), vec![key::git(&self.id, place)]));
        }
    }

    /// The repository that a command works in. A directory below that of the session is taken for a part of it.
    fn repo<'a>(&'a self, directory: Option<&'a str>) -> Option<&'a str> {
        let is_elsewhere =
            |directory: &&str| ["/", "~/", "../"].iter().any(|start| directory.starts_with(start));
        let elsewhere = directory.filter(is_elsewhere).and_then(project);
        elsewhere.or_else(|| project(self.session_cwd.as_deref()?))
    }
}

/// Returns the server and the tool in the name of a tool: `mcp__SERVER__TOOL`, or that of a tool of Claude Code.
fn source_and_tool(name: &str) -> (&str, &str) {
    let of_server = name.strip_prefix("mcp__").and_then(|name| name.split_once("__"));
    match of_server {
        Some((server, tool)) if !server.is_empty() && !tool.is_empty() => (server, tool),
        _ => ("builtin", name),
    }
}

/// Returns the JSON of a result.
fn response(result: &ToolResult<'_>, is_command: bool, options: &ReadOptions) -> String {
    let mut response = Map::new();
    response.insert("bytes".to_owned(), json!(result.text.len()));
    if let Some(code) = result.exit_code().filter(|_| is_command) {
        response.insert("exit_code".to_owned(), json!(code));
    }
    if result.is_interrupted() {
        response.insert("interrupted".to_owned(), json!(true));
    }
    if !options.without_content {
        let text = start_of(&result.text, MAX_TEXT_BYTES);
        response.insert("text".to_owned(), json!(text));
    }
    shortened(&Value::Object(response), MAX_RESPONSE_BYTES).to_string()
}

#[cfg(test)]
mod tests {
    use super::source_and_tool;

    #[test]
    fn a_tool_of_a_server_has_its_name() {
        for (name, expected) in [
            ("mcp__linear-server__get_issue", ("linear-server", "get_issue")),
            ("mcp__a_b__c__d", ("a_b", "c__d")),
            ("mcp____x", ("builtin", "mcp____x")),
            ("mcp__x", ("builtin", "mcp__x")),
            ("Bash", ("builtin", "Bash")),
        ] {
            assert_eq!(source_and_tool(name), expected);
        }
    }
}
