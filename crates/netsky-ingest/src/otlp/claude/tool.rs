//! Tool calls: the event `tool_result`, which also tells of commands and of what Git did.

use chrono::{DateTime, Utc};
use netsky_db::{CliInvocationRecord, GitOperationRecord, McpToolCallRecord};
use serde_json::{Value as Json, json};

use super::agent::agent_of;
use super::event::Event;
use crate::otlp::mapper::Mapper;
use crate::otlp::time;
use crate::project::project;
use crate::shell;
use crate::shell::git::{self, GitStatus};
use crate::shorten::{shortened, start_of};
use crate::{Row, Sighting, Via, key};

/// The longest input, as JSON: the column takes 8,192 characters with what else stands in it.
const MAX_INPUT: usize = 4_096;
const MAX_ERROR: usize = 2_048;

pub(super) fn map(mapper: &mut Mapper<'_>, event: &Event<'_>) -> Result<(), &'static str> {
    let attributes = event.attributes;
    // Older versions tell no id. Their transcripts have the call, and nothing says which it is.
    let Some(id) = attributes.name("tool_use_id") else {
        mapper.ignore("tool_result without tool_use_id");
        return Ok(());
    };
    let name = attributes.name("tool_name").ok_or("a tool call has no name")?;
    let call = Call::new(event, id, name);
    let who = &event.who;
    let keep = !mapper.lookup.options().without_content;
    let agent_id = event.agent_id();
    let agent = agent_of(mapper, who, agent_id);

    let input = call.input.as_ref().filter(|_| keep).map(|input| shortened(input, MAX_INPUT));
    let detail = who
        .detail(agent_id)
        .with("tool_use_id", Some(id))
        .with("request_id", attributes.name("request_id"))
        .with("input", input);
    let error = attributes
        .text("error")
        .or_else(|| attributes.text("error_type"))
        .filter(|_| keep && !call.success)
        .map(|error| start_of(error, MAX_ERROR));
    let bytes = attributes.count("tool_result_size_bytes");
    let response = bytes.map(|bytes| json!({ "bytes": bytes }).to_string());
    let record = McpToolCallRecord {
        ts_utc_start: call.start,
        ts_utc_end: Some(event.time),
        source: call.server.as_deref().unwrap_or("builtin"),
        tool: call.tool.as_deref().unwrap_or(name),
        agent: Some(&agent),
        duration_ms: call.duration,
        success: call.success,
        error,
        timeout_race: false,
        request_json: None,
        response_json: response.as_deref(),
    };
    let row = Row::new(&record, detail);
    let sighting = Sighting::new(Via::Otlp, row, [key::tool_call(id)]);
    mapper.push(who, sighting, [call.start, event.time]);
    if let Some(line) = call.command()
        && keep
    {
        command(mapper, event, &call, line);
        git_operations(mapper, event, &call, line);
    }
    Ok(())
}

fn command(mapper: &mut Mapper<'_>, event: &Event<'_>, call: &Call<'_>, line: &str) {
    let shell::Invocation { bin, argv_json } = shell::invocation(line);
    let record = CliInvocationRecord {
        ts_utc: call.start,
        bin: &bin,
        argv_json: &argv_json,
        // That of a failed command is not told.
        exit_code: call.success.then_some(0),
        duration_ms: call.duration,
        host: &mapper.lookup.options().host,
    };
    let row = Row::new(&record, Default::default());
    let sighting = Sighting::new(Via::Otlp, row, [key::command(call.id)]);
    mapper.push_only(&event.who, sighting);
}

fn git_operations(mapper: &mut Mapper<'_>, event: &Event<'_>, call: &Call<'_>, line: &str) {
    let who = &event.who;
    for (place, operation) in git::operations(line, "", Some(call.success)).iter().enumerate() {
        let here = who.cwd().and_then(project).unwrap_or(&who.agent);
        let repo = operation.repo_dir.as_deref().and_then(project).unwrap_or(here);
        let commit = call.parameter("git_commit_id").filter(|_| operation.operation == "commit");
        let status = match commit {
            Some(_) => GitStatus::Ok,
            None => operation.status,
        };
        let record = GitOperationRecord {
            ts_utc: call.start,
            operation: operation.operation,
            repo,
            branch: operation.branch.as_deref(),
            remote: operation.remote.as_deref(),
            from_sha: None,
            to_sha: operation.to_sha.as_deref().or(commit),
            status: status.as_str(),
            detail_json: None,
        };
        let detail = who.detail(event.agent_id()).with("tool_use_id", Some(call.id));
        let sighting =
            Sighting::new(Via::Otlp, Row::new(&record, detail), [key::git(call.id, place)]);
        mapper.push_only(who, sighting);
    }
}

/// A tool call that has ended.
struct Call<'a> {
    id: &'a str,
    name: &'a str,
    start: DateTime<Utc>,
    duration: Option<i64>,
    success: bool,
    server: Option<String>,
    tool: Option<String>,
    parameters: Json,
    input: Option<Json>,
}

impl<'a> Call<'a> {
    fn new(event: &Event<'_>, id: &'a str, name: &'a str) -> Self {
        let attributes = event.attributes;
        let duration = attributes.count("duration_ms");
        let parameters = attributes.json("tool_parameters").unwrap_or_default();
        let named = |key| {
            let name: Option<&str> = Json::get(&parameters, key).and_then(Json::as_str);
            name.or_else(|| attributes.name(key)).map(str::to_owned)
        };
        // What a tool of a server is called without `OTEL_LOG_TOOL_DETAILS`.
        let hidden = (name == "mcp_tool").then(|| "mcp".to_owned());
        Self {
            id,
            name,
            start: time::before(event.time, duration),
            duration,
            success: attributes.flag("success").unwrap_or(false),
            server: named("mcp_server_name").or(hidden),
            tool: named("mcp_tool_name"),
            input: attributes.json("tool_input"),
            parameters,
        }
    }

    fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.get(key)?.as_str()
    }

    /// The command line of a call of Bash. The values of the input are cut off after 512 characters, and a part
    /// of a line would be another command.
    fn command(&self) -> Option<&str> {
        const MAX_BYTES: usize = 500;
        if self.name != "Bash" {
            return None;
        }
        let input = || self.input.as_ref()?.get("command")?.as_str();
        self.parameter("full_command").or_else(|| input().filter(|line| line.len() <= MAX_BYTES))
    }
}
