//! The tools. Their descriptions are all that a model knows of them.

use super::arguments::Arguments;
use super::parameter::{Parameter, Type};
use super::rows::Keep;
use super::tool::{DEFAULT_BYTES, Invocation, MAX_BYTES_PARAMETER, Output, Tool};

const SINCE: &str =
    "A time (RFC 3339), a date (its midnight in UTC), or an age: 90s, 15m, 6h, 7d, 4w.";

/// The sessions of programs, the last one first. A subagent is `project/type`.
const SESSIONS: &str = "\
SELECT session_id, agent, runtime, models, ts_utc_first, ts_utc_last, usd, calls, unpriced, input_tokens,
  output_tokens, cached_input_tokens, cache_write_tokens, tool_calls, errors, prompts, branch, cwd
FROM v_agent_sessions";

const QUERY: Tool = Tool {
    name: "query",
    title: "Run SQL",
    description: "Runs one read-only SQL query (DataFusion, PostgreSQL's dialect) over all that the fleet of \
        coding agents did: messages, tool calls, model calls with tokens and cost, sessions, git, crashes. Use it \
        for what the other tools do not answer; read `schema` first. Times are in UTC; cost_usd_micros is in \
        millionths of a dollar; *_ms are milliseconds; detail_json->>'key' reads JSON text. Aggregate, bound the \
        time (ts_utc > now() - INTERVAL '1 day') or add LIMIT. A query ends after 30 s. If it fails, the error \
        has a hint and the nearest names.",
    parameters: &[
        Parameter::new("sql", Type::Text, "One SELECT, WITH, VALUES, EXPLAIN, DESCRIBE or SHOW.")
            .required(),
        Parameter::new(
            "params",
            Type::Values,
            "The values of $name, by name, or of $1, $2 in order. An age such as 7d is that time ago.",
        ),
        Parameter::new(
            "max_rows",
            Type::Int { min: 1, max: 10_000 },
            "At most this many rows; the answer says whether there are more.",
        ),
        MAX_BYTES_PARAMETER,
    ],
    invocation: |arguments| Invocation {
        input: arguments.text("sql").unwrap_or_default().to_owned(),
        ..query(arguments).values(arguments.values("params")).options(arguments, &["max_rows"])
    },
    more: "The query has more rows. Aggregate, select fewer columns or a shorter time, or go on after the last row: \
        with ORDER BY id and WHERE id > its id, or with LIMIT and OFFSET.",
    writes: false,
};

const SCHEMA: Tool = Tool {
    name: "schema",
    title: "Show tables and columns",
    description: "Describes the store. Without table: all tables and views in a line each, with their columns, types \
        and enumerations (3 KB); read this before the first query. With table: every column of it with what it \
        means. Views (v_*) answer frequent questions: prefer them.",
    parameters: &[
        Parameter::new("table", Type::Text, "A table or view, such as token_usage or v_timeline."),
        MAX_BYTES_PARAMETER,
    ],
    invocation: |arguments| match arguments.text("table") {
        Some(table) => Invocation::rows("schema", Keep::First).operand(Some(table)),
        None => ddl(),
    },
    more: "Ask for more with max_bytes.",
    writes: false,
};

const FUNCTIONS: Tool = Tool {
    name: "functions",
    title: "Find SQL functions",
    description: "Lists the functions that SQL can call, with arguments and what they do. Use it when a query needs a \
        function of times, text, JSON or statistics whose name you do not know.",
    parameters: &[
        Parameter::new(
            "pattern",
            Type::Text,
            "A part of a name, or a whole name with * such as json_*; else a word of the description.",
        ),
        MAX_BYTES_PARAMETER,
    ],
    invocation: |arguments| {
        Invocation::rows("functions", Keep::First).operand(arguments.text("pattern"))
    },
    more: "Give a pattern, such as date or json_*.",
    writes: false,
};

const COST: Tool = Tool {
    name: "cost",
    title: "Show costs",
    description: "Sums what model calls cost in US dollars (usd) with their tokens, by day, model, agent, session, tool, \
        project, branch or other groups. Use it for every question about spending. unpriced counts the calls whose \
        cost is unknown, which usd leaves out; input_tokens leave out what the cache gave. Days are in UTC.",
    parameters: &[
        Parameter::new(
            "by",
            Type::OneOf(&[
                "hour", "day", "week", "month", "model", "agent", "session", "tool", "project",
                "branch", "runtime",
            ]),
            "How the calls are grouped. Default: day.",
        ),
        Parameter::new("since", Type::Text, SINCE),
        Parameter::new("until", Type::Text, "The end, which is left out; as since."),
        Parameter::new("agent", Type::Text, "Only calls of this agent."),
        Parameter::new("model", Type::Text, "Only calls of this model."),
        Parameter::new(
            "session",
            Type::Text,
            "Only calls of this session and its subagents: its id, or how that begins.",
        ),
        MAX_BYTES_PARAMETER,
    ],
    invocation: |arguments| {
        Invocation::rows("cost", Keep::First)
            .options(arguments, &["by", "since", "until", "agent", "model", "session"])
    },
    more: "Group by something coarser, or give since, until, agent or model.",
    writes: false,
};

