//! Example questions about the fleet.

/// A question and the SQL that answers it.
///
/// None depends on the current time, so an answer is always the same. Queries and answers fit into 80
/// columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// The question, as one sentence.
    pub title: &'static str,
    /// The SQL query.
    pub sql: &'static str,
}

/// The questions that operators of a fleet ask first. On a [`Fleet`](super::Fleet) of ten thousand
/// rows or more, every answer has a few rows.
pub const QUESTIONS: &[Question] = &[
    Question {
        title: "What does each model cost?",
        sql: "\
SELECT model, count(*) AS calls, sum(output_tokens) AS output_tokens,
       round(100.0 * sum(cached_input_tokens)
             / sum(cached_input_tokens + input_tokens), 1) AS cached_percent,
       round(sum(cost_usd_micros) / 1e6, 2) AS usd
FROM token_usage
GROUP BY model
ORDER BY usd DESC",
    },
    Question {
        title: "Which tools are slow, and which fail?",
        sql: "\
SELECT source, tool, count(*) AS calls, count(error) AS errors,
       median(duration_ms) AS p50_ms,
       round(percentile_cont(duration_ms, 0.95)) AS p95_ms
FROM mcp_tool_calls
WHERE ts_utc_end IS NOT NULL
GROUP BY source, tool
ORDER BY p95_ms DESC
LIMIT 6",
    },
    Question {
        title: "What has begun and not ended?",
        sql: "\
SELECT 'session' AS what, agent || ' #' || session_num AS name,
       min(ts_utc) AS since
FROM sessions
GROUP BY agent, session_num
HAVING count(*) FILTER (WHERE event = 'down') = 0
UNION ALL
SELECT 'clone', agent_id, ts_utc_start FROM clone_dispatches
WHERE ts_utc_end IS NULL
UNION ALL
SELECT 'tool call', agent || ' ' || tool, ts_utc_start FROM mcp_tool_calls
WHERE ts_utc_end IS NULL
ORDER BY since
LIMIT 12",
    },
    Question {
        title: "Does an agent crash in a loop, three times or more within ten minutes?",
        sql: "\
SELECT agent, kind, count(*) AS crashes, min(ts_utc) AS since,
       date_diff('minute', min(ts_utc), max(ts_utc)) AS minutes
FROM (SELECT *, count(*) OVER (PARTITION BY agent ORDER BY ts_utc
        RANGE BETWEEN INTERVAL '10 minutes' PRECEDING
                  AND INTERVAL '10 minutes' FOLLOWING) AS near
      FROM crashes)
WHERE near >= 3
GROUP BY agent, kind
ORDER BY since",
    },
    Question {
        title: "Who has given no sign of life for three hours?",
        sql: "\
SELECT source, max(ts_utc) AS last_tick, count(*) AS ticks
FROM ticks
GROUP BY source
HAVING max(ts_utc) < (SELECT max(ts_utc) FROM ticks) - INTERVAL '3 hours'
ORDER BY last_tick",
    },
    Question {
        title: "When is the fleet at work?",
        sql: "\
SELECT date_part('hour', ts_utc_start) / 3 * 3 AS from_hour,
       count(*) AS tool_calls,
       repeat('#', count(*) * 120 / sum(count(*)) OVER ()) AS share
FROM mcp_tool_calls
GROUP BY from_hour
ORDER BY from_hour",
    },
    Question {
        title: "What was said last?",
        sql: "\
SELECT strftime('%H:%M', ts_utc) AS time, from_agent, to_agent,
       left(replace(body, chr(10), ' '), 40) AS said
FROM messages
ORDER BY ts_utc DESC
LIMIT 5",
    },
];
