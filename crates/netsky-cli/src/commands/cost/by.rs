//! What calls are grouped by, in SQL.

use clap::ValueEnum;

use crate::session_id;
use crate::time_zone::Zone;

/// The cost in dollars, in SQL. A sum of decimals, because a sum of 64-bit integers can overflow silently.
pub const USD: &str = "CAST(sum(CAST(cost_usd_micros AS DECIMAL(38, 0))) AS DOUBLE) / 1e6";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    Hour,
    Day,
    Week,
    Month,
    Model,
    Agent,
    Session,
    Tool,
    Project,
    Branch,
    Runtime,
    /// Of a lake
    Machine,
}

/// Tokens written to the cache, as the programs that fill `detail_json` name them.
const CACHE_WRITES: &str = "\
coalesce(json_get_int(detail_json, 'cache_creation'),
         json_get_int(detail_json, 'cache_write_5m_tokens') + json_get_int(detail_json, 'cache_write_1h_tokens'))";

/// A call of the model and the tools that it used have the same request, or else began at the same time in
/// the same session.
const REQUEST_OF_CALL: &str =
    "coalesce(detail_json->>'request_id', session_id || ' ' || ts_utc::text)";
const REQUEST_OF_TOOL: &str = "coalesce(request_json->>'request_id', \
    (request_json->>'session_id') || ' ' || ts_utc_start::text)";

/// The agent of a call's session. A subagent is called `project/type`.
const AGENT_OF_SESSION: &str = "\
CASE WHEN detail_json->>'agent_id' IS NULL AND detail_json->>'parent_session_id' IS NULL THEN agent
     ELSE split_part(agent, '/', 1) END";

/// The directory in which each session began. An agent changes it while it works.
const DIRECTORIES: &str = "
SELECT session_id AS begun, first_value(detail_json->>'cwd' ORDER BY ts_utc)
         FILTER (WHERE detail_json->>'cwd' IS NOT NULL) AS directory
FROM token_usage WHERE session_id IS NOT NULL GROUP BY session_id";

/// The name of a directory: its last component, or in a worktree that was made for an agent, the repository.
const NAME_OF_DIRECTORY: &str = r"
regexp_replace(regexp_replace(directory, '[/\\]\.(claude|git)[/\\]worktrees[/\\].*$', ''), '^.*[/\\]', '')";

/// The repository in which each session ran most git commands.
const REPOSITORIES: &str = "
SELECT session, repo AS repository
FROM (SELECT session, repo, row_number() OVER (PARTITION BY session ORDER BY n DESC, repo) AS place
      FROM (SELECT detail_json->>'session_id' AS session, repo, count(*) AS n
            FROM git_operations GROUP BY 1, 2))
WHERE place = 1 AND session IS NOT NULL";

