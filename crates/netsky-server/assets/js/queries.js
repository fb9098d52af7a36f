// The SQL of the panels. Each is a function of the view, and each text can be run as it is.

const FAILED = "NOT success AND (error IS NOT NULL OR duration_ms IS NOT NULL OR ts_utc_end IS NOT NULL)";
const DURATION = "coalesce(duration_ms, (ts_utc_end - ts_utc_start)::bigint / 1000000)";
const CACHE_WRITES = `coalesce(json_get_int(detail_json, 'cache_creation'),
           json_get_int(detail_json, 'cache_write_5m_tokens') + json_get_int(detail_json, 'cache_write_1h_tokens'))`;

/** The newest and the oldest row of the tables that every store fills. Statistics answer it. */
export const bounds = () => `SELECT max(newest) AS newest, min(oldest) AS oldest
FROM (SELECT max(ts_utc) AS newest, min(ts_utc) AS oldest FROM token_usage
      UNION ALL SELECT max(ts_utc_start), min(ts_utc_start) FROM mcp_tool_calls
      UNION ALL SELECT max(ts_utc), min(ts_utc) FROM messages
      UNION ALL SELECT max(ts_utc), min(ts_utc) FROM ticks
      UNION ALL SELECT max(ts_utc), min(ts_utc) FROM sessions)`;

export const names = (view) => `SELECT agent, model, count(*) AS calls
FROM token_usage
WHERE ${view.in("ts_utc")}
GROUP BY agent, model
ORDER BY agent, model`;

export const burn = (view) => `SELECT sum(cost_usd_micros) FILTER (WHERE ts_utc >= ${view.midnightSql}) / 1e6 AS today,
       sum(cost_usd_micros) FILTER (WHERE ts_utc < ${view.before("24 hours", 86400e3)}
                                      AND ts_utc >= ${dayBefore(view)}) / 1e6 AS yesterday,
       sum(cost_usd_micros) FILTER (WHERE ts_utc >= ${view.before("1 hour", 3600e3)}) / 1e6 AS last_hour,
       sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))
         FILTER (WHERE ts_utc >= ${view.before("1 hour", 3600e3)}) / 60 AS tokens_per_minute,
       sum(cached_input_tokens) FILTER (WHERE ts_utc >= ${view.before("1 hour", 3600e3)}) / 60 AS cached_per_minute
FROM token_usage
WHERE ts_utc >= ${dayBefore(view)}${view.isOld ? ` AND ts_utc <= ${view.nowSql}` : ""}${view.filters("agent", "model")}`;

const dayBefore = (view) =>
  view.isOld ? `'${new Date((Math.floor(view.now / 86400e3) - 1) * 86400e3).toISOString()}'` : "date_trunc('day', now()) - INTERVAL '1 day'";

/** What `by` is of a row of token_usage. */
const groups = {
  model: "coalesce(model, 'unknown')",
  agent: "coalesce(agent, 'unknown')",
  session: "coalesce(session_id, 'unknown')",
};

export const costOverTime = (by) => (view) => {
  const where = `${view.in("ts_utc")}${view.filters("agent", "model")}`;
  if (by !== "session") {
    return `SELECT ${view.bin("ts_utc")} AS time, ${groups[by]} AS ${by}, sum(cost_usd_micros) / 1e6 AS usd
FROM token_usage
WHERE ${where}
GROUP BY 1, 2
ORDER BY 1, 2`;
  }
  return `SELECT ${view.bin("ts_utc")} AS time, coalesce(top_session, 'others') AS session, sum(cost_usd_micros) / 1e6 AS usd
FROM token_usage
LEFT JOIN (SELECT session_id AS top_session
           FROM token_usage
           WHERE ${where}
           GROUP BY 1 ORDER BY sum(cost_usd_micros) DESC NULLS LAST LIMIT 8) ON session_id = top_session
WHERE ${where}
GROUP BY 1, 2
ORDER BY 1, 2`;
};

export const costTable = (by) => (view) => `SELECT ${groups[by]} AS ${by},${by === "session" ? " min(agent) AS agent, min(ts_utc) AS first, max(ts_utc) AS last," : ""}
       count(*) AS calls, count(*) - count(cost_usd_micros) AS unpriced,
       sum(input_tokens) AS input, sum(output_tokens) AS output, sum(cached_input_tokens) AS cache_reads,
       sum(${CACHE_WRITES}) AS cache_writes,
       sum(cost_usd_micros) / 1e6 AS usd
FROM token_usage
WHERE ${view.in("ts_utc")}${view.filters("agent", "model")}
GROUP BY 1
ORDER BY usd DESC NULLS LAST`;

