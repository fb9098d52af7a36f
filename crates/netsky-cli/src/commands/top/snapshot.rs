//! What `top` shows at one moment, as text.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};
use chrono::{DateTime, TimeDelta, Utc};
use console::truncate_str;
use netsky_db::Db;

use crate::commands::query::rows;
use crate::commands::top::issues::{Issue, issues};
use crate::commands::top::overview::Overview;
use crate::failure::Failure;
use crate::human;
use crate::human_table;
use crate::output;
use crate::row::Row;
use crate::time_zone::{self, Zone};

/// The number of issues of each kind in the table.
const SHOWN_OF_A_KIND: usize = 5;

const WELL: &str = "All is well: nothing is open, stuck or silent.";

#[derive(Debug)]
pub struct Snapshot {
    pub issues: Vec<Issue>,
    /// Without issues: since when nothing has been recorded, if that is longer than the list looks back.
    quiet: Option<Quiet>,
    overview: Overview,
    zone: Zone,
}

impl Snapshot {
    /// The issues of this length of time before now.
    pub fn read(db: &Db, now: DateTime<Utc>, length: TimeDelta) -> Result<Self, Failure> {
        let zone = time_zone::shown()?;
        let since = now.checked_sub_signed(length).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let issues = issues(db, now, since)?;
        let quiet = if issues.is_empty() { Quiet::read(db, since)? } else { None };
        let midnight = zone.start_of(zone.local(now).date_naive());
        let overview = Overview::read(db, now, midnight, &issues)?;
        Ok(Self { issues, quiet, overview, zone })
    }

    /// The costs, and the list. With the columns of a terminal, lines are at most that long.
    pub fn text(&self, columns: Option<usize>) -> Result<String, Failure> {
        let overview = self.overview.text();
        let list = match (self.issues.is_empty(), &self.quiet) {
            (true, None) => format!("{WELL}\n"),
            (true, Some(Quiet::Empty)) => "Nothing is recorded yet.\n".to_owned(),
            (true, Some(Quiet::Since(last))) => {
                let last = self.zone.local(*last).format("%Y-%m-%d %H:%M");
                let zone = self.zone.name();
                format!("Nothing is at work: the last row is of {last} ({zone}).\n")
            }
            (false, _) => output::table_text(self.fitted(columns)?, columns)?,
        };
        let Some(columns) = columns else { return Ok(format!("{overview}\n{list}")) };
        let lines = overview.lines().map(|line| format!("{}\n", truncate_str(line, columns, "…")));
        Ok(format!("{}\n{list}", lines.collect::<String>()))
    }

    /// The first issues of each kind, formatted for people.
    pub fn table(&self) -> Result<RecordBatch, Failure> {
        self.fitted(None)
    }

    /// With as many columns as fit the terminal.
    fn fitted(&self, screen: Option<usize>) -> Result<RecordBatch, Failure> {
        let mut lines: Vec<[String; 5]> = Vec::new();
        for kind in self.issues.chunk_by(|one, next| one.kind == next.kind) {
            for issue in kind.iter().take(SHOWN_OF_A_KIND) {
                lines.push([
                    issue.kind.name().to_owned(),
                    human::duration(issue.age_ms),
                    cut(&issue.who, 24),
                    cut(&issue.what, 32),
                    self.zone.local(issue.since).format("%Y-%m-%d %H:%M").to_string(),
                ]);
            }
            if let more @ 1.. = kind.len().saturating_sub(SHOWN_OF_A_KIND) {
                let more = human::count(i64::try_from(more).unwrap_or(i64::MAX));
                let state = kind[0].kind.name().to_owned();
                let [age, what, since] = [const { String::new() }; 3];
                lines.push([state, age, format!("and {more} more"), what, since]);
            }
        }
        let text = |name: &str, index: usize| -> (Field, ArrayRef) {
            let texts = StringArray::from_iter_values(lines.iter().map(|line| &line[index]));
            (Field::new(name, DataType::Utf8, false), Arc::new(texts))
        };
        let ages = lines.iter().map(|line| Some(line[1].clone())).collect();
        let since = format!("since ({})", self.zone.name());
        let mut columns = vec![
            text("state", 0),
            human::column("for", ages),
            text("who", 2),
            text("what", 3),
            text(&since, 4),
        ];
        if let Some(screen) = screen {
            columns = human_table::fit(columns, &[&since, "what"], screen)?;
        }
        Ok(human::batch(columns)?)
    }
}

/// That nothing is recorded is no sign that all is well.
#[derive(Debug)]
enum Quiet {
    Empty,
    Since(DateTime<Utc>),
}

impl Quiet {
    /// Returns `None` if a row is newer than `since`.
    fn read(db: &Db, since: DateTime<Utc>) -> Result<Option<Self>, Failure> {
        let times = db.tables().iter().filter_map(|table| {
            let time = table.time_column()?.name;
            Some(format!("SELECT max({time}) AS time FROM {}", table.name()))
        });
        let times: Vec<String> = times.collect();
        let last =
            rows(db, &format!("SELECT max(time) FROM ({})", times.join(" UNION ALL ")), &[])?;
        Ok(match Row::all(&last).find_map(|row| row.time(0)) {
            None => Some(Self::Empty),
            Some(last) => (last < since).then_some(Self::Since(last)),
        })
    }
}

fn cut(text: &str, width: usize) -> String {
    let text = text.replace(char::is_control, " ");
    truncate_str(&text, width, "…").into_owned()
}
