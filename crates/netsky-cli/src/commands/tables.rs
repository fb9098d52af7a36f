//! `netsky tables`, `netsky views` and `netsky schema`

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array};
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use netsky_db::{Db, Table, VIEWS, View, nearest};
use serde_json::json;

use crate::commands::ddl;
use crate::commands::query::rows;
use crate::failure::Failure;
use crate::output::{self, Format, TableOutput};
use crate::row::Row;
use crate::store::StoreArgs;

/// List the tables with their row counts
///
/// FIRST and LAST are the times of the rows recorded first and last. Tables that other programs declared
/// in the store are listed last. netsky does not know their columns, so it cannot query them;
/// `netsky export TABLE FILE.ndjson` writes their rows as they are stored.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky tables
  netsky tables --format json"
)]
pub struct TablesArgs {
    #[command(flatten)]
    pub output: TableOutput,
}

/// List the views, or print the SQL of one
///
/// You query a view like a table; `netsky schema VIEW` describes its columns. With VIEW, the command prints
/// the description and the SQL of the view, which can serve as the start of your own query.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky views
  netsky views v_crash_loops > ~/.netsky/queries/crashes.sql
  netsky query \"SELECT * FROM v_cost_daily WHERE day >= '2026-04-20'\""
)]
pub struct ViewsArgs {
    /// The view to print the SQL of
    #[arg(conflicts_with = "format")]
    pub view: Option<String>,
    #[command(flatten)]
    pub output: TableOutput,
}

/// Describe the columns of one table or view, or of all
///
/// --format ddl prints a line for each table and view, such as
/// ticks(ts_utc time, source, detail_json), after five lines of notes. All of it takes less than 3 KB, so it
/// suits the prompt of a language model.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky schema
  netsky schema messages
  netsky schema messages --format markdown
  netsky schema --format ddl"
)]
pub struct SchemaArgs {
    /// The table or view
    pub table: Option<String>,
    /// The output format
    #[arg(long, value_enum, default_value_t = SchemaFormat::Listed(Format::Table))]
    pub format: SchemaFormat,
    /// Print one JSON object with the columns and the rows, or with the error
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// The formats of `netsky schema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaFormat {
    /// A row for each column.
    Listed(Format),
    Ddl,
}

impl ValueEnum for SchemaFormat {
    fn value_variants<'a>() -> &'a [Self] {
        static VARIANTS: LazyLock<Vec<SchemaFormat>> = LazyLock::new(|| {
            let listed =
                Format::value_variants().iter().map(|format| SchemaFormat::Listed(*format));
            listed.chain([SchemaFormat::Ddl]).collect()
        });
        &VARIANTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Listed(format) => format.to_possible_value(),
            Self::Ddl => Some(PossibleValue::new("ddl").help("A line for each table, for prompts")),
        }
    }
}

impl From<Format> for SchemaFormat {
    fn from(format: Format) -> Self {
        Self::Listed(format)
    }
}

impl fmt::Display for SchemaFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(format) => format.fmt(f),
            Self::Ddl => f.write_str("ddl"),
        }
    }
}

pub fn run(store: &StoreArgs, args: &TablesArgs) -> Result<(), Failure> {
    args.output.print(list(store)?)
}

