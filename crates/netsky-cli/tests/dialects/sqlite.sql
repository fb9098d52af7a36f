-- Questions as they are typed into sqlite3. Each answer must be that of sqlite3.

-- Tool calls per day
SELECT date(ts_utc_start) AS day, count(*) AS calls FROM mcp_tool_calls GROUP BY day ORDER BY day;

-- Tool calls per hour of the day
SELECT strftime('%H', ts_utc_start) AS hour, count(*) FROM mcp_tool_calls GROUP BY 1 ORDER BY 1;

-- The cost of the last seven days on record
SELECT agent, round(sum(cost_usd_micros) / 1e6, 2) AS usd FROM token_usage
WHERE date(ts_utc) > date((SELECT max(ts_utc) FROM token_usage), '-7 days')
GROUP BY agent ORDER BY usd DESC, agent LIMIT 5;

-- The share of failed calls per tool
SELECT tool, count(*) AS calls, sum(success = 0) AS failed,
       round(100.0 * sum(success = 0) / count(*), 1) AS percent
FROM mcp_tool_calls GROUP BY tool ORDER BY failed DESC, tool LIMIT 8;

-- How often calls succeed
SELECT source, round(avg(success), 4) AS rate, sum(success) AS good
FROM mcp_tool_calls GROUP BY source ORDER BY source;

-- How long clones run, in minutes
SELECT runtime, round(avg((julianday(ts_utc_end) - julianday(ts_utc_start)) * 24 * 60), 1) AS minutes
FROM clone_dispatches WHERE ts_utc_end IS NOT NULL GROUP BY runtime ORDER BY runtime;

-- Crashes by exit code
SELECT json_extract(detail_json, '$.exit_code') AS code, count(*) AS n
FROM crashes GROUP BY code ORDER BY n DESC, code;

-- How long each agent has been seen, in seconds
SELECT agent, max(unixepoch(ts_utc)) - min(unixepoch(ts_utc)) AS seconds
FROM sessions GROUP BY agent ORDER BY agent;

-- One line per model
SELECT printf('%s: %.2f', model, sum(cost_usd_micros) / 1e6) AS line
FROM token_usage GROUP BY model ORDER BY model;

-- Branches by pattern
SELECT count(*) FROM git_operations WHERE branch GLOB 'feat/*-[0-9]*';

-- The longest call of each agent
SELECT agent, tool, duration_ms FROM (
    SELECT agent, tool, duration_ms,
           row_number() OVER (PARTITION BY agent ORDER BY duration_ms DESC, id) AS n
    FROM mcp_tool_calls WHERE duration_ms IS NOT NULL
) WHERE n = 1 ORDER BY agent;