const TOP: Tool = Tool {
    name: "top",
    title: "Show what needs attention",
    description: "Lists what is wrong or open now, worst first: crash loops, tool calls and clones that seem stuck, \
        silent sources of ticks, and open sessions. Use it to see how the fleet is. age_ms is how long it has been \
        so, in milliseconds.",
    parameters: &[
        Parameter::new(
            "since",
            Type::Text,
            "Leave out what began before. A time (RFC 3339), a date, or an age such as 6h. Default: 24h.",
        ),
        MAX_BYTES_PARAMETER,
    ],
    invocation: |arguments| Invocation::rows("top", Keep::First).options(arguments, &["since"]),
    more: "Give a shorter since.",
    writes: false,
};

const TIMELINE: Tool = Tool {
    name: "timeline",
    title: "Show what happened",
    description: "Lists the last events of an agent, of a session, or of all, oldest first: messages, tool calls, model \
        calls, git, sessions, crashes. Use it to see what led to something. table_name and id name the row of an \
        event.",
    parameters: &[
        Parameter::new(
            "of",
            Type::Text,
            "An agent, or the id of a session or how that begins. Default: all agents.",
        ),
        Parameter::new("since", Type::Text, SINCE),
        Parameter::new(
            "limit",
            Type::Int { min: 1, max: 10_000 },
            "How many of the newest events. Default: 50.",
        ),
        MAX_BYTES_PARAMETER,
    ],
    invocation: |arguments| {
        Invocation::rows("timeline", Keep::Last)
            .options(arguments, &["since", "limit"])
            .operand(arguments.text("of"))
    },
    more: "Earlier events are left out: query v_timeline with ts_utc < that of the first event here.",
    writes: false,
};

const SESSIONS_TOOL: Tool = Tool {
    name: "sessions",
    title: "List sessions",
    description: "Lists the sessions of Claude Code, Codex and other programs, the last active first: agent, models, \
        first and last sign of life (UTC), cost in US dollars, tokens, calls of tools and how many failed, branch and \
        directory. Use it to find a session; then ask cost or timeline about it.",
    parameters: &[
        Parameter::new(
            "since",
            Type::Text,
            "Only sessions active since then. A time (RFC 3339), a date, or an age such as 7d.",
        ),
        Parameter::new("agent", Type::Text, "Only sessions of this agent or its subagents."),
        Parameter::new(
            "limit",
            Type::Int { min: 1, max: 10_000 },
            "How many sessions. Default: 20.",
        ),
        MAX_BYTES_PARAMETER,
    ],
    invocation: sessions,
    more: "Give an agent or a shorter time, or query v_agent_sessions.",
    writes: false,
};

const RECORD: Tool = Tool {
    name: "record",
    title: "Record a row",
    description: "Records one row in a table and returns its id; the row is durable then, and cannot be changed. Use it \
        only when asked to. `schema` with table says which columns there are. The time defaults to now; *_json \
        columns take objects.",
    parameters: &[
        Parameter::new("table", Type::Text, "The table, such as ticks or messages.").required(),
        Parameter::new("row", Type::Object, "The columns and their values, without id.").required(),
    ],
    invocation: |arguments| Invocation {
        args: ["record", "--json", "--", arguments.text("table").unwrap_or_default(), "-"]
            .map(str::to_owned)
            .to_vec(),
        input: arguments.json("row").unwrap_or_default(),
        output: Output::Object,
    },
    more: "",
    writes: true,
};

/// The tools that only read.
const READING: [&Tool; 7] = [&SCHEMA, &QUERY, &COST, &TOP, &SESSIONS_TOOL, &TIMELINE, &FUNCTIONS];

/// The tools that a server offers.
pub(super) fn offered(allow_record: bool) -> impl Iterator<Item = &'static Tool> {
    READING.into_iter().chain(allow_record.then_some(&RECORD))
}

/// All tables and views in a line each.
pub(super) fn ddl() -> Invocation {
    Invocation {
        args: vec!["schema".to_owned(), "--format=ddl".to_owned()],
        input: String::new(),
        output: Output::Text,
    }
}

/// A query on standard input.
fn query(arguments: &Arguments) -> Invocation {
    let mut query = Invocation::rows("query", Keep::First);
    let max_bytes = arguments.int("max_bytes").unwrap_or(DEFAULT_BYTES);
    query.args.push(format!("--max-bytes={max_bytes}"));
    query
}

fn sessions(arguments: &Arguments) -> Invocation {
    let limit = arguments.int("limit").unwrap_or(20);
    let (mut conditions, mut values) = (Vec::new(), Vec::new());
    for (name, condition) in [
        ("since", "ts_utc_last >= $since"),
        ("agent", "(agent = $agent::text OR starts_with(agent, $agent::text || '/'))"),
    ] {
        if let Some(value) = arguments.text(name) {
            conditions.push(condition);
            values.push((name.to_owned(), value.to_owned()));
        }
    }
    let filter = match conditions.is_empty() {
        true => String::new(),
        false => format!("WHERE {}", conditions.join(" AND ")),
    };
    Invocation {
        input: format!("{SESSIONS}\n{filter}\nORDER BY ts_utc_last DESC, session_id LIMIT {limit}"),
        ..query(arguments).values(values)
    }
}
