//! `netsky stats`

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field};
use chrono::{DateTime, Utc};
use netsky_db::{TableStats, UnknownTable};

use crate::commands::tables::times;
use crate::failure::Failure;
use crate::human;
use crate::human_table;
use crate::output::{self, TableOutput};
use crate::store::StoreArgs;
use crate::time_zone;

/// Show the sizes and time ranges of the store and its tables
///
/// ROW_BYTES counts the JSON and the ids, FILE_BYTES the pages that hold them, and COLUMN_BYTES the pages
/// of their columnar copy. ZONES counts the blocks whose row count and time range are stored. FIRST and
/// LAST are the smallest and the largest time. The last line is the whole file, with its free pages. On a
/// terminal, the sizes are called size, in file and columnar, and columns that do not fit are left out.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky stats
  netsky stats --format csv"
)]
pub struct StatsArgs {
    #[command(flatten)]
    pub output: TableOutput,
}

/// The name of the line for the whole file, which is the last. No table can have this name.
const WHOLE_FILE: &str = "(file)";

pub fn run(store: &StoreArgs, args: &StatsArgs) -> Result<(), Failure> {
    let db = store.open_read_only()?;
    let (stats, unknown) = (db.stats()?, db.unknown_tables()?);
    let mut lines: Vec<Line> = stats.tables.iter().map(Line::of).collect();
    lines.extend(unknown.iter().map(Line::of_unknown));
    let sum = |count: fn(&Line) -> u64| lines.iter().map(count).sum();
    let spans = || lines.iter().filter_map(|line| line.span);
    let first = spans().map(|(first, _)| first).min();
    let last = spans().map(|(_, last)| last).max();
    let whole = Line {
        name: WHOLE_FILE,
        rows: sum(|line| line.rows),
        row_bytes: sum(|line| line.row_bytes),
        file_bytes: stats.file_bytes,
        column_bytes: sum(|line| line.column_bytes),
        zones: sum(|line| line.zones),
        span: first.zip(last),
    };
    lines.push(whole);
    let batch = match output::screen_columns() {
        Some(columns) if args.output.is_table() => readable(&lines, columns)?,
        _ => exact(&lines)?,
    };
    args.output.print(batch)
}

/// The lines with sizes and dates as people read them, as many columns as fit.
fn readable(lines: &[Line<'_>], columns: usize) -> Result<RecordBatch, Failure> {
    let zone = time_zone::shown()?;
    let text = |name: &str, cell: &dyn Fn(&Line<'_>) -> Option<String>| -> (Field, ArrayRef) {
        let texts = lines.iter().map(cell).collect::<StringArray>();
        (Field::new(name, DataType::Utf8, true), Arc::new(texts))
    };
    let numbers = |name: &str, cell: &dyn Fn(&Line<'_>) -> String| {
        human::column(name, lines.iter().map(|line| Some(cell(line))).collect())
    };
    let date = |time: DateTime<Utc>| zone.local(time).format("%Y-%m-%d").to_string();
    let found = vec![
        text("table", &|line| Some(line.name.to_owned())),
        numbers("rows", &|line| human::count(i64::try_from(line.rows).unwrap_or(i64::MAX))),
        numbers("size", &|line| human::bytes(line.row_bytes)),
        numbers("in file", &|line| human::bytes(line.file_bytes)),
        numbers("columnar", &|line| human::bytes(line.column_bytes)),
        numbers("zones", &|line| human::count(i64::try_from(line.zones).unwrap_or(i64::MAX))),
        text("first", &|line| line.span.map(|(first, _)| date(first))),
        text("last", &|line| line.span.map(|(_, last)| date(last))),
    ];
    Ok(human::batch(human_table::fit(found, &["zones", "columnar", "size"], columns)?)?)
}

/// The lines as programs read them.
fn exact(lines: &[Line<'_>]) -> Result<RecordBatch, Failure> {
    let numbers = |count: fn(&Line) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(lines.iter().map(count)))
    };
    let names = lines.iter().map(|line| line.name);
    let columns: [(&str, ArrayRef); 8] = [
        ("table", Arc::new(StringArray::from_iter_values(names))),
        ("rows", numbers(|line| line.rows)),
        ("row_bytes", numbers(|line| line.row_bytes)),
        ("file_bytes", numbers(|line| line.file_bytes)),
        ("column_bytes", numbers(|line| line.column_bytes)),
        ("zones", numbers(|line| line.zones)),
        ("first", times(lines.iter().map(|line| line.span.map(|(first, _)| first)))),
        ("last", times(lines.iter().map(|line| line.span.map(|(_, last)| last)))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

struct Line<'a> {
    name: &'a str,
    rows: u64,
    row_bytes: u64,
    file_bytes: u64,
    column_bytes: u64,
    zones: u64,
    span: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl<'a> Line<'a> {
    fn of(stats: &TableStats) -> Self {
        Self {
            name: stats.table.name(),
            rows: stats.rows,
            row_bytes: stats.row_bytes,
            file_bytes: stats.page_bytes,
            column_bytes: stats.column_bytes,
            zones: stats.zones,
            span: stats.span,
        }
    }

    fn of_unknown(table: &'a UnknownTable) -> Self {
        Self {
            name: &table.name,
            rows: table.rows,
            row_bytes: table.row_bytes,
            file_bytes: table.page_bytes,
            column_bytes: 0,
            zones: 0,
            span: None,
        }
    }
}
