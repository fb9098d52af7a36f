-- Questions as they are typed into psql. Each answer must be that of duckdb to the query after "duckdb:".

-- Messages per day
-- duckdb: SELECT strftime(ts_utc, '%Y-%m-%d'), count(*) FROM messages GROUP BY 1 ORDER BY 1
SELECT to_char(ts_utc, 'YYYY-MM-DD') AS day, count(*) FROM messages GROUP BY 1 ORDER BY 1;

-- Latency by tool
-- duckdb: SELECT tool, quantile_cont(duration_ms, 0.95) FROM mcp_tool_calls GROUP BY tool ORDER BY tool
SELECT tool, percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95
FROM mcp_tool_calls GROUP BY tool ORDER BY tool;

-- The last event of each agent
-- duckdb: SELECT DISTINCT ON (agent) agent, event FROM sessions ORDER BY agent, ts_utc DESC, id DESC
SELECT DISTINCT ON (agent) agent, event FROM sessions ORDER BY agent, ts_utc DESC, id DESC;

-- Crashes by session
-- duckdb: SELECT detail_json->>'session_id' AS s, count(*) FROM crashes GROUP BY s ORDER BY 2 DESC, 1 LIMIT 5
SELECT detail_json::jsonb->>'session_id' AS s, count(*) FROM crashes GROUP BY s ORDER BY 2 DESC, 1 LIMIT 5;

-- The models of each agent
-- duckdb: SELECT agent, string_agg(DISTINCT model, '+' ORDER BY model) FROM token_usage GROUP BY agent ORDER BY agent
SELECT agent, string_agg(DISTINCT model, '+' ORDER BY model) AS models
FROM token_usage GROUP BY agent ORDER BY agent;

-- The next session event after each crash
-- duckdb: SELECT c.id, s.id FROM crashes c LEFT JOIN LATERAL (SELECT id FROM sessions s WHERE s.agent = c.agent AND s.ts_utc > c.ts_utc ORDER BY s.ts_utc LIMIT 1) s ON true ORDER BY c.id LIMIT 10
SELECT c.id, s.id FROM crashes c
LEFT JOIN LATERAL (
    SELECT id FROM sessions s WHERE s.agent = c.agent AND s.ts_utc > c.ts_utc ORDER BY s.ts_utc LIMIT 1
) s ON true ORDER BY c.id LIMIT 10;

-- When each directive was first answered
-- duckdb: SELECT d.id, (SELECT min(m.id) FROM messages m WHERE m.chat_id = d.chat_id AND m.ts_utc > d.ts_utc) FROM owner_directives d ORDER BY d.id LIMIT 10
SELECT d.id, (SELECT min(m.id) FROM messages m WHERE m.chat_id = d.chat_id AND m.ts_utc > d.ts_utc) AS reply
FROM owner_directives d ORDER BY d.id LIMIT 10;

-- The hours that clones took
-- duckdb: SELECT status, round(sum(epoch(ts_utc_end) - epoch(ts_utc_start)) / 3600, 3) FROM clone_dispatches GROUP BY 1 ORDER BY 1
SELECT status, round((sum(extract(epoch FROM ts_utc_end - ts_utc_start)) / 3600)::numeric, 3) AS hours
FROM clone_dispatches GROUP BY 1 ORDER BY 1;

-- Tools by pattern
-- duckdb: SELECT count(*) FROM mcp_tool_calls WHERE regexp_full_match(tool, '(Ba|Re).*')
SELECT count(*) FROM mcp_tool_calls WHERE tool SIMILAR TO '(Ba|Re)%';

-- Agents without a crash
-- duckdb: SELECT DISTINCT agent FROM sessions WHERE agent NOT IN (SELECT agent FROM crashes WHERE agent IS NOT NULL) ORDER BY 1
SELECT DISTINCT s.agent FROM sessions s
WHERE NOT EXISTS (SELECT 1 FROM crashes c WHERE c.agent = s.agent) ORDER BY 1;