export const tokensOverTime = (view) => `SELECT ${view.bin("ts_utc")} AS time, sum(input_tokens) AS input, sum(output_tokens) AS output,
       sum(cached_input_tokens) AS cache_reads, sum(${CACHE_WRITES}) AS cache_writes
FROM token_usage
WHERE ${view.in("ts_utc")}${view.filters("agent", "model")}
GROUP BY 1
ORDER BY 1`;

/** What each agent did in each bucket of time, and since when its session is open. */
export const activity = (view) => `SELECT coalesce(seen.agent, v_agents.agent) AS agent, time, last_seen, usd, model_calls, tool_calls, errors, sessions, open_since
FROM (SELECT agent, ${view.bin("at")} AS time, max(at) AS last_seen, sum(usd) AS usd,
             sum(model) AS model_calls, sum(tool) AS tool_calls, sum(error) AS errors
      FROM (SELECT agent, ts_utc AS at, cost_usd_micros / 1e6 AS usd, 1 AS model, 0 AS tool, 0 AS error
            FROM token_usage
            WHERE ${view.in("ts_utc")}${view.filters("agent", "model")}
            UNION ALL
            SELECT agent, ts_utc_start, 0.0, 0, 1, CASE WHEN ${FAILED} THEN 1 ELSE 0 END
            FROM mcp_tool_calls
            WHERE ${view.in("ts_utc_start")}${view.filters("agent")})
      WHERE agent IS NOT NULL
      GROUP BY 1, 2) AS seen
FULL JOIN v_agents ON seen.agent = v_agents.agent
WHERE (seen.agent IS NOT NULL OR open_sessions > 0)${view.agent ? ` AND coalesce(seen.agent, v_agents.agent) = '${view.agent.replaceAll("'", "''")}'` : ""}
ORDER BY 1, 2`;

export const toolTable = (view) => `SELECT tool, source, count(*) AS calls, count(*) FILTER (WHERE ${FAILED}) AS errors,
       round(approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY ${DURATION}))::bigint AS p50_ms,
       round(approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY ${DURATION}))::bigint AS p95_ms,
       max(${DURATION}) AS max_ms
FROM mcp_tool_calls
WHERE ${view.in("ts_utc_start")}${view.filters("agent")}
GROUP BY tool, source
ORDER BY p95_ms DESC NULLS LAST, calls DESC`;

export const toolsOverTime = (view) => `SELECT ${view.bin("ts_utc_start")} AS time, tool, count(*) AS calls, count(*) FILTER (WHERE ${FAILED}) AS errors
FROM mcp_tool_calls
WHERE ${view.in("ts_utc_start")}${view.filters("agent")}
GROUP BY 1, 2
ORDER BY 1, 2`;

export const latencyOverTime = (tool) => (view) => `SELECT ${view.bin("ts_utc_start")} AS time,
       round(approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY ${DURATION}))::bigint AS p50_ms,
       round(approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY ${DURATION}))::bigint AS p95_ms
FROM mcp_tool_calls
WHERE ${view.in("ts_utc_start")}${view.filters("agent")}${tool ? ` AND tool = '${tool.replaceAll("'", "''")}'` : ""}
GROUP BY 1
ORDER BY 1`;

export const callsOf = (tool) => (view) => `SELECT ts_utc_start, agent, source, tool, ${DURATION} AS duration_ms, success,
       NOT success AND NOT (${FAILED}) AS open, error, id
FROM mcp_tool_calls
WHERE ${view.in("ts_utc_start")}${view.filters("agent")}${tool ? ` AND tool = '${tool.replaceAll("'", "''")}'` : ` AND ${FAILED}`}
ORDER BY ts_utc_start DESC
LIMIT 200`;

export const events = (limit) => (view) => `SELECT ts_utc, agent, kind, what
FROM v_timeline
WHERE ts_utc >= ${view.before("1 hour", 3600e3)}${view.filters("agent")}
ORDER BY ts_utc DESC
LIMIT ${limit}`;

export const timeline = (agent) => (view) => `SELECT ts_utc, kind, what, table_name, id
FROM v_timeline
WHERE agent = '${agent.replaceAll("'", "''")}' AND ${view.in("ts_utc")}
ORDER BY ts_utc DESC
LIMIT 10000`;

export const spans = (agent) => (view) => `SELECT 'session' AS kind, ts_utc_start, ts_utc_end, NULL::bigint AS duration_ms,
       concat('session ', session_num::text, ', ', state) AS what, true AS success