/// The tables with their row counts.
pub fn list(store: &StoreArgs) -> Result<RecordBatch, Failure> {
    let db = store.open_read_only()?;
    if db.is_lake() {
        return list_of_lake(&db);
    }
    let (summaries, unknown) = (db.summaries()?, db.unknown_tables()?);
    let names = summaries.iter().map(|summary| summary.table.name());
    let names = names.chain(unknown.iter().map(|table| table.name.as_str()));
    let rows = summaries.iter().map(|summary| summary.rows);
    let rows = rows.chain(unknown.iter().map(|table| table.rows));
    let no_time = || unknown.iter().map(|_| None);
    let first = summaries.iter().map(|summary| summary.first_and_last.map(|(first, _)| first));
    let last = summaries.iter().map(|summary| summary.first_and_last.map(|(_, last)| last));
    let (first, last) = (first.chain(no_time()), last.chain(no_time()));
    let columns: [(&str, ArrayRef); 4] = [
        ("table", Arc::new(StringArray::from_iter_values(names))),
        ("rows", Arc::new(UInt64Array::from_iter_values(rows))),
        ("first", times(first)),
        ("last", times(last)),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// As [`list`], by a query that reads the ends of all files.
fn list_of_lake(db: &Db) -> Result<RecordBatch, Failure> {
    let tables = db.tables().iter().enumerate().filter_map(|(place, table)| {
        let (name, time) = (table.name(), table.time_column()?.name);
        Some(format!(
            "SELECT {place} AS place, '{name}' AS name, count(*) AS rows, min({time}) AS first, max({time}) AS last
             FROM {name}"
        ))
    });
    let tables: Vec<String> = tables.collect();
    let sql = format!(
        "SELECT name, rows, first, last FROM ({}) ORDER BY place",
        tables.join(" UNION ALL ")
    );
    let found = rows(db, &sql, &[])?;
    let names = Row::all(&found).map(|row| row.text(0));
    let rows = Row::all(&found).map(|row| row.int(1).unwrap_or(0).unsigned_abs());
    let columns: [(&str, ArrayRef); 4] = [
        ("table", Arc::new(StringArray::from_iter_values(names))),
        ("rows", Arc::new(UInt64Array::from_iter_values(rows))),
        ("first", times(Row::all(&found).map(|row| row.time(2)))),
        ("last", times(Row::all(&found).map(|row| row.time(3)))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

pub fn times(times: impl Iterator<Item = Option<DateTime<Utc>>>) -> ArrayRef {
    let nanos = times.map(|time| time.and_then(|time| time.timestamp_nanos_opt()));
    Arc::new(nanos.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

pub fn views(store: &StoreArgs, args: &ViewsArgs) -> Result<(), Failure> {
    if let Some(name) = &args.view {
        if Table::find(name, store.tables()).is_ok() {
            return Err(Failure::input(format!(
                "{name} is a table; `netsky schema {name}` describes it"
            )));
        }
        let view = store.find_view(name).map_err(|_| {
            let near = nearest(name, VIEWS.iter().map(View::name));
            Failure::input(format!("no view named '{name}'{near}")).with_nearest(&near)
        })?;
        if args.output.json {
            return output::print_json(&json!({
                "view": name, "doc": view.doc(), "note": view.note(), "sql": view.sql().trim(),
            }));
        }
        let comments = [view.doc(), view.note()].into_iter().filter(|text| !text.is_empty());
        let comments: String = comments.map(|text| format!("-- {text}\n")).collect();
        return output::print_line(&format!("{comments}{}", view.sql().trim()));
    }
    let column = |cell: fn(&View) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(store.views().into_iter().map(cell)))
    };
    let columns = [("view", column(View::name)), ("what", column(View::doc))];
    args.output.print(RecordBatch::try_from_iter(columns)?)
}

pub fn schema(store: &StoreArgs, args: &SchemaArgs) -> Result<(), Failure> {
    let output = match args.format {
        SchemaFormat::Listed(format) => TableOutput { format, json: args.json },
        SchemaFormat::Ddl => return print_ddl(store, args.table.as_deref()),
    };
    let columns = match &args.table {
        Some(name) => match Table::find(name, store.tables()) {
            Ok(table) => columns_of(table),
            Err(_) => columns_of_view(store.find_view(name)?),
        },
        None => {
            let tables = store.tables().iter().copied().flat_map(columns_of);
            tables.chain(store.views().into_iter().flat_map(columns_of_view)).collect()
        }
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
    output.print(RecordBatch::try_from_iter(batch)?)
}

fn print_ddl(store: &StoreArgs, name: Option<&str>) -> Result<(), Failure> {
    let line = match name {
        Some(name) => match Table::find(name, store.tables()) {
            Ok(table) => ddl::table_line(table),
            Err(_) => ddl::view_line(store.find_view(name)?),
        },
        None => {
            let tables = store.tables().iter().map(|table| ddl::table_line(table));
            let views = store.views().into_iter().map(ddl::view_line);
            let lines: Vec<String> = tables.chain(views).collect();
            format!("{}{}", ddl::NOTES, lines.join("\n"))
        }
    };
    output::print_line(&line)
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

fn columns_of_view(view: &'static View) -> Vec<ColumnLine> {
    let columns = view.columns().iter().map(|column| ColumnLine {
        table: view.name(),
        column: column.name,
        ty: column.ty.name(),
        null: if column.nullable { "yes" } else { "no" },
        what: column.doc.to_owned(),
    });
    columns.collect()
}
