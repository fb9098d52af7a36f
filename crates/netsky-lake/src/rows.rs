//! Rows on their way into a lake: a part of a table, sorted and divided into days.

use std::ops::{ControlFlow, RangeInclusive};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::TimestampNanosecondType;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use netsky_db::{Db, Table};
use netsky_formats::Answer;
use netsky_formats::columnar::write_table;

use crate::error::Result;
use crate::layout::{DATE, MACHINE};

/// A file has the rows of at most so much JSON, which is some tenths of it as Parquet. A request of a bucket that
/// creates a file only if there is none cannot be in parts, and files of at most 64 MiB are sent as a whole.
const FILE_BYTES: usize = 64 << 20;

/// And at most so many rows, so that their times and ids fit into a row group or two.
const FILE_ROWS: usize = 1 << 19;

/// The rows of one day, as the content of a file.
pub(crate) struct Day {
    pub(crate) date: NaiveDate,
    pub(crate) rows: u64,
    pub(crate) newest: Option<DateTime<Utc>>,
    pub(crate) content: Bytes,
}

/// Whether the rows of a table can be in a lake: if not, why.
pub(crate) fn unfit(table: &Table) -> Option<String> {
    let reserved = [DATE, MACHINE]
        .into_iter()
        .find(|name| table.columns().iter().any(|column| column.name == *name));
    match (reserved, table.time_column()) {
        (Some(name), _) => Some(format!("it has a column {name}, which is a directory of a lake")),
        (None, None) => Some("its rows have no time".to_owned()),
        (None, Some(_)) => None,
    }
}

/// Returns the last id of the next file: at most `last`.
pub(crate) fn end_of_file(db: &Db, table: &'static Table, first: i64, last: i64) -> Result<i64> {
    let (mut bytes, mut rows, mut end) = (0_usize, 0_usize, last);
    db.visit_rows_in(table, first..=last, |id, json| {
        (bytes, rows) = (bytes.saturating_add(json.len()), rows + 1);
        if bytes < FILE_BYTES && rows < FILE_ROWS {
            return ControlFlow::Continue(());
        }
        end = id;
        ControlFlow::Break(())
    })?;
    Ok(end)
}

/// Reads rows by their ids, and returns them by day.
pub(crate) fn days(db: &Db, table: &'static Table, ids: &RangeInclusive<i64>) -> Result<Vec<Day>> {
    let Some(time) = table.time_column().map(|column| column.name) else { return Ok(Vec::new()) };
    let (name, first, last) = (table.name(), ids.start(), ids.end());
    let sql =
        format!("SELECT * FROM {name} WHERE id BETWEEN {first} AND {last} ORDER BY {time}, id");
    by_day(table, time, db.query_batches(&sql)?)
}

/// Divides rows that are sorted by time into days.
pub(crate) fn by_day(table: &Table, time: &str, batches: Vec<RecordBatch>) -> Result<Vec<Day>> {
    let Some(schema) = batches.first().map(RecordBatch::schema) else { return Ok(Vec::new()) };
    let rows = concat_batches(&schema, &batches).map_err(netsky_formats::FormatError::from)?;
    drop(batches);
    let times = rows
        .column_by_name(time)
        .and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
    let Some(times) = times else { return Ok(Vec::new()) };
    let instant = |row: &i64| DateTime::from_timestamp_nanos(*row);
    let mut days = Vec::new();
    let mut first = 0;
    for of_day in times.values().chunk_by(|a, b| instant(a).date_naive() == instant(b).date_naive())
    {
        let Some(newest) = of_day.last().map(instant) else { continue };
        let part = rows.slice(first, of_day.len());
        first += of_day.len();
        let content = content(table, part)?;
        days.push(Day {
            date: newest.date_naive(),
            rows: of_day.len() as u64,
            newest: Some(newest),
            content,
        });
    }
    Ok(days)
}

fn content(table: &Table, rows: RecordBatch) -> Result<Bytes> {
    let mut content = Vec::new();
    let answer = Answer { schema: rows.schema(), batches: std::iter::once(Ok(rows)) };
    write_table(table, answer, &mut content)?;
    Ok(Bytes::from(content))
}
