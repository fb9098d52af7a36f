//! The catalogue of views, each declared once.
//!
//! From a declaration here follow its registration with DataFusion, the help of the command line and
//! the list in `docs/tables.md`. Durations are whole milliseconds, as in the tables, so that they
//! compare, sort and average as numbers. Money is in dollars; it is summed exactly, in millionths,
//! before the division.

use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::schema::TABLES;
use crate::view::ViewType::{Date, Float, Int, Text, Time};
use crate::view::{View, ViewColumn};

/// The condition that a row of `mcp_tool_calls` has ended. A call that was recorded when it began has
/// none of these; one that failed may have an error and no end.
macro_rules! call_has_ended {
    () => {
        "(success OR error IS NOT NULL OR duration_ms IS NOT NULL OR ts_utc_end IS NOT NULL)"
    };
}

/// The session that the row belongs to whose details are in this column. A subagent of Claude Code shares the
/// session of its agent; one of Codex has its own, and names that of its agent.
macro_rules! session_of {
    ($detail:literal, $session:literal) => {
        concat!("coalesce(", $detail, "->>'parent_session_id', ", $session, ")")
    };
}

/// What the details in this column say of the session of their row, as columns of the subquery of
/// `v_agent_sessions`.
macro_rules! session_details {
    ($detail:literal) => {
        concat!(
            "(",
            $detail,
            "->>'agent_id') IS NULL AND (",
            $detail,
            "->>'parent_session_id') IS NULL AS is_main, TRY_CAST(",
            $detail,
            "->>'session_num' AS BIGINT) AS session_num, ",
            $detail,
            "->>'runtime' AS runtime, ",
            $detail,
            "->>'git_branch' AS branch, ",
            $detail,
            "->>'cwd' AS cwd"
        )
    };
}

