//! `netsky tables` and `netsky schema`

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array};
use chrono::{DateTime, Utc};
use netsky_db::{TABLES, Table};

use crate::args::StoreArgs;
use crate::failure::Failure;
use crate::output::{self, Format};

/// List the tables with their row counts
///
/// FIRST and LAST are the times of the row recorded first and of the row recorded last.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky tables
  netsky tables --format json"
)]
pub struct TablesArgs {
    /// How to print the list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Describe a table's columns, or those of all tables
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky schema
  netsky schema messages
  netsky schema messages --format markdown"
)]
pub struct SchemaArgs {
    /// The table
    pub table: Option<String>,
    /// How to print the description
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

pub fn run(store: &StoreArgs, args: &TablesArgs) -> Result<(), Failure> {
    let summaries = store.open_read_only()?.summaries()?;
    let names = summaries.iter().map(|summary| summary.table.name());
    let rows = summaries.iter().map(|summary| summary.rows);
    let first = summaries.iter().map(|summary| summary.first_and_last.map(|(first, _)| first));
    let last = summaries.iter().map(|summary| summary.first_and_last.map(|(_, last)| last));
    let columns: [(&str, ArrayRef); 4] = [
        ("table", Arc::new(StringArray::from_iter_values(names))),
        ("rows", Arc::new(UInt64Array::from_iter_values(rows))),
        ("first", times(first)),
        ("last", times(last)),
    ];
    output::print_batch(args.format, RecordBatch::try_from_iter(columns)?)
}

pub fn times(times: impl Iterator<Item = Option<DateTime<Utc>>>) -> ArrayRef {
    let nanos = times.map(|time| time.and_then(|time| time.timestamp_nanos_opt()));
    Arc::new(nanos.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

pub fn schema(args: &SchemaArgs) -> Result<(), Failure> {
    let columns = match &args.table {
        Some(name) => columns_of(Table::find(name, TABLES)?),
        None => TABLES.iter().copied().flat_map(columns_of).collect(),
    };
    let column = |cell: fn(&ColumnLine) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(columns.iter().map(cell)))
    };
    let mut batch: Vec<(&str, ArrayRef)> = vec![
        ("column", column(|line| line.column)),
        ("type", column(|line| line.ty)),
        ("null", column(|line| line.null)),
        ("what", column(|line| &line.what)),
    ];
    if args.table.is_none() {
        batch.insert(0, ("table", column(|line| line.table)));
    }
    output::print_batch(args.format, RecordBatch::try_from_iter(batch)?)
}

struct ColumnLine {
    table: &'static str,
    column: &'static str,
    ty: &'static str,
    null: &'static str,
    what: String,
}

fn columns_of(table: &'static Table) -> Vec<ColumnLine> {
    let id = ColumnLine {
        table: table.name(),
        column: "id",
        ty: "int",
        null: "no",
        what: "Counts from 1, in the order of recording.".to_owned(),
    };
    let columns = table.columns().iter().map(|column| ColumnLine {
        table: table.name(),
        column: column.name,
        ty: column.ty.name(),
        null: if column.nullable { "yes" } else { "no" },
        what: column.description(),
    });
    std::iter::once(id).chain(columns).collect()
}
