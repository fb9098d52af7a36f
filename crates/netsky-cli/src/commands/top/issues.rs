//! What is open, stuck or silent, updated incrementally from new rows.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::{Db, Value};

use crate::commands::query::rows;
use crate::failure::Failure;

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

#[derive(Debug, Clone)]
struct Open {
    who: String,
    what: String,
    since: DateTime<Utc>,
}

/// The state after the last update.
///
/// Rows are only ever added, so an update reads only the new rows of the large tables.
#[derive(Debug, Default)]
pub struct Issues {
    /// By source.
    ticks: BTreeMap<String, Open>,
    calls: Vec<Open>,
    /// By name and start.
    clones: BTreeMap<(String, DateTime<Utc>), Open>,
    sessions: Vec<Open>,
    /// With the time of the last crash.
    crash_loops: Vec<(Open, DateTime<Utc>)>,
    ticks_seen: i64,
    calls_seen: i64,
    clones_seen: i64,
    sessions_seen: i64,
    crashes_seen: i64,
}

impl Issues {
    /// Adds the rows recorded since the last call.
    pub fn update(&mut self, db: &Db) -> Result<(), Failure> {
        if let Some(new) = New::of(db, "ticks", self.ticks_seen)? {
            let sql = "SELECT source, max(ts_utc), count(*) FROM ticks
                       WHERE id > $1 AND id <= $2 GROUP BY source";
            for row in Rows::of(&new.rows(sql)?) {
                let (source, last) = (row.text(0), row.time(1));
                let seen = self.ticks.entry(source.clone());
                let seen =
                    seen.or_insert(Open { who: source, what: "ticks".to_owned(), since: last });
                seen.since = seen.since.max(last);
            }
            self.ticks_seen = new.newest;
        }
        if let Some(new) = New::of(db, "mcp_tool_calls", self.calls_seen)? {
            let sql = "SELECT coalesce(agent, '?'), concat(tool, ' (', source, ')'), ts_utc_start
                       FROM mcp_tool_calls WHERE id > $1 AND id <= $2 AND ts_utc_end IS NULL";
            self.calls.extend(Rows::of(&new.rows(sql)?).map(|row| row.open()));
            self.calls_seen = new.newest;
        }
        if let Some(new) = New::of(db, "clone_dispatches", self.clones_seen)? {
            let sql = "SELECT agent_id, concat_ws(', ', runtime, branch, status), ts_utc_start, ts_utc_end
                       FROM clone_dispatches WHERE id > $1 AND id <= $2 ORDER BY id";
            for row in Rows::of(&new.rows(sql)?) {
                let clone = (row.text(0), row.time(2));
                if row.is_null(3) {
                    self.clones.insert(clone, row.open());
                } else {
                    self.clones.remove(&clone);
                }
            }
            self.clones_seen = new.newest;
        }
        if let Some(new) = New::of(db, "sessions", self.sessions_seen)? {
            let sql = "SELECT agent, concat('session ', session_num::text), ts_utc_start
                       FROM v_open_sessions";
            self.sessions = Rows::of(&rows(db, sql, &[])?).map(|row| row.open()).collect();
            self.sessions_seen = new.newest;
        }
        if let Some(new) = New::of(db, "crashes", self.crashes_seen)? {
            let sql =
                "SELECT agent, concat(crashes::text, ' crashes: ', kinds), ts_utc_start, ts_utc_end
                       FROM v_crash_loops";
            let found = rows(db, sql, &[])?;
            self.crash_loops = Rows::of(&found).map(|row| (row.open(), row.time(3))).collect();
            self.crashes_seen = new.newest;
        }
        Ok(())
    }

    /// The issues at a time: worst first, and the oldest first within each kind.
    pub fn now(&self, now: DateTime<Utc>) -> Vec<Issue> {
        let loops = self.crash_loops.iter();
        let loops =
            loops.filter(|(_, last)| now - last <= LISTED_AFTER_LAST_CRASH).map(|(open, _)| open);
        let mut found = Vec::new();
        let mut add = |kind: Kind, open: &Open| {
            let age = now - open.since;
            if age >= kind.min_age() {
                let Open { who, what, since } = open.clone();
                found.push(Issue { kind, who, what, since, age_ms: age.num_milliseconds() });
            }
        };
        loops.for_each(|open| add(Kind::CrashLoop, open));
        self.calls.iter().for_each(|open| add(Kind::StuckCall, open));
        self.clones.values().for_each(|open| add(Kind::StuckClone, open));
        self.ticks.values().for_each(|open| add(Kind::Silent, open));
        self.sessions.iter().for_each(|open| add(Kind::OpenSession, open));
        found.sort_by(|one, other| {
            (one.kind, one.since, &one.who).cmp(&(other.kind, other.since, &other.who))
        });
        found
    }
}

/// The rows of a table that were recorded since the last update.
struct New<'a> {
    db: &'a Db,
    seen: i64,
    newest: i64,
}

impl<'a> New<'a> {
    /// `None` if there are none. The highest id comes from the statistics, without a scan.
    fn of(db: &'a Db, table: &str, seen: i64) -> Result<Option<Self>, Failure> {
        let newest = rows(db, &format!("SELECT max(id) FROM {table}"), &[])?;
        let newest = newest.column(0).as_primitive::<Int64Type>();
        let newest = if newest.is_valid(0) { newest.value(0) } else { 0 };
        Ok((newest > seen).then_some(Self { db, seen, newest }))
    }

    /// Runs a query whose parameters are the last id seen and the highest id.
    fn rows(&self, sql: &str) -> Result<RecordBatch, Failure> {
        rows(self.db, sql, &[Value::Int(self.seen), Value::Int(self.newest)])
    }
}

struct Rows;

impl Rows {
    fn of(batch: &RecordBatch) -> impl Iterator<Item = Row<'_>> {
        (0..batch.num_rows()).map(move |row| Row { batch, row })
    }
}

struct Row<'a> {
    batch: &'a RecordBatch,
    row: usize,
}

impl Row<'_> {
    fn text(&self, column: usize) -> String {
        let column = self.batch.column(column);
        let text = match column.as_string_view_opt() {
            Some(texts) => texts.value(self.row),
            None => column.as_string::<i32>().value(self.row),
        };
        text.to_owned()
    }

    fn time(&self, column: usize) -> DateTime<Utc> {
        let times = self.batch.column(column).as_primitive::<TimestampNanosecondType>();
        DateTime::from_timestamp_nanos(times.value(self.row))
    }

    fn is_null(&self, column: usize) -> bool {
        self.batch.column(column).is_null(self.row)
    }

    /// The first three columns: who, what and since when.
    fn open(&self) -> Open {
        Open { who: self.text(0), what: self.text(1), since: self.time(2) }
    }
}