/// The views over the tables of schema version 2.
pub static VIEWS: &[View] = &[
    View {
        name: "v_cost_daily",
        doc: "The cost of model calls, by day, agent and model.",
        note: "",
        columns: &[
            ViewColumn::new("day", Date, "The day, in UTC."),
            ViewColumn::new("agent", Text, "The agent that called.").or_null(),
            ViewColumn::new("model", Text, "The model's name.").or_null(),
            ViewColumn::new("calls", Int, "The number of calls."),
            ViewColumn::new("unpriced", Int, "The number of calls without a cost."),
            ViewColumn::new("input_tokens", Int, "Tokens read that were not cached.").or_null(),
            ViewColumn::new("output_tokens", Int, "Tokens written.").or_null(),
            ViewColumn::new("cached_input_tokens", Int, "Tokens read from the cache.").or_null(),
            ViewColumn::new("usd", Float, "The cost in US dollars; null if no call has one.").or_null(),
        ],
        // As decimals, because a sum of 64-bit integers could overflow silently.
        sql: "
SELECT ts_utc::date AS day, agent, model, count(*) AS calls,
       count(*) - count(cost_usd_micros) AS unpriced,
       sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
       sum(cached_input_tokens) AS cached_input_tokens,
       CAST(sum(CAST(cost_usd_micros AS DECIMAL(38, 0))) AS DOUBLE) / 1e6 AS usd
FROM token_usage
GROUP BY ts_utc::date, agent, model",
    },
    View {
        name: "v_tool_latency",
        doc: "Durations and failures of tool calls, by day.",
        note: "",
        columns: &[
            ViewColumn::new("day", Date, "The day on which the calls began, in UTC."),
            ViewColumn::new("source", Text, "The server that offers the tool."),
            ViewColumn::new("tool", Text, "The tool's name."),
            ViewColumn::new("calls", Int, "The number of calls."),
            ViewColumn::new("unended", Int, "The number without an end, a duration or an outcome."),
            ViewColumn::new("errors", Int, "The number that ended and did not succeed."),
            ViewColumn::new("p50_ms", Int, "The median duration, in milliseconds.").or_null(),
            ViewColumn::new("p95_ms", Int, "The 95th percentile, in milliseconds.").or_null(),
            ViewColumn::new("max_ms", Int, "The longest duration, in milliseconds.").or_null(),
        ],
        sql: concat!(
            "
SELECT day, source, tool, count(*) AS calls,
       count(*) FILTER (WHERE NOT ended) AS unended,
       count(*) FILTER (WHERE NOT success AND ended) AS errors,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms::double))::bigint AS p50_ms,
       round(percentile_cont(0.95) WITHIN GROUP (ORDER BY ms::double))::bigint AS p95_ms,
       max(ms) AS max_ms
FROM (SELECT ts_utc_start::date AS day, source, tool, success, ",
            call_has_ended!(),
            " AS ended,
             coalesce(duration_ms, (ts_utc_end - ts_utc_start)::bigint / 1000000) AS ms
      FROM mcp_tool_calls)
GROUP BY day, source, tool"
        ),
    },
    View {
        name: "v_agent_sessions",
        doc: "Sessions of agents, each with its cost and what was done in it.",
        note: "The calls of subagents count in the session of the agent that started them. A tool call or \
               prompt belongs to the session_id in its request_json or raw_json; without one it is left out. \
               The view reads all of token_usage, mcp_tool_calls and messages.",
        columns: &[
            ViewColumn::new("session_id", Text, "The session's id, as the agent's program gives it."),
            ViewColumn::new("session_num", Int, "Its number, counted by agent.").or_null(),
            ViewColumn::new("agent", Text, "The agent whose session it is.").or_null(),
            ViewColumn::new("runtime", Text, "The agent's program, such as claude or codex.").or_null(),
            ViewColumn::new("models", Text, "The models that were called, with commas.").or_null(),
            ViewColumn::new("ts_utc_first", Time, "When the first call or prompt was."),
            ViewColumn::new("ts_utc_last", Time, "When the last one was."),
            ViewColumn::new("calls", Int, "The number of model calls."),
            ViewColumn::new("unpriced", Int, "The number of model calls without a cost."),
            ViewColumn::new("input_tokens", Int, "Tokens read that were not cached.").or_null(),
            ViewColumn::new("output_tokens", Int, "Tokens written.").or_null(),
            ViewColumn::new("cached_input_tokens", Int, "Tokens read from the cache.").or_null(),
            ViewColumn::new("cache_write_tokens", Int, "Tokens written to the cache.").or_null(),
            ViewColumn::new("usd", Float, "The cost in US dollars; null if no call has one.").or_null(),
            ViewColumn::new("tool_calls", Int, "The number of tool calls."),
            ViewColumn::new("errors", Int, "The number of tool calls that ended and did not succeed."),
            ViewColumn::new("prompts", Int, "The number of messages of the user."),
            ViewColumn::new("branch", Text, "The Git branch, the last one if it changed.").or_null(),
            ViewColumn::new("cwd", Text, "The working directory at the start.").or_null(),
        ],
        sql: concat!(
            "
SELECT session_id, max(session_num) FILTER (WHERE is_main) AS session_num,
       coalesce(min(agent) FILTER (WHERE is_main), split_part(min(agent), '/', 1)) AS agent,
       min(runtime) AS runtime, string_agg(DISTINCT model, ', ' ORDER BY model)::text AS models,
       min(ts_utc) AS ts_utc_first, max(ts_utc) AS ts_utc_last,
       count(*) FILTER (WHERE kind = 'call') AS calls,
       count(*) FILTER (WHERE kind = 'call' AND cost_usd_micros IS NULL) AS unpriced,
       sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
       sum(cached_input_tokens) AS cached_input_tokens, sum(cache_write_tokens) AS cache_write_tokens,
       CAST(sum(CAST(cost_usd_micros AS DECIMAL(38, 0))) AS DOUBLE) / 1e6 AS usd,
       count(*) FILTER (WHERE kind IN ('tool', 'error')) AS tool_calls,
       count(*) FILTER (WHERE kind = 'error') AS errors,
       count(*) FILTER (WHERE kind = 'prompt') AS prompts,
       last_value(branch ORDER BY ts_utc) FILTER (WHERE branch IS NOT NULL) AS branch,
       first_value(cwd ORDER BY ts_utc) FILTER (WHERE cwd IS NOT NULL) AS cwd
FROM (
  SELECT 'call' AS kind, ",
            session_of!("detail_json", "session_id"),
            " AS session_id, ts_utc, agent, model, input_tokens, output_tokens, cached_input_tokens,
         coalesce(TRY_CAST(detail_json->>'cache_creation' AS BIGINT),
                  TRY_CAST(detail_json->>'cache_write_5m_tokens' AS BIGINT)
                  + TRY_CAST(detail_json->>'cache_write_1h_tokens' AS BIGINT)) AS cache_write_tokens,
         cost_usd_micros, ",
            session_details!("detail_json"),
            "
  FROM token_usage
  UNION ALL
  SELECT CASE WHEN NOT success AND ",
            call_has_ended!(),
            " THEN 'error' ELSE 'tool' END, ",
            session_of!("request_json", "request_json->>'session_id'"),
            ", ts_utc_start, agent, NULL AS model, NULL AS input_tokens, NULL AS output_tokens,
         NULL AS cached_input_tokens, NULL AS cache_write_tokens, NULL AS cost_usd_micros, ",
            session_details!("request_json"),
            "
  FROM mcp_tool_calls
  UNION ALL
  SELECT CASE WHEN direction = 'inbound' AND from_agent = 'user' THEN 'prompt' ELSE 'message' END, ",
            session_of!("raw_json", "raw_json->>'session_id'"),
            ", ts_utc, CASE direction WHEN 'inbound' THEN to_agent ELSE from_agent END, NULL AS model, NULL AS input_tokens, NULL AS output_tokens,
         NULL AS cached_input_tokens, NULL AS cache_write_tokens, NULL AS cost_usd_micros, ",
            session_details!("raw_json"),
            "
  FROM messages)
WHERE session_id IS NOT NULL
GROUP BY session_id"
        ),
    },
    View {
        name: "v_session_spans",
        doc: "Sessions, each from an up to the next down.",
        note: "The down has the same agent and session_num. A filter on times reads all of sessions, \
               because an end can be any time after its start; filters on the agent or the number are \
               pushed down.",
        columns: &[
            ViewColumn::new("id", Int, "The id of the row in sessions that says up."),
            ViewColumn::new("agent", Text, "The agent whose session it is."),
            ViewColumn::new("session_num", Int, "The session's number, counted by agent."),
            ViewColumn::new("ts_utc_start", Time, "When it began."),
            ViewColumn::new("ts_utc_end", Time, "When it ended; null if that is not known.").or_null(),
            ViewColumn::new("duration_ms", Int, "How long it lasted, in milliseconds.").or_null(),
            ViewColumn::new(
                "state",
                Text,
                "One of ended, open, and lost; a lost session started again before it had ended.",
            ),
        ],
        sql: "
SELECT id, agent, session_num, ts_utc AS ts_utc_start,
       CASE WHEN next_event = 'down' THEN next_ts_utc END AS ts_utc_end,
       CASE WHEN next_event = 'down' THEN (next_ts_utc - ts_utc)::bigint / 1000000 END AS duration_ms,
       CASE next_event WHEN 'down' THEN 'ended' WHEN 'up' THEN 'lost' ELSE 'open' END AS state
FROM (SELECT id, agent, session_num, ts_utc, event,
             lead(event) OVER later AS next_event, lead(ts_utc) OVER later AS next_ts_utc
      FROM sessions
      WHERE event <> 'note'
      WINDOW later AS (PARTITION BY agent, session_num ORDER BY ts_utc, id))
WHERE event = 'up'",
    },
    View {
        name: "v_open_sessions",
        doc: "Sessions that began and have not ended.",
        note: "It reads all of sessions; filters on the agent or the number are pushed down.",
        columns: &[
            ViewColumn::new("id", Int, "The id of the row in sessions that says up."),
            ViewColumn::new("agent", Text, "The agent whose session it is."),
            ViewColumn::new("session_num", Int, "The session's number, counted by agent."),
            ViewColumn::new("ts_utc_start", Time, "When it began."),
            ViewColumn::new("age_ms", Int, "How long it has been open, in milliseconds."),
        ],
        sql: "
SELECT id, agent, session_num, ts_utc_start, (now() - ts_utc_start)::bigint / 1000000 AS age_ms
FROM v_session_spans
WHERE state = 'open'",
    },
    View {
        name: "v_agents",
        doc: "Agents that have had sessions, and those of them that have one now.",
        note: "It reads all of sessions; a filter on the agent is pushed down.",
        columns: &[
            ViewColumn::new("agent", Text, "The agent."),
            ViewColumn::new("sessions", Int, "The number of its sessions."),
            ViewColumn::new("open_sessions", Int, "The number of those that have not ended."),
            ViewColumn::new("open_since", Time, "When the first of the open ones began.").or_null(),
        ],
        sql: "
SELECT agent, count(*) AS sessions, count(*) FILTER (WHERE state = 'open') AS open_sessions,
       min(ts_utc_start) FILTER (WHERE state = 'open') AS open_since
FROM v_session_spans
GROUP BY agent",
    },
    View {
        name: "v_open_calls",
        doc: "Tool calls that have begun and not ended.",
        note: "A call has ended if it succeeded, or has an error, a duration or an end, in its row or in \
               another with the same agent, source, tool and start. It also ends with its agent's session: \
               if the agent has had sessions, one that is still open must have begun before the call. \
               A subagent, as in project/reviewer, has those of its project unless it has its own. \
               Filters on the agent, the tool and the start are pushed down.",
        columns: &[
            ViewColumn::new("id", Int, "The id of its last row in mcp_tool_calls."),
            ViewColumn::new("agent", Text, "The agent that called.").or_null(),
            ViewColumn::new("source", Text, "The server that offers the tool."),
            ViewColumn::new("tool", Text, "The tool's name."),
            ViewColumn::new("ts_utc_start", Time, "When the call began."),
            ViewColumn::new("age_ms", Int, "How long it has been open, in milliseconds."),
        ],
        sql: concat!(
            "
SELECT id, call.agent, source, tool, ts_utc_start,
       (now() - ts_utc_start)::bigint / 1000000 AS age_ms
FROM (SELECT max(id) AS id, agent, source, tool, ts_utc_start
      FROM mcp_tool_calls
      GROUP BY agent, source, tool, ts_utc_start
      HAVING NOT bool_or",
            call_has_ended!(),
            ") AS call
LEFT JOIN v_agents AS own ON own.agent = call.agent
LEFT JOIN v_agents AS project ON project.agent = split_part(call.agent, '/', 1)
WHERE CASE WHEN own.agent IS NOT NULL THEN own.open_since <= ts_utc_start
           WHEN project.agent IS NOT NULL THEN project.open_since <= ts_utc_start
           ELSE true END"
        ),
    },
    View {
        name: "v_last_tick",
        doc: "The last tick of each source, and its age.",
        note: "It reads all of ticks; filters on the source are pushed down.",
        columns: &[
            ViewColumn::new("source", Text, "The source of the ticks."),
            ViewColumn::new("ts_utc", Time, "When the last tick was sent."),
            ViewColumn::new("silent_ms", Int, "Its age, in milliseconds."),
            ViewColumn::new("ticks", Int, "The number of ticks."),
        ],
        sql: "
SELECT source, max(ts_utc) AS ts_utc, (now() - max(ts_utc))::bigint / 1000000 AS silent_ms,
       count(*) AS ticks
FROM ticks
GROUP BY source",
    },
    View {
        name: "v_crash_loops",
        doc: "Three or more crashes of an agent within 10 minutes.",
        note: "A loop continues as long as the next crash comes within 10 minutes. A filter on times \
               reads all of crashes, because a loop depends on earlier crashes; a filter on the agent is \
               pushed down.",
        columns: &[
            ViewColumn::new("agent", Text, "The agent that crashed."),
            ViewColumn::new("ts_utc_start", Time, "When the first crash of the loop was noticed."),
            ViewColumn::new("ts_utc_end", Time, "When the last one was."),
            ViewColumn::new("duration_ms", Int, "How long the loop lasted, in milliseconds."),
            ViewColumn::new("crashes", Int, "The number of crashes."),
            ViewColumn::new("kinds", Text, "The kinds of the crashes."),
        ],
        sql: "
SELECT agent, min(ts_utc) AS ts_utc_start, max(ts_utc) AS ts_utc_end,
       (max(ts_utc) - min(ts_utc))::bigint / 1000000 AS duration_ms, count(*) AS crashes,
       string_agg(DISTINCT kind, ', ' ORDER BY kind)::text AS kinds
FROM (SELECT agent, kind, ts_utc, two_before,
             sum(CASE WHEN ts_utc <= before + INTERVAL '10 minutes' THEN 0 ELSE 1 END)
                 OVER (PARTITION BY agent ORDER BY ts_utc, id) AS run
      FROM (SELECT id, agent, kind, ts_utc, lag(ts_utc) OVER earlier AS before,
                   lag(ts_utc, 2) OVER earlier AS two_before
            FROM crashes
            WINDOW earlier AS (PARTITION BY agent ORDER BY ts_utc, id)))
GROUP BY agent, run
HAVING bool_or(ts_utc <= two_before + INTERVAL '10 minutes')",
    },
    View {
        name: "v_timeline",
        doc: "What each agent did and what happened to it.",
        note: "It combines all tables that have an agent. A message appears twice, once for its sender \
               and once for its recipient. Events without an agent are left out.",
        columns: &[
            ViewColumn::new("ts_utc", Time, "When it happened, or began."),
            ViewColumn::new("agent", Text, "The agent."),
            ViewColumn::new("kind", Text, "What kind of event it was; each table has its own."),
            ViewColumn::new("what", Text, "What happened, in one line of at most 300 characters."),
            ViewColumn::new("table_name", Text, "The table of the event."),
            ViewColumn::new("id", Int, "The id of its row there."),
        ],
        // Each branch first truncates its text columns, because some have megabytes.
        sql: concat!(
            r"
SELECT ts_utc, agent, kind, left(regexp_replace(what, '[[:cntrl:][:space:]]+', ' ', 'g'), 300) AS what,
       table_name, id
FROM (
  SELECT ts_utc, from_agent AS agent, 'sent' AS kind,
         concat('to ', coalesce(to_agent, '?'), ' (', source, ')',
                coalesce(': ' || left(body, 300), '')) AS what,
         'messages' AS table_name, id
  FROM messages
  UNION ALL
  SELECT ts_utc, to_agent AS agent, 'received' AS kind,
         concat('from ', coalesce(from_agent, '?'), ' (', source, ')',
                coalesce(': ' || left(body, 300), '')) AS what,
         'messages' AS table_name, id
  FROM messages
  UNION ALL
  SELECT ts_utc_start AS ts_utc, agent, 'tool' AS kind,
         concat(tool, ' (', source, ')',
                CASE WHEN error IS NOT NULL THEN concat(', failed: ', left(error, 300))
                     WHEN NOT ",
            call_has_ended!(),
            r" THEN ', not ended'
                     WHEN NOT success THEN ', failed'
                     ELSE '' END,
                coalesce(', ' || duration_ms::text || ' ms', '')) AS what,
         'mcp_tool_calls' AS table_name, id
  FROM mcp_tool_calls
  UNION ALL
  SELECT ts_utc, agent, 'model' AS kind,
         concat(coalesce(model, '?'), coalesce(', $' || round(cost_usd_micros / 1e6, 4)::text, ''), ', ',
                coalesce(input_tokens::text, '?'), ' tokens in, ',
                coalesce(output_tokens::text, '?'), ' out') AS what,
         'token_usage' AS table_name, id
  FROM token_usage
  UNION ALL
  SELECT ts_utc, agent, 'session' AS kind, concat(event, ', session ', session_num::text) AS what,
         'sessions' AS table_name, id
  FROM sessions
  UNION ALL
  SELECT ts_utc, agent, 'crash' AS kind, crashes.kind AS what, 'crashes' AS table_name, id
  FROM crashes
  UNION ALL
  SELECT ts_utc, agent, 'watchdog' AS kind, concat_ws(', ', event, severity, status) AS what,
         'watchdog_events' AS table_name, id
  FROM watchdog_events
  UNION ALL
  SELECT ts_utc, agent, 'directive' AS kind,
         concat(left(raw_text, 300), coalesce(', resolved: ' || left(resolved_action, 300), '')) AS what,
         'owner_directives' AS table_name, id
  FROM owner_directives
  UNION ALL
  SELECT ts_utc, agent, 'communication' AS kind,
         concat(concat_ws(', ', direction, source, tool, status),
                coalesce(': ' || left(body, 300), '')) AS what,
         'communication_events' AS table_name, id
  FROM communication_events
  UNION ALL
  SELECT ts_utc_start AS ts_utc,
         CASE WHEN (detail_json->>'subagent_type') IS NULL AND (detail_json->>'agent_path') IS NULL THEN agent_id
              ELSE coalesce(detail_json->>'agent', agent_id) END AS agent, 'clone' AS kind,
         concat(concat_ws(', ', coalesce(status, 'dispatched'), runtime, branch),
                coalesce(': ' || left(brief, 300), '')) AS what,
         'clone_dispatches' AS table_name, id
  FROM clone_dispatches)
WHERE agent IS NOT NULL"
        ),
    },
    View {
        name: "clone_lifetimes",
        doc: "Clones, each from its dispatch to its end.",
        note: "Rows with the same agent_id and ts_utc_start are one clone, recorded when it was \
               dispatched and again when it ended.",
        columns: &[
            ViewColumn::new("id", Int, "The id of its last row in clone_dispatches."),
            ViewColumn::new("agent_id", Text, "The clone's name."),
            ViewColumn::new("runtime", Text, "The program it runs in.").or_null(),
            ViewColumn::new("workspace", Text, "The workspace it works in.").or_null(),
            ViewColumn::new("branch", Text, "The branch it works on.").or_null(),
            ViewColumn::new("status", Text, "Its state, or how it ended.").or_null(),
            ViewColumn::new("exit_code", Int, "The exit code of its program.").or_null(),
            ViewColumn::new("ts_utc_start", Time, "When it was dispatched."),
            ViewColumn::new("ts_utc_end", Time, "When it ended; null while it works.").or_null(),
            ViewColumn::new("duration_ms", Int, "How long it worked, in milliseconds.").or_null(),
        ],
        sql: "
SELECT max(id) AS id, agent_id,
       last_value(runtime ORDER BY id) FILTER (WHERE runtime IS NOT NULL) AS runtime,
       last_value(workspace ORDER BY id) FILTER (WHERE workspace IS NOT NULL) AS workspace,
       last_value(branch ORDER BY id) FILTER (WHERE branch IS NOT NULL) AS branch,
       last_value(status ORDER BY id) FILTER (WHERE status IS NOT NULL) AS status,
       last_value(exit_code ORDER BY id) FILTER (WHERE exit_code IS NOT NULL) AS exit_code,
       ts_utc_start, max(ts_utc_end) AS ts_utc_end,
       (max(ts_utc_end) - ts_utc_start)::bigint / 1000000 AS duration_ms
FROM clone_dispatches
GROUP BY agent_id, ts_utc_start",
    },
];

impl View {
    /// Returns the view with the name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`], with the nearest names of tables and views.
    pub fn find(name: &str) -> Result<&'static Self> {
        let found = VIEWS.iter().find(|view| view.name() == name);
        found.ok_or_else(|| {
            let tables = TABLES.iter().map(|table| table.name());
            let names = tables.chain(VIEWS.iter().map(Self::name));
            Error::UnknownTable {
                name: name.to_owned(),
                nearest: nearest(name, names),
                position: None,
            }
        })
    }
}
