-- Questions as they are typed into duckdb. Each answer must be that of duckdb.

-- Cost per day
SELECT ts_utc::DATE AS day, round(sum(cost_usd_micros) / 1e6, 2) AS usd
FROM token_usage GROUP BY ALL ORDER BY ALL;

-- A percentile of output tokens per model
FROM token_usage SELECT model, quantile_cont(output_tokens, 0.95) AS p95 GROUP BY model ORDER BY model;

-- Messages per six hours
SELECT strftime(time_bucket(INTERVAL '6 hours', ts_utc), '%d %H') AS bucket, count(*)
FROM messages GROUP BY bucket ORDER BY bucket;

-- Failures, and the agent of the longest call
SELECT tool, count_if(NOT success) AS failed, arg_max(id, duration_ms * 1000000 + id) AS longest
FROM mcp_tool_calls WHERE duration_ms IS NOT NULL GROUP BY tool ORDER BY failed DESC, tool LIMIT 6;

-- Crashes per day of the week
SELECT dayname(ts_utc) AS day, count(*) FROM crashes GROUP BY ALL ORDER BY 2 DESC, 1;

-- How long each agent has been seen, in minutes
SELECT agent, date_diff('minute', min(ts_utc), max(ts_utc)) AS minutes
FROM sessions GROUP BY agent ORDER BY agent;

-- The sessions that ran out of memory
SELECT detail_json->>'$.session_id' AS session, json_extract_string(detail_json, '$.exit_code') AS code
FROM crashes WHERE kind ILIKE '%memory%' ORDER BY id LIMIT 5;

-- The session event before each crash
SELECT c.id, s.session_num, s.event FROM crashes c
ASOF JOIN sessions s ON c.agent = s.agent AND c.ts_utc >= s.ts_utc ORDER BY c.id LIMIT 10;

-- The kinds of crashes of each agent
SELECT agent, string_agg(DISTINCT kind, ', ' ORDER BY kind) AS kinds
FROM crashes GROUP BY agent ORDER BY agent;

-- The first event of each agent
SELECT agent, count(*) FILTER (WHERE event = 'up') AS ups, first(event ORDER BY ts_utc, id) AS first_event
FROM sessions GROUP BY agent ORDER BY agent;

-- Kinds of branches
SELECT regexp_extract(branch, '^([a-z]+)/', 1) AS kind, count(*)
FROM git_operations WHERE branch IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1;
