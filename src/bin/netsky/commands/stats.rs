//! `netsky stats`

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};

use crate::args::StoreArgs;
use crate::commands::tables::times;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Show the sizes and the times of the store and its tables
///
/// ROW_BYTES are those of the JSON and the ids, FILE_BYTES those of the pages they lie in. ZONES are the
/// blocks of rows of which number and span of times are known without reading them. FIRST and LAST are
/// the smallest and the largest time. The last line is that of the whole file, which has free pages
/// besides.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky stats
  netsky stats --format csv"
)]
pub struct StatsArgs {
    /// How to print the list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// The line of the whole file stands after those of the tables. No table has such a name.
const WHOLE_FILE: &str = "(file)";

pub fn run(store: &StoreArgs, args: &StatsArgs) -> Result<(), Failure> {
    let stats = store.open_read_only()?.stats()?;
    let tables = &stats.tables;
    let names = tables.iter().map(|table| table.table.name()).chain([WHOLE_FILE]);
    let sum = |count: fn(&netsky_db::TableStats) -> u64| tables.iter().map(count).sum::<u64>();
    let numbers = |count: fn(&netsky_db::TableStats) -> u64, whole: u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(tables.iter().map(count).chain([whole])))
    };
    let spans = || tables.iter().map(|table| table.span);
    let first = spans().flatten().map(|(first, _)| first).min();
    let last = spans().flatten().map(|(_, last)| last).max();
    let columns: [(&str, ArrayRef); 7] = [
        ("table", Arc::new(StringArray::from_iter_values(names))),
        ("rows", numbers(|table| table.rows, sum(|table| table.rows))),
        ("row_bytes", numbers(|table| table.row_bytes, sum(|table| table.row_bytes))),
        ("file_bytes", numbers(|table| table.page_bytes, stats.file_bytes)),
        ("zones", numbers(|table| table.zones, sum(|table| table.zones))),
        ("first", times(spans().map(|span| span.map(|(first, _)| first)).chain([first]))),
        ("last", times(spans().map(|span| span.map(|(_, last)| last)).chain([last]))),
    ];
    output::print_batch(args.format, RecordBatch::try_from_iter(columns)?)
}