impl By {
    /// The name of the column.
    pub fn column(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Model => "model",
            Self::Agent => "agent",
            Self::Session => "session",
            Self::Tool => "tool",
            Self::Project => "project",
            Self::Branch => "branch",
            Self::Runtime => "runtime",
            Self::Machine => "machine",
        }
    }

    pub fn is_period(self) -> bool {
        matches!(self, Self::Hour | Self::Day | Self::Week | Self::Month)
    }

    /// Where the group of a call is found, if it is no column.
    pub fn origin(self) -> Option<&'static str> {
        match self {
            Self::Tool => Some(
                "a tool call needs the request_id of the model call in its request_json, or the same \
                 session_id and time",
            ),
            Self::Project => Some(
                "it is project or cwd in the detail_json of token_usage, or the repository of \
                 git_operations with the same session_id in their detail_json",
            ),
            Self::Branch => Some("it is git_branch in the detail_json of token_usage"),
            Self::Runtime => Some(
                "it is runtime in the detail_json of token_usage, or the source of messages whose chat_id \
                 is the session",
            ),
            _ => None,
        }
    }

    /// The query. The conditions are on `token_usage`.
    pub fn sql(self, zone: Zone, conditions: &str, with_total: bool, is_lake: bool) -> String {
        let name = self.column();
        let calls = self.calls(zone, conditions, is_lake);
        let (groups, is_total) = match with_total {
            true => ("GROUPING SETS ((name), ())", "grouping(name)"),
            false => ("name", "0"),
        };
        let order = if self.is_period() { "1" } else { "usd DESC NULLS LAST, 1" };
        let of_session = match self {
            Self::Session => {
                "min(agent) AS agent, string_agg(DISTINCT model, ', ' ORDER BY model) AS model,
                 min(ts_utc) AS begin, (max(ts_utc) - min(ts_utc))::bigint / 1000000 AS duration_ms,"
            }
            _ => "",
        };
        let amounts = match self {
            Self::Tool => shared_amounts(is_total),
            _ => amounts(),
        };
        format!(
            "SELECT * EXCLUDE (is_total) FROM (
               SELECT name AS {name}, {of_session} {amounts}, {is_total} AS is_total
               FROM ({calls}) GROUP BY {groups})
             ORDER BY is_total, {order}"
        )
    }

    /// The calls, with the `name` of their group.
    fn calls(self, zone: Zone, conditions: &str, is_lake: bool) -> String {
        let local = match zone.is_utc() {
            true => "ts_utc".to_owned(),
            // A name of a zone has no quotes.
            false => format!("ts_utc AT TIME ZONE '{}'", zone.name()),
        };
        let agent = if self == Self::Session { AGENT_OF_SESSION } else { "agent" };
        let simple = |name: &str| {
            format!(
                "SELECT {name} AS name, session_id, {agent} AS agent, model, ts_utc, input_tokens, output_tokens,
                        cached_input_tokens, {CACHE_WRITES} AS cache_write_tokens, cost_usd_micros
                 FROM token_usage {conditions}"
            )
        };
        match self {
            Self::Hour => simple(&format!("date_trunc('hour', {local})")),
            Self::Day => simple(&format!("({local})::date")),
            Self::Week => simple(&format!("date_trunc('week', {local})::date")),
            Self::Month => simple(&format!("to_char({local}, '%Y-%m')")),
            Self::Model => simple("model"),
            Self::Agent => simple("agent"),
            Self::Machine => simple("machine"),
            Self::Session => simple(session_id::OF_CALL),
            Self::Branch => simple("detail_json->>'git_branch'"),
            Self::Project => format!(
                "SELECT coalesce(name, {NAME_OF_DIRECTORY}, repository) AS name,
                        * EXCLUDE (name, cwd, directory)
                 FROM (SELECT coalesce(begin.directory, cwd) AS directory, * EXCLUDE (directory)
                       FROM ({}) LEFT JOIN ({DIRECTORIES}) AS begin ON begun = session_id)
                 LEFT JOIN ({REPOSITORIES}) ON session = session_id",
                simple("detail_json->>'cwd' AS cwd, detail_json->>'project'")
            ),
            Self::Runtime => format!(
                "SELECT coalesce(name, source) AS name, * EXCLUDE (name)
                 FROM ({}) LEFT JOIN (SELECT chat_id, min(source) AS source FROM messages GROUP BY chat_id)
                   ON chat_id = session_id",
                simple("detail_json->>'runtime'")
            ),
            Self::Tool => {
                // Machines of a lake have the same ids.
                let id = if is_lake { "concat(machine, '/', id::text)" } else { "id" };
                format!(
                    "SELECT tool AS name, * EXCLUDE (name), 1.0 / count(*) OVER (PARTITION BY call) AS share
                     FROM ({}) LEFT JOIN (SELECT DISTINCT {REQUEST_OF_TOOL} AS of_tool, tool FROM mcp_tool_calls)
                       ON of_tool = name",
                    simple(&format!("{id} AS call, {REQUEST_OF_CALL}"))
                )
            }
        }
    }
}

fn amounts() -> String {
    format!(
        "count(*) AS calls, count(*) - count(cost_usd_micros) AS unpriced,
         sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
         sum(cached_input_tokens) AS cached_input_tokens,
         sum(cache_write_tokens) AS cache_write_tokens, {USD} AS usd"
    )
}

/// The amounts of calls of which only a `share` belongs to the group. A call counts in each of its groups,
/// and once in the total.
fn shared_amounts(is_total: &str) -> String {
    let calls = |share: &str, count: &str| {
        format!("CASE {is_total} WHEN 0 THEN {count} ELSE round(sum({share}))::bigint END")
    };
    let tokens = |column: &str| format!("round(sum({column} * share))::bigint AS {column}");
    format!(
        "{} AS calls, {} AS unpriced, {}, {}, {}, {}, sum(cost_usd_micros * share) / 1e6 AS usd",
        calls("share", "count(*)"),
        calls(
            "CASE WHEN cost_usd_micros IS NULL THEN share ELSE 0 END",
            "count(*) - count(cost_usd_micros)"
        ),
        tokens("input_tokens"),
        tokens("output_tokens"),
        tokens("cached_input_tokens"),
        tokens("cache_write_tokens"),
    )
}
