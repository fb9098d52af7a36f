//! `netsky timeline`

mod inputs;
mod whose;

use std::collections::BTreeMap;
use std::io::{IsTerminal, stdout};
use std::iter::once;
use std::thread;
use std::time::Duration;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use chrono::{DateTime, Utc};
use console::{Alignment, Style, measure_text_width, pad_str, truncate_str};
use netsky_db::{Db, Table, Value, internal};

use crate::commands::query::{rows, rows_per_machine};
use crate::failure::Failure;
use crate::last_ids::{last_ids, refuse_lake};
use crate::output::{self, Answer, Format, TableOutput};
use crate::row::Row;
use crate::store::StoreArgs;
use crate::time_zone::{self, Zone};

use inputs::with_inputs;
use whose::Whose;

/// The interval between checks for new events.
const PAUSE: Duration = Duration::from_millis(500);

/// Show what agents did and what happened to them, newest last
///
/// The events are the last rows of the view v_timeline, which covers all tables with an agent column. ID
/// identifies the row of an event; JSON and CSV also have its table, and the time to the millisecond. A tool call
/// shows what it ran. The events of a session include those of its subagents.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky timeline
  netsky timeline -f
  netsky timeline agent3 --since 6h --limit 500
  netsky timeline 8c00ac51"
)]
pub struct TimelineArgs {
    /// The agent, or the id of a session or how that begins; without it, all agents
    #[arg(value_name = "AGENT|SESSION")]
    pub agent: Option<String>,
    /// Only events since a time (RFC 3339), a date (its midnight), or an age: 90s, 15m, 6h, 7d, 4w
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::time_or_age::parse_time_or_age)]
    pub since: Option<DateTime<Utc>>,
    /// The maximum number of events; the newest are shown
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
    /// Keep printing events as any process records them, until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// The output format [default: table; with -f, lines on a terminal, else ndjson]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Print one JSON object with the columns and the rows, or with the error
    #[arg(long, conflicts_with_all = ["format", "follow"])]
    pub json: bool,
}

pub fn run(store: &StoreArgs, args: &TimelineArgs) -> Result<(), Failure> {
    let db = store.open_read_only()?;
    let whose = Whose::find(&db, args.agent.as_deref())?;
    if args.follow {
        return follow(&db, args, &whose);
    }
    let output = TableOutput { format: args.format.unwrap_or(Format::Table), json: args.json };
    let zone = time_zone::shown()?;
    let for_people = output.is_for_people();
    let columns = match (for_people, &whose) {
        (true, Whose::Agent(_)) => format!("{}, kind, id, what", time_column(zone)),
        (true, _) => format!("{}, agent, kind, id, what", time_column(zone)),
        (false, Whose::Agent(_)) => "ts_utc, kind, what, table_name, id".to_owned(),
        (false, _) => EVENT.to_owned(),
    };
    let events = newest(&db, args, &whose, &columns)?;
    let found = events.num_rows();
    if found == 0 && args.limit > 0 && output.is_table() {
        return output::print_line(&nothing_found(&db, args, &whose, zone)?);
    }
    output.print(events)?;
    if found > 0 && found == args.limit as usize && stdout().is_terminal() {
        output::warn(format_args!(
            "there may be more events; --limit {} shows up to twice as many",
            args.limit.saturating_mul(2)
        ));
    }
    Ok(())
}

/// All columns of an event.
const EVENT: &str = "ts_utc, agent, kind, what, table_name, id";

/// The time as people read it.
fn time_column(zone: Zone) -> String {
    // A name of a zone has no quotes.
    let name = zone.name();
    format!(r#"to_char(ts_utc AT TIME ZONE '{name}', '%Y-%m-%d %H:%M:%S') AS "time ({name})""#)
}

/// The newest events, in order.
fn newest(
    db: &Db,
    args: &TimelineArgs,
    whose: &Whose<'_>,
    columns: &str,
) -> Result<RecordBatch, Failure> {
    let (mut conditions, mut parameters) = whose.condition();
    if let Some(since) = args.since {
        parameters.push(Value::Time(since));
        conditions += &format!(" AND ts_utc >= ${}", parameters.len());
    }
    let sql = format!(
        "SELECT {columns} FROM (
           SELECT * FROM {} WHERE {conditions}
           ORDER BY ts_utc DESC, table_name DESC, id DESC, kind DESC LIMIT {})
         ORDER BY ts_utc, table_name, id, kind",
        whose.events(),
        args.limit
    );
    with_inputs(db, rows_per_machine(db, &sql, &parameters)?)
}

/// What to say if there are no events.
fn nothing_found(
    db: &Db,
    args: &TimelineArgs,
    whose: &Whose<'_>,
    zone: Zone,
) -> Result<String, Failure> {
    let (condition, parameters) = whose.condition();
    let sql = format!("SELECT max(ts_utc) FROM {} WHERE {condition}", whose.events());
    let last = rows(db, &sql, &parameters)?;
    let last = Row::all(&last).find_map(|row| row.time(0));
    let Some(last) = last else { return Ok("no events are recorded".to_owned()) };
    let text = |time: DateTime<Utc>| zone.local(time).format("%Y-%m-%d %H:%M").to_string();
    let of = args.agent.as_ref().map_or(String::new(), |agent| format!(" of {agent}"));
    let since = args.since.map_or(String::new(), |since| format!(" since {}", text(since)));
    Ok(format!("no events{of}{since}; the last one is of {} ({})", text(last), zone.name()))
}

