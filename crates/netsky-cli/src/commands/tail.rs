//! `netsky tail`

use std::fmt::Write as _;
use std::io::{IsTerminal, stdout};
use std::iter::once;
use std::thread;
use std::time::Duration;

use arrow::array::{Array, AsArray, RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Int64Type;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use console::{Style, Term, truncate_str};
use netsky_db::internal::check_condition;
use netsky_db::{Db, Table, View, times_as_text};

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::output::{self, Answer, Format};
use crate::store::StoreArgs;

/// The interval between checks for new rows.
const PAUSE: Duration = Duration::from_millis(250);

/// The maximum number of rows in memory at once, for example while an import adds many.
const ROWS_AT_ONCE: i64 = 10_000;

/// Show the last rows, and with -f new ones as they arrive
///
/// On a terminal, a row is a line truncated to the width; elsewhere it is a JSON object. Rows are printed
/// in the order of recording. New rows are found by id, which does not read the rest of the table.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky tail watchdog_events
  netsky tail -f mcp_tool_calls --where 'NOT success'
  netsky tail -f messages --where \"to_agent = 'agent0'\" | jq -r .body"
)]
pub struct TailArgs {
    /// The table
    pub table: String,
    /// The number of rows to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    pub lines: u32,
    /// Keep printing rows as any process records them, until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// Only rows that satisfy a condition
    #[arg(long = "where", value_name = "SQL")]
    pub condition: Option<String>,
    /// The output format [default: lines on a terminal, else ndjson; -f allows only ndjson]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

pub fn run(store: &StoreArgs, args: &TailArgs) -> Result<(), Failure> {
    if args.follow && args.format.is_some_and(|format| format != Format::NDJSON) {
        return Err(Failure::usage(
            "-f prints lines or ndjson, because the other formats need the end of the rows",
        ));
    }
    if let Some(condition) = &args.condition {
        // Otherwise it could close the subquery and return rows outside the range of ids.
        check_condition(condition).map_err(|error| Failure::from(error).about("--where"))?;
    }
    let db = store.open_read_only()?;
    let tail = Tail { table: find_table(&db, &args.table)?, db, args };
    let mut last = tail.last_id()?;
    tail.print(&tail.rows(0, last, Some(args.lines))?)?;
    if !args.follow {
        return Ok(());
    }
    loop {
        thread::sleep(PAUSE);
        let newest = tail.last_id()?;
        while last < newest {
            let to = newest.min(last + ROWS_AT_ONCE);
            tail.print(&tail.rows(last, to, None)?)?;
            last = to;
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
    db: Db,
    table: &'static Table,
    args: &'a TailArgs,
}

impl Tail<'_> {
    /// DataFusion gets it from the statistics, without a scan.
    fn last_id(&self) -> Result<i64, Failure> {
        let newest = rows(&self.db, &format!("SELECT max(id) FROM {}", self.table.name()), &[])?;
        let newest = newest.column(0).as_primitive::<Int64Type>();
        Ok(if newest.is_valid(0) { newest.value(0) } else { 0 })
    }

    /// The rows with ids in `after + 1..=to` that satisfy the condition, in order; with a limit, the last
    /// ones.
    fn rows(&self, after: i64, to: i64, limit: Option<u32>) -> Result<RecordBatch, Failure> {
        let table = self.table.name();
        let mut sql =
            format!("SELECT * FROM (SELECT * FROM {table} WHERE id > {after} AND id <= {to})");
        if let Some(condition) = &self.args.condition {
            let _ = write!(sql, " WHERE\n{condition}\n");
        }
        let Some(limit) = limit else { return self.ask(&format!("{sql} ORDER BY id")) };
        let newest_first = self.ask(&format!("{sql} ORDER BY id DESC LIMIT {limit}"))?;
        let places = (0..newest_first.num_rows() as u64).rev();
        Ok(take_record_batch(&newest_first, &UInt64Array::from_iter_values(places))?)
    }

    fn ask(&self, sql: &str) -> Result<RecordBatch, Failure> {
        rows(&self.db, sql, &[]).map_err(|failure| match self.args.condition {
            Some(_) => failure.about("--where"),
            None => failure,
        })
    }

    fn print(&self, rows: &RecordBatch) -> Result<(), Failure> {
        match self.args.format {
            None if stdout().is_terminal() => print_lines(rows),
            format => {
                let answer = Answer { schema: rows.schema(), batches: once(Ok(rows.clone())) };
                output::print_unpaged(format.unwrap_or(Format::NDJSON), answer)
            }
        }
    }
}

/// Prints each row as a line truncated to the terminal: the id, the time, and the other values by name.
fn print_lines(rows: &RecordBatch) -> Result<(), Failure> {
    let terminal = Term::stdout();
    let width = usize::from(terminal.size().1);
    let rows = times_as_text(rows)?;
    let options = FormatOptions::new();
    let columns = rows.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let schema = rows.schema();
    let dim = Style::new().dim();
    let mut text = String::new();
    for row in 0..rows.num_rows() {
        let mut line = String::new();
        for (index, (field, column)) in schema.fields().iter().zip(&columns).enumerate() {
            if rows.column(index).is_null(row) {
                continue;
            }
            // Line breaks in a value would break the line.
            let value = column.value(row).to_string().replace(char::is_control, " ");
            let value = output::visible(&value);
            let _ = match index {
                0 => write!(line, "{value}"),
                1 => write!(line, " {}", dim.apply_to(value)),
                _ => write!(line, " {}{value}", dim.apply_to(format!("{}=", field.name()))),
            };
        }
        let _ = writeln!(text, "{}", truncate_str(&line, width, "…"));
    }
    output::print(&text)
}
