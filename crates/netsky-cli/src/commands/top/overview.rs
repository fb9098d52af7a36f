//! What the fleet costs, and who is at work.

use chrono::{DateTime, TimeDelta, Utc};
use console::Style;
use netsky_db::{Db, Value};

use crate::commands::cost::USD;
use crate::commands::query::{rows, rows_per_machine};
use crate::commands::top::issues::{Issue, Kind};
use crate::failure::Failure;
use crate::human::{count, counted, money};
use crate::output;
use crate::row::Row;

/// Costs and tokens are those of this long.
const RATE_OVER: TimeDelta = TimeDelta::hours(1);

/// An agent that did something this long ago is at work.
const AT_WORK: TimeDelta = TimeDelta::minutes(10);

/// The number of names in a line.
const NAMES_SHOWN: usize = 8;

#[derive(Debug)]
pub struct Overview {
    today: Usage,
    last_hour: Usage,
    running: Vec<String>,
    /// Agents with an open session that do nothing.
    idle: Vec<String>,
}

#[derive(Debug)]
struct Usage {
    calls: u64,
    /// Calls without a recorded cost.
    unpriced: u64,
    usd: f64,
    tokens: i64,
    cached_tokens: i64,
}

impl Overview {
    /// `issues` has the open sessions.
    pub fn read(
        db: &Db,
        now: DateTime<Utc>,
        midnight: DateTime<Utc>,
        issues: &[Issue],
    ) -> Result<Self, Failure> {
        let running = running(db, now - AT_WORK)?;
        let open = issues.iter().filter(|issue| issue.kind == Kind::OpenSession);
        let mut idle: Vec<String> = open.map(|issue| issue.who.clone()).collect();
        idle.sort();
        idle.dedup();
        idle.retain(|agent| !running.contains(agent));
        Ok(Self {
            today: Usage::since(db, midnight)?,
            last_hour: Usage::since(db, now - RATE_OVER)?,
            running,
            idle,
        })
    }

    /// Three or four lines. Agents' names are escaped.
    pub fn text(&self) -> String {
        let label = |text: &str| Style::new().dim().apply_to(format!("{text:<11}")).to_string();
        let unpriced = match self.today.unpriced {
            0 => String::new(),
            calls => format!(", {} without a price", count(calls as i64)),
        };
        let per_minute = |tokens: i64| count(tokens / RATE_OVER.num_minutes());
        let idle = match self.idle.is_empty() {
            true => String::new(),
            false => format!(
                "{}{}{}\n",
                label("idle"),
                counted(self.idle.len() as u64, "agent"),
                names(&self.idle)
            ),
        };
        format!(
            "{}{} in {}{unpriced}\n\
             {}{} per hour; {} tokens per minute, and {} from the cache\n\
             {}{}{}\n{idle}",
            label("today"),
            money(self.today.usd),
            counted(self.today.calls, "model call"),
            label("last hour"),
            money(self.last_hour.usd),
            per_minute(self.last_hour.tokens),
            per_minute(self.last_hour.cached_tokens),
            label("running"),
            counted(self.running.len() as u64, "agent"),
            names(&self.running),
        )
    }
}

impl Usage {
    fn since(db: &Db, since: DateTime<Utc>) -> Result<Self, Failure> {
        let sql = format!(
            "SELECT count(*), count(*) - count(cost_usd_micros), {USD},
                    sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), sum(cached_input_tokens)
             FROM token_usage WHERE ts_utc >= $1"
        );
        let found = rows(db, &sql, &[Value::Time(since)])?;
        let row = Row::all(&found).next();
        let int = |column: usize| row.as_ref().and_then(|row| row.int(column)).unwrap_or(0);
        Ok(Self {
            calls: int(0).unsigned_abs(),
            unpriced: int(1).unsigned_abs(),
            usd: row.as_ref().and_then(|row| row.float(2)).unwrap_or(0.0),
            tokens: int(3),
            cached_tokens: int(4),
        })
    }
}

/// The agents that have done something since a time and have an open session, or never had one. A subagent, as in
/// `project/reviewer`, has those of its project unless it has its own.
fn running(db: &Db, since: DateTime<Utc>) -> Result<Vec<String>, Failure> {
    let sql = "
        SELECT seen.agent
        FROM (SELECT agent, false AS ticks FROM v_timeline
              WHERE ts_utc >= $1 AND kind IN ('tool', 'model')
              UNION ALL
              SELECT split_part(source, ':', 1), true FROM ticks WHERE ts_utc >= $1) AS seen
        LEFT JOIN v_agents AS own ON own.agent = seen.agent
        LEFT JOIN v_agents AS project ON project.agent = split_part(seen.agent, '/', 1)
        WHERE CASE WHEN own.agent IS NOT NULL THEN own.open_since IS NOT NULL
                   WHEN project.agent IS NOT NULL THEN project.open_since IS NOT NULL
                   ELSE NOT seen.ticks END
        GROUP BY seen.agent
        ORDER BY seen.agent";
    let found = rows_per_machine(db, sql, &[Value::Time(since)])?;
    Ok(Row::all(&found).map(|row| row.name(0)).collect())
}

/// The names after a colon.
fn names(agents: &[String]) -> String {
    if agents.is_empty() {
        return String::new();
    }
    let names = agents.iter().take(NAMES_SHOWN).map(|name| output::visible(name));
    let more = match agents.len().saturating_sub(NAMES_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(": {}{more}", names.collect::<Vec<_>>().join(", "))
}