fn follow(db: &Db, args: &TimelineArgs, whose: &Whose<'_>) -> Result<(), Failure> {
    refuse_lake(db)?;
    if args.format.is_some_and(|format| format != Format::NDJSON) {
        return Err(Failure::usage(
            "-f prints lines or ndjson, because the other formats need the end of the events",
        ));
    }
    let mut lines = (args.format.is_none() && stdout().is_terminal()).then(EventLines::default);
    let tables = db.tables().to_vec();
    let mut last = last_ids(db, &tables)?;
    let events = newest(db, args, whose, EVENT)?;
    print(&up_to(&events, &tables, &last)?, lines.as_mut())?;
    loop {
        thread::sleep(PAUSE);
        let newest = last_ids(db, &tables)?;
        if newest != last {
            print(&between(db, whose, &tables, &last, &newest)?, lines.as_mut())?;
            last = newest;
        }
    }
}

/// The events whose rows were there when the last ids were read.
fn up_to(events: &RecordBatch, tables: &[&Table], last: &[i64]) -> Result<RecordBatch, Failure> {
    let last: BTreeMap<&str, i64> =
        tables.iter().map(|table| table.name()).zip(last.iter().copied()).collect();
    let was_there =
        Row::all(events).map(|row| Some(row.int(5)? <= *last.get(row.text(4).as_str())?));
    let was_there: BooleanArray = was_there.map(|was| was.unwrap_or(true)).map(Some).collect();
    Ok(filter_record_batch(events, &was_there)?)
}

/// The events of new rows, in order.
fn between(
    db: &Db,
    whose: &Whose<'_>,
    tables: &[&Table],
    last: &[i64],
    newest: &[i64],
) -> Result<RecordBatch, Failure> {
    let ranges = tables.iter().zip(last).zip(newest).filter(|((_, last), newest)| last < newest);
    let ranges = ranges.map(|((table, last), newest)| {
        format!("table_name = '{}' AND id > {last} AND id <= {newest}", table.name())
    });
    // Without a new row, no event is new.
    let ranges: Vec<String> = once("false".to_owned()).chain(ranges).collect();
    let (condition, parameters) = whose.condition();
    let sql = format!(
        "SELECT {EVENT} FROM {} WHERE {condition} AND ({})
         ORDER BY ts_utc, table_name, id, kind",
        whose.events(),
        ranges.join(" OR ")
    );
    with_inputs(db, rows(db, &sql, &parameters)?)
}

fn print(events: &RecordBatch, lines: Option<&mut EventLines>) -> Result<(), Failure> {
    match lines {
        Some(lines) => output::print(&lines.text(events)?),
        None => {
            let answer = Answer { schema: events.schema(), batches: once(Ok(events.clone())) };
            output::print_unpaged(Format::NDJSON, answer)
        }
    }
}

/// Events as lines of a terminal.
#[derive(Default)]
struct EventLines {
    /// The widths of the aligned parts: time, agent and kind. They only grow.
    widths: [usize; 3],
}

impl EventLines {
    fn text(&mut self, events: &RecordBatch) -> Result<String, Failure> {
        /// A longer name does not move the rest of other lines.
        const WIDEST: usize = 24;
        let zone = time_zone::shown()?;
        let today = zone.local(internal::now()).date_naive();
        let parts = |row: Row<'_>| {
            let time = zone.local(row.time(0).unwrap_or_default());
            let format = if time.date_naive() == today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
            [
                time.format(format).to_string(),
                shown(&row.text(1)),
                shown(&row.text(2)),
                shown(&row.text(3)),
            ]
        };
        let events: Vec<[String; 4]> = Row::all(events).map(parts).collect();
        for parts in &events {
            for (width, part) in self.widths.iter_mut().zip(parts) {
                *width = measure_text_width(part).min(WIDEST).max(*width);
            }
        }
        let columns = output::screen_columns().unwrap_or(usize::MAX);
        let mut text = String::new();
        for [time, agent, kind, what] in events {
            let [time, agent, kind] = [(time, 0), (agent, 1), (kind, 2)].map(|(part, index)| {
                pad_str(&part, self.widths[index], Alignment::Left, None).into_owned()
            });
            let style = match kind.trim_end() {
                "crash" => Style::new().red(),
                "tool" if what.contains(", failed") => Style::new().red(),
                _ => Style::new(),
            };
            let dim = Style::new().dim();
            let line = format!(
                "{}  {agent}  {}  {}",
                dim.apply_to(time),
                dim.apply_to(kind),
                style.apply_to(what)
            );
            text += &truncate_str(line.trim_end(), columns, "…");
            text.push('\n');
        }
        Ok(text)
    }
}

fn shown(text: &str) -> String {
    output::visible(text).into_owned()
}
