//! `netsky tail`

mod line;
mod role;
mod rows_of;

use std::io::{IsTerminal, stdout};
use std::iter::once;
use std::thread;
use std::time::Duration;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use netsky_db::internal::check_condition;
use netsky_db::{Db, Table, View};

use crate::failure::Failure;
use crate::last_ids::{last_ids, refuse_lake};
use crate::output::{self, Answer, Format, TableOutput};
use crate::store::StoreArgs;

use line::Lines;
use rows_of::{Entry, RowsOf, times};

/// The interval between checks for new rows.
const PAUSE: Duration = Duration::from_millis(250);

/// The maximum number of rows of a table in memory at once, for example while an import adds many.
const ROWS_AT_ONCE: i64 = 10_000;

/// Show the last rows, and with -f new ones as they arrive
///
/// On a terminal, a row is a line truncated to the width: the time, the agent, what it did, how that ended
/// and what went wrong, then the rest as fits, without what is the same in all rows. Elsewhere it is a JSON
/// object. Without a table, the rows of all tables are merged by time, and each says its table; with one,
/// rows are in the order of recording. New rows are found by id, which does not read the rest of the table.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky tail
  netsky tail -f
  netsky tail -f mcp_tool_calls --where 'NOT success'
  netsky tail -f messages --where \"to_agent = 'agent0'\" | jq -r .body"
)]
pub struct TailArgs {
    /// The table; without it, all tables
    pub table: Option<String>,
    /// The number of rows to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    pub lines: u32,
    /// Keep printing rows as any process records them, until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// Only rows of the table that satisfy a condition
    #[arg(long = "where", value_name = "SQL", requires = "table")]
    pub condition: Option<String>,
    /// The output format [default: lines on a terminal, else ndjson; -f and all tables allow only ndjson]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Print one JSON object with the columns and the rows, or with the error
    #[arg(long, conflicts_with_all = ["format", "follow"])]
    pub json: bool,
}

pub fn run(store: &StoreArgs, args: &TailArgs) -> Result<(), Failure> {
    let other_format = args.format.is_some_and(|format| format != Format::NDJSON);
    if args.follow && other_format {
        return Err(Failure::usage(
            "-f prints lines or ndjson, because the other formats need the end of the rows",
        ));
    }
    if args.table.is_none() && other_format {
        return Err(Failure::usage(
            "rows of all tables are lines or ndjson, because the other formats hold one table; name a table",
        ));
    }
    if let Some(condition) = &args.condition {
        // Otherwise it could close the subquery and return rows outside the range of ids.
        check_condition(condition).map_err(|error| Failure::from(error).about("--where"))?;
    }
    let db = store.open_read_only()?;
    let tables: Vec<&Table> = match &args.table {
        Some(name) => vec![find_table(&db, name)?],
        None => db.tables().to_vec(),
    };
    if args.follow {
        refuse_lake(&db)?;
    }
    let mut tail = Tail::new(&db, &tables, args);
    let mut last = if db.is_lake() { Vec::new() } else { last_ids(&db, &tables)? };
    let newest = tail.tables.iter().enumerate().map(|(index, rows)| match last.get(index) {
        Some(last) => rows.newest(*last, args.lines),
        None => rows.newest_by_time(args.lines),
    });
    let first: Vec<RecordBatch> = newest.collect::<Result<_, _>>()?;
    let first = newest_of_all(&tables, first, args.lines as usize)?;
    if args.json {
        return tail.print_object(&first);
    }
    if tail.lines.is_some() && !args.follow && first.iter().all(|rows| rows.num_rows() == 0) {
        return output::print_line("no rows");
    }
    tail.print(&first)?;
    if !args.follow {
        return Ok(());
    }
    loop {
        thread::sleep(PAUSE);
        let newest = last_ids(&db, &tables)?;
        while last != newest {
            let mut found = Vec::new();
            for ((rows, last), &newest) in tail.tables.iter().zip(&mut last).zip(&newest) {
                let to = newest.min(last.saturating_add(ROWS_AT_ONCE));
                found.push(rows.between(*last, to)?);
                *last = to;
            }
            tail.print(&found)?;
        }
    }
}

