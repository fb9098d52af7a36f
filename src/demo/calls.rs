//! Generators of the tables of calls: tools, models, commands.

use chrono::{DateTime, Utc};

use crate::demo::code::REPOS;
use crate::demo::event_context::{AGENTS, EventContext, Generator, STUCK, Texts, keep, move_end};
use crate::demo::vocabulary::{TO_OWNER, json};
use crate::schema::{CliInvocationRecord, McpToolCallRecord, TokenUsageRecord};

#[derive(Clone, Copy)]
struct Tool {
    source: &'static str,
    name: &'static str,
    median_ms: i64,
    /// How far durations spread around the median, as in [`DemoRng::skewed`].
    octaves: i64,
    /// The key of its request parameter, and possible values.
    request: (&'static str, &'static [&'static str]),
    fails_in_thousand: u32,
    error: &'static str,
}

const TOOLS: [(u32, Tool); 10] = [
    (
        300,
        tool("builtin", "Bash", 900, 7).asks("command", COMMAND_LINES).fails(55, "exit code {n}"),
    ),
    (246, tool("builtin", "Read", 38, 3).asks("file_path", FILE).fails(8, "no such file: {file}")),
    (210, tool("builtin", "Edit", 61, 3).asks("file_path", FILE).fails(31, "not found in {file}")),
    (130, tool("builtin", "Grep", 117, 4).asks("pattern", PATTERNS).fails(5, "unclosed group")),
    (36, tool("builtin", "Write", 52, 3).asks("file_path", FILE).fails(6, "read-only: {file}")),
    (24, tool("builtin", "WebFetch", 2_300, 5).asks("url", PAGE).fails(92, "HTTP 503: \"busy\"")),
    (22, tool("tracker", "update_issue", 640, 3).asks("issue", TICKET).fails(24, "no {ticket}")),
    (14, tool("imessage", "reply", 350, 4).asks("text", TO_OWNER).fails(12, "not delivered")),
    (10, tool("forge", "open_pull", 1_750, 3).asks("branch", BRANCH).fails(45, "{branch} is open")),
    (8, tool("email", "send", 810, 4).asks("subject", TICKET).fails(15, "451: mailbox busy")),
];

const FILE: &[&str] = &["{file}"];
const TICKET: &[&str] = &["{ticket}"];
const BRANCH: &[&str] = &["{branch}"];
const PAGE: &[&str] = &["https://docs.example.org/?q={ticket}&page={n}"];
const PATTERNS: &[&str] = &[r"fn \w+_all", r"unwrap\(\)", "{ticket}", "größe|size"];
const COMMAND_LINES: &[&str] = &[
    "cargo test",
    "cargo clippy --all-targets",
    "git log --format='%h \"%s\"' -n {n}",
    "rg -n \"TODO\" {file}",
    "git diff main...{branch} -- {file}",
    "just bench | tail -n {n}",
];

const fn tool(source: &'static str, name: &'static str, median_ms: i64, octaves: i64) -> Tool {
    Tool { source, name, median_ms, octaves, request: ("", &[]), fails_in_thousand: 0, error: "" }
}

impl Tool {
    const fn asks(self, key: &'static str, values: &'static [&'static str]) -> Self {
        Self { request: (key, values), ..self }
    }

    const fn fails(self, in_thousand: u32, error: &'static str) -> Self {
        Self { fails_in_thousand: in_thousand, error, ..self }
    }
}

/// Calls that take longer have probably timed out.
const TIMEOUT_MS: i64 = 30_000;

/// The number of tool calls that run at the end.
const RUNNING_AT_END: u64 = 2;

/// Generates tool calls. One is stuck at the end, and some run.
pub(super) struct ToolCalls {
    rows_left: u64,
    /// The numbers of the requests to models that the calls belong to.
    requests: Box<dyn Iterator<Item = u64>>,
    has_stuck: bool,
}

impl ToolCalls {
    /// So many calls of so many requests.
    pub(super) fn new(rows: u64, requests: u64) -> Self {
        let number = move |row| (u128::from(requests) * u128::from(row) / u128::from(rows)) as u64;
        Self { rows_left: rows, requests: Box::new((0..rows).map(number)), has_stuck: false }
    }

    /// A call of a request, after the end of the history.
    pub(super) fn after_end(request: u64) -> Self {
        let requests = Box::new(std::iter::repeat(request));
        Self { rows_left: u64::MAX, requests, has_stuck: true }
    }
}

impl Generator for ToolCalls {
    type Row<'t> = McpToolCallRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> McpToolCallRecord<'t> {
        let [error, request, response, ..] = texts;
        let number = self.requests.next().unwrap_or_default();
        let is_stuck = context.at >= context.history.call_stuck && !self.has_stuck;
        let is_running = self.rows_left <= RUNNING_AT_END;
        self.has_stuck |= is_stuck;
        self.rows_left = self.rows_left.saturating_sub(1);
        let agent = if is_stuck { STUCK } else { context.agent_of_request(number) };
        let session = context.session_id(agent);
        let rng = &mut context.rng;
        let tool = if is_stuck || is_running { TOOLS[0].1 } else { rng.weighted(&TOOLS) };
        let duration = rng.skewed(tool.median_ms, tool.octaves).max(1);
        let race = duration >= TIMEOUT_MS && rng.in_thousand(600);
        let failure = match race {
            true => rng.one_in(2).then(|| "timed out after 30 s".to_owned()),
            false => rng.in_thousand(tool.fails_in_thousand).then(|| rng.fill(tool.error)),
        };
        let (key, values) = tool.request;
        let value = json(&rng.say(values));
        let bytes = rng.skewed(1_800, 6);
        let never_ends = tool.octaves >= 5 && rng.one_in(2_500);
        let never_ends = never_ends || is_stuck || is_running;
        let end = context.after_ms(duration).filter(|_| !never_ends);
        let failure = failure.filter(|_| end.is_some());
        McpToolCallRecord {
            ts_utc_start: context.at,
            ts_utc_end: end,
            source: tool.source,
            tool: tool.name,
            agent: Some(AGENTS[agent]),
            duration_ms: end.map(|_| duration),
            success: end.is_some() && failure.is_none(),
            error: failure.map(|text| keep(error, text)),
            timeout_race: race && end.is_some(),
            request_json: Some(keep(
                request,
                format!(
                    r#"{{"session_id":"{session}","request_id":"{number:08x}","{key}":{value}}}"#
                ),
            )),
            response_json: end.map(|_| keep(response, format!(r#"{{"bytes":{bytes}}}"#))),
        }
    }

    fn end_at(row: &mut McpToolCallRecord<'_>, time: DateTime<Utc>) {
        move_end(&mut row.ts_utc_start, &mut row.ts_utc_end, time);
    }
}

#[derive(Clone, Copy)]
struct Model {
    name: &'static str,
    /// Prices per token, in hundredths of a millionth of a US dollar.
    input: i64,
    output: i64,
    cached: i64,
    cache_write: i64,
    /// The median number of cached tokens that a call reads.
    context: i64,
}

const OPUS: Model = Model {
    name: "opus-4",
    input: 1_500,
    output: 7_500,
    cached: 150,
    cache_write: 1_875,
    context: 48_000,
};
const SONNET: Model = Model {
    name: "sonnet-4",
    input: 300,
    output: 1_500,
    cached: 30,
    cache_write: 375,
    context: 31_000,
};
const HAIKU: Model =
    Model { name: "haiku-4", input: 80, output: 400, cached: 8, cache_write: 100, context: 6_000 };

/// Generates the requests to models, and numbers them.
#[derive(Default)]
pub(super) struct TokenUsage {
    pub(super) requests: u64,
}

impl Generator for TokenUsage {
    type Row<'t> = TokenUsageRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> TokenUsageRecord<'t> {
        let [session, detail, ..] = texts;
        let request = self.requests;
        self.requests += 1;
        let agent = context.agent_of_request(request);
        let session = keep(session, context.session_id(agent));
        let rng = &mut context.rng;
        let model = match agent {
            0 => rng.weighted(&[(9, OPUS), (1, HAIKU)]),
            _ => rng.weighted(&[(2, OPUS), (6, SONNET), (2, HAIKU)]),
        };
        let input = rng.skewed(900, 5);
        let output = rng.skewed(260, 5);
        let cached = if rng.one_in(12) { 0 } else { rng.skewed(model.context, 3) };
        let ms = rng.skewed(3_200, 3);
        let written = rng.skewed(450, 4);
        let prices = [
            (input, model.input),
            (output, model.output),
            (cached, model.cached),
            (written, model.cache_write),
        ];
        let cost = prices.iter().map(|(tokens, price)| tokens * price).sum::<i64>() / 100;
        let directory = REPOS[agent % REPOS.len()];
        TokenUsageRecord {
            ts_utc: context.at,
            session_id: Some(session),
            agent: Some(AGENTS[agent]),
            model: Some(model.name),
            input_tokens: Some(input),
            output_tokens: Some(output),
            cached_input_tokens: Some(cached),
            cost_usd_micros: Some(cost),
            detail_json: Some(keep(
                detail,
                format!(
                    r#"{{"runtime":"claude","request_id":"{request:08x}","cwd":"/src/{directory}","cache_creation":{written},"duration_ms":{ms}}}"#
                ),
            )),
        }
    }
}

#[derive(Clone, Copy)]
struct Command {
    bin: &'static str,
    arguments: &'static str,
    median_ms: i64,
    fails_in_thousand: u32,
    failing_exit_code: i64,
}

const COMMANDS: [(u32, Command); 10] = [
    (20, command("cargo", "test --workspace", 21_000, 140, 101)),
    (16, command("cargo", "clippy --all-targets", 9_000, 60, 101)),
    (15, command("git", "status --short", 25, 1, 128)),
    (12, command("git", "diff main", 40, 2, 128)),
    (9, command("rg", "-n {ticket}", 60, 210, 1)),
    (8, command("netsky", "query --file questions/cost.sql", 45, 15, 2)),
    (7, command("git", "push origin {branch}", 1_400, 45, 1)),
    (5, command("just", "nightly", 95_000, 90, 1)),
    (5, command("netsky", "tables", 18, 1, 1)),
    (3, command("sh", "scripts/nightly.sh --keep {n}", 30_000, 70, 2)),
];

const fn command(
    bin: &'static str,
    arguments: &'static str,
    median_ms: i64,
    fails_in_thousand: u32,
    failing_exit_code: i64,
) -> Command {
    Command { bin, arguments, median_ms, fails_in_thousand, failing_exit_code }
}

const HOSTS: [(u32, &str); 3] = [(6, "anvil"), (3, "harbor"), (1, "kiln")];

pub(super) struct CliInvocations;

impl Generator for CliInvocations {
    type Row<'t> = CliInvocationRecord<'t>;

    fn row<'t>(
        &mut self,
        context: &mut EventContext<'_>,
        texts: &'t mut Texts,
    ) -> CliInvocationRecord<'t> {
        let [argv, ..] = texts;
        let rng = &mut context.rng;
        let command = rng.weighted(&COMMANDS);
        let arguments = rng.fill(command.arguments);
        let words: Vec<String> =
            [command.bin].into_iter().chain(arguments.split(' ')).map(json).collect();
        let exit_code = match rng.in_thousand(command.fails_in_thousand) {
            true => command.failing_exit_code,
            false => 0,
        };
        let killed = rng.one_in(400);
        let duration = rng.skewed(command.median_ms, 3);
        CliInvocationRecord {
            ts_utc: context.at,
            bin: command.bin,
            argv_json: keep(argv, format!("[{}]", words.join(", "))),
            exit_code: (!killed).then_some(exit_code),
            duration_ms: (!killed).then_some(duration),
            host: rng.weighted(&HOSTS),
        }
    }
}
