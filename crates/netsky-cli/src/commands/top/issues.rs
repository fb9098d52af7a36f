//! What is open, stuck or silent.

use arrow::array::RecordBatch;
use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::{Db, Value};

use crate::commands::query::rows_per_machine;
use crate::failure::Failure;
use crate::row::Row;

/// The kinds of issues, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    CrashLoop,
    StuckCall,
    StuckClone,
    Silent,
    OpenSession,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::CrashLoop => "crash loop",
            Self::StuckCall => "stuck call",
            Self::StuckClone => "stuck clone",
            Self::Silent => "silent",
            Self::OpenSession => "open session",
        }
    }

    /// The minimum age for the list.
    fn min_age(self) -> TimeDelta {
        match self {
            Self::CrashLoop | Self::OpenSession => TimeDelta::zero(),
            Self::Silent => TimeDelta::minutes(5),
            Self::StuckCall => TimeDelta::minutes(10),
            Self::StuckClone => TimeDelta::hours(1),
        }
    }
}

/// A crash loop is listed for this long after its last crash.
const LISTED_AFTER_LAST_CRASH: TimeDelta = TimeDelta::hours(1);

#[derive(Debug, Clone)]
pub struct Issue {
    pub kind: Kind,
    pub who: String,
    pub what: String,
    pub since: DateTime<Utc>,
    pub age_ms: i64,
}

/// The queries return who, what, since when, and for ticks the longest pause. All but that of crashes read
/// only what is newer than the parameter, so they need no state from one refresh to the next.
const CRASH_LOOPS: &str = "
SELECT agent, concat(crashes::text, ' crashes: ', kinds), ts_utc_start
FROM v_crash_loops
WHERE ts_utc_end >= $1";

const OPEN_CALLS: &str = "
SELECT coalesce(agent, '?'), concat(tool, ' (', source, ')'), ts_utc_start
FROM v_open_calls
WHERE ts_utc_start >= $1";

/// A clone names its agent in `detail_json`, or the session in which it was dispatched. The subagent of a
/// transcript has its own name there; its id says nothing to a person.
const OPEN_CLONES: &str = "
SELECT coalesce(subagent, agent_id), what, ts_utc_start
FROM (SELECT agent_id, ts_utc_start,
             max(CASE WHEN detail_json->>'subagent_type' IS NOT NULL OR detail_json->>'agent_path' IS NOT NULL
                      THEN detail_json->>'agent' END) AS subagent,
             last_value(concat_ws(', ', runtime, branch, status) ORDER BY id) AS what,
             max(coalesce(detail_json->>'parent', detail_json->>'agent')) AS named,
             max(detail_json->>'session_id') AS session
      FROM clone_dispatches
      WHERE ts_utc_start >= $1
      GROUP BY agent_id, ts_utc_start
      HAVING max(ts_utc_end) IS NULL AND max(exit_code) IS NULL) AS clone
LEFT JOIN (SELECT session_id, min(agent) AS of_session
           FROM token_usage WHERE ts_utc >= $1 GROUP BY session_id) ON session_id = session
LEFT JOIN v_agents ON agent = coalesce(split_part(named, '/', 1), of_session, agent_id)
WHERE agent IS NULL OR open_since <= ts_utc_start";

/// A source is named for its agent, as in `agent1` or `agent1:heartbeat`.
const SOURCES: &str = "
SELECT source, 'ticks', max(ts_utc), max(pause_ms)
FROM (SELECT source, ts_utc,
             (ts_utc - lag(ts_utc) OVER (PARTITION BY source ORDER BY ts_utc))::bigint / 1000000
               AS pause_ms
      FROM ticks LEFT JOIN v_agents ON agent = split_part(source, ':', 1)
      WHERE ts_utc >= $1 AND (agent IS NULL OR open_since <= ts_utc))
GROUP BY source";

/// An older session is open only if its agent still works and has not begun another one.
const OPEN_SESSIONS: &str = "
SELECT agent, concat('session ', session_num::text), ts_utc_start
FROM (SELECT *, max(ts_utc_start) OVER (PARTITION BY agent) AS newest FROM v_open_sessions)
WHERE ts_utc_start >= $1
   OR ts_utc_start = newest AND agent IN (
        SELECT agent FROM v_timeline WHERE ts_utc >= $1 AND kind IN ('tool', 'model'))";

/// The issues at a time: worst first, and the oldest first within each kind. What began before `since` is
/// history.
pub fn issues(db: &Db, now: DateTime<Utc>, since: DateTime<Utc>) -> Result<Vec<Issue>, Failure> {
    let mut found = Vec::new();
    let recent_crashes = since.max(now - LISTED_AFTER_LAST_CRASH);
    for (kind, sql, since) in [
        (Kind::CrashLoop, CRASH_LOOPS, recent_crashes),
        (Kind::StuckCall, OPEN_CALLS, since),
        (Kind::StuckClone, OPEN_CLONES, since),
        (Kind::Silent, SOURCES, since),
        (Kind::OpenSession, OPEN_SESSIONS, since),
    ] {
        let answer = rows_per_machine(db, sql, &[Value::Time(since)])?;
        found.extend(of_kind(kind, &answer, now));
    }
    found.sort_by(|one, other| {
        (one.kind, one.since, &one.who).cmp(&(other.kind, other.since, &other.who))
    });
    Ok(found)
}

fn of_kind(kind: Kind, answer: &RecordBatch, now: DateTime<Utc>) -> impl Iterator<Item = Issue> {
    Row::all(answer).filter_map(move |row| {
        let since = row.time(2)?;
        let age = now - since;
        // Some sources tick only now and then.
        let longest_pause = if kind == Kind::Silent { row.int(3) } else { None };
        let longest_pause = TimeDelta::milliseconds(longest_pause.unwrap_or(0));
        (age >= kind.min_age() && age >= longest_pause).then(|| Issue {
            kind,
            who: row.name(0),
            what: row.text(1),
            since,
            age_ms: age.num_milliseconds(),
        })
    })
}