fn find_table(db: &Db, name: &str) -> Result<&'static Table, Failure> {
    db.find_table(name).map_err(|error| match View::find(name) {
        Ok(_) => Failure::input(format!("{name} is a view; tail shows only tables")),
        Err(_) => error.into(),
    })
}

struct Tail<'a> {
    tables: Vec<RowsOf<'a>>,
    /// `None` if rows are not printed as lines.
    lines: Option<Lines>,
    format: Format,
}

impl<'a> Tail<'a> {
    fn new(db: &'a Db, tables: &[&'static Table], args: &'a TailArgs) -> Self {
        let as_lines = args.format.is_none() && stdout().is_terminal();
        Self {
            lines: as_lines.then(|| Lines::new(tables)),
            format: args.format.unwrap_or(Format::NDJSON),
            tables: tables
                .iter()
                .map(|table| RowsOf { db, table, condition: args.condition.as_deref() })
                .collect(),
        }
    }

    /// Prints the rows of the batches, of which there is one for each table.
    fn print(&mut self, found: &[RecordBatch]) -> Result<(), Failure> {
        if let ([rows], None) = (found, &self.lines) {
            let answer = Answer { schema: rows.schema(), batches: once(Ok(rows.clone())) };
            return output::print_unpaged(self.format, answer);
        }
        let mut entries = match &mut self.lines {
            Some(lines) => lines.entries(found)?,
            None => self.json_entries(found)?,
        };
        if found.len() > 1 {
            // Stable, so rows of the same time stay in the order of recording.
            entries.sort_by_key(|entry| entry.time);
        }
        let text: String = entries.iter().map(|entry| format!("{}\n", entry.text)).collect();
        match self.lines {
            Some(_) => output::print(&text),
            None => output::print_all(|out| out.write_all(text.as_bytes())),
        }
    }

    /// Prints the rows of the batches as one JSON object. Rows of several tables share no columns.
    fn print_object(&self, found: &[RecordBatch]) -> Result<(), Failure> {
        if let [rows] = found {
            return TableOutput { format: self.format, json: true }.print(rows.clone());
        }
        let mut entries = self.json_entries(found)?;
        // Stable, so rows of the same time stay in the order of recording.
        entries.sort_by_key(|entry| entry.time);
        let rows: Vec<String> = entries.into_iter().map(|entry| entry.text).collect();
        output::print_line(&format!(
            "{{\"columns\":[],\"row_count\":{},\"truncated\":false,\"rows\":[{}]}}",
            rows.len(),
            rows.join(",")
        ))
    }

    fn json_entries(&self, found: &[RecordBatch]) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        for (rows, batch) in self.tables.iter().zip(found) {
            entries.extend(rows.as_json(batch)?);
        }
        Ok(entries)
    }
}

/// The batches with only the newest rows over all tables, at most `limit`. Rows of one table are those
/// recorded last.
fn newest_of_all(
    tables: &[&Table],
    found: Vec<RecordBatch>,
    limit: usize,
) -> Result<Vec<RecordBatch>, Failure> {
    if found.len() == 1 {
        return Ok(found);
    }
    let mut places = Vec::new();
    for (index, (table, rows)) in tables.iter().zip(&found).enumerate() {
        places.extend(
            times(table, rows).into_iter().enumerate().map(|(row, time)| (time, index, row)),
        );
    }
    places.sort();
    let mut is_kept: Vec<Vec<bool>> =
        found.iter().map(|rows| vec![false; rows.num_rows()]).collect();
    for &(_, index, row) in &places[places.len().saturating_sub(limit)..] {
        is_kept[index][row] = true;
    }
    let kept = found.iter().zip(is_kept);
    kept.map(|(rows, is_kept)| Ok(filter_record_batch(rows, &BooleanArray::from(is_kept))?))
        .collect()
}
