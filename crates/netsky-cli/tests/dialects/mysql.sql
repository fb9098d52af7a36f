-- Questions as they are typed into mysql. Each answer must be that of duckdb to the query after "duckdb:".

-- Messages per day
-- duckdb: SELECT strftime(ts_utc, '%Y-%m-%d'), count(*) FROM messages GROUP BY 1 ORDER BY 1
SELECT DATE_FORMAT(`ts_utc`, '%Y-%m-%d') AS `day`, COUNT(*) FROM `messages` GROUP BY `day` ORDER BY `day`;

-- Outcomes of calls
-- duckdb: SELECT CASE WHEN success THEN 'ok' ELSE 'fail' END AS o, count(*) FROM mcp_tool_calls GROUP BY o ORDER BY o
SELECT IF(success, 'ok', 'fail') AS outcome, COUNT(*) FROM mcp_tool_calls GROUP BY outcome ORDER BY outcome;

-- The kinds of crashes of each agent
-- duckdb: SELECT agent, string_agg(DISTINCT kind, ', ' ORDER BY kind) FROM crashes GROUP BY agent ORDER BY agent
SELECT agent, GROUP_CONCAT(DISTINCT kind ORDER BY kind SEPARATOR ', ') FROM crashes GROUP BY agent ORDER BY agent;

-- The longest clones, in minutes
-- duckdb: SELECT id, date_sub('minute', ts_utc_start, ts_utc_end) AS m FROM clone_dispatches WHERE ts_utc_end IS NOT NULL ORDER BY m DESC, id LIMIT 5 OFFSET 5
SELECT id, TIMESTAMPDIFF(MINUTE, ts_utc_start, ts_utc_end) AS m FROM clone_dispatches
WHERE ts_utc_end IS NOT NULL ORDER BY m DESC, id LIMIT 5, 5;

-- Calls per hour of the day
-- duckdb: SELECT hour(ts_utc_start), count(*) FROM mcp_tool_calls GROUP BY 1 ORDER BY 1
SELECT HOUR(ts_utc_start) AS hour, COUNT(*) FROM mcp_tool_calls GROUP BY hour ORDER BY hour;

-- Sessions of crashes
-- duckdb: SELECT detail_json->>'$.session_id' FROM crashes ORDER BY id LIMIT 5
SELECT detail_json->>'$.session_id' AS session FROM crashes ORDER BY id LIMIT 5;

-- Branches by pattern
-- duckdb: SELECT count(*) FROM git_operations WHERE regexp_matches(branch, '^feat/')
SELECT COUNT(*) FROM git_operations WHERE branch REGEXP '^feat/';