FROM v_session_spans
WHERE agent = '${agent.replaceAll("'", "''")}' AND ts_utc_start <= ${view.isFixed || view.isOld ? `'${new Date(view.to).toISOString()}'` : "now()"}
UNION ALL
SELECT 'tool', ts_utc_start, ts_utc_end, duration_ms, tool, NOT (${FAILED})
FROM mcp_tool_calls
WHERE agent = '${agent.replaceAll("'", "''")}' AND ${view.in("ts_utc_start")}
UNION ALL
SELECT 'git', ts_utc, NULL, NULL, concat_ws(' ', operation, branch), status IS DISTINCT FROM 'error'
FROM git_operations
WHERE detail_json->>'agent' = '${agent.replaceAll("'", "''")}' AND ${view.in("ts_utc")}`;

/** The list of `netsky top`. */
export const attention = (view) => {
  const day = view.before("24 hours", 86400e3);
  return `SELECT * FROM (
SELECT 1 AS rank, 'crash loop' AS state, agent AS who, concat(crashes::text, ' crashes: ', kinds) AS what, ts_utc_start AS since
FROM v_crash_loops
WHERE ts_utc_end >= ${view.before("1 hour", 3600e3)}
UNION ALL
SELECT 2, 'stuck call', coalesce(agent, '?'), concat(tool, ' (', source, ')'), ts_utc_start
FROM v_open_calls
WHERE ts_utc_start >= ${day} AND ts_utc_start <= ${view.before("10 minutes", 600e3)}
UNION ALL
SELECT 3, 'stuck clone', coalesce(subagent, agent_id), what, ts_utc_start
FROM (SELECT agent_id, ts_utc_start,
             max(CASE WHEN detail_json->>'subagent_type' IS NOT NULL OR detail_json->>'agent_path' IS NOT NULL
                      THEN detail_json->>'agent' END) AS subagent,
             last_value(concat_ws(', ', runtime, branch, status) ORDER BY id) AS what,
             max(coalesce(detail_json->>'parent', detail_json->>'agent')) AS named,
             max(detail_json->>'session_id') AS session
      FROM clone_dispatches
      WHERE ts_utc_start >= ${day} AND ts_utc_start <= ${view.before("1 hour", 3600e3)}
      GROUP BY agent_id, ts_utc_start
      HAVING max(ts_utc_end) IS NULL AND max(exit_code) IS NULL) AS clone
LEFT JOIN (SELECT session_id, min(agent) AS of_session
           FROM token_usage WHERE ts_utc >= ${day} GROUP BY session_id) ON session_id = session
LEFT JOIN v_agents ON agent = coalesce(split_part(named, '/', 1), of_session, agent_id)
WHERE agent IS NULL OR open_since <= ts_utc_start
UNION ALL
SELECT 4, 'silent', source, 'ticks', max(ts_utc)
FROM (SELECT source, ts_utc, lag(ts_utc) OVER (PARTITION BY source ORDER BY ts_utc) AS earlier
      FROM ticks LEFT JOIN v_agents ON agent = split_part(source, ':', 1)
      WHERE ts_utc >= ${day} AND (agent IS NULL OR open_since <= ts_utc))
GROUP BY source
HAVING max(ts_utc) <= ${view.before("5 minutes", 300e3)}
   AND ${view.isOld ? `to_timestamp(${view.nowSql})` : "now()"} - max(ts_utc) >= coalesce(max(ts_utc - earlier), INTERVAL '0 seconds')
UNION ALL
SELECT 5, 'open session', agent, concat('session ', session_num::text), ts_utc_start
FROM (SELECT *, max(ts_utc_start) OVER (PARTITION BY agent) AS newest FROM v_open_sessions)
WHERE ts_utc_start >= ${day}
   OR ts_utc_start = newest AND agent IN (
        SELECT agent FROM v_timeline WHERE ts_utc >= ${day} AND kind IN ('tool', 'model'))
)${view.agent ? `\nWHERE split_part(split_part(who, ':', 1), '-clone', 1) = '${view.agent.replaceAll("'", "''")}'` : ""}
ORDER BY rank, since, who`;
};
