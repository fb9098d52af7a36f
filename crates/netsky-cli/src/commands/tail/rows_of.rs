//! The newest rows of one table.

use std::fmt::Write as _;
use std::iter::once;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, TimestampNanosecondType};
use chrono::{DateTime, Utc};
use netsky_db::{Db, Table};

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::output::{self, Answer, Format};

/// A row as text.
pub struct Entry {
    pub time: Option<DateTime<Utc>>,
    pub text: String,
}

pub struct RowsOf<'a> {
    pub db: &'a Db,
    pub table: &'static Table,
    pub condition: Option<&'a str>,
}

impl RowsOf<'_> {
    /// The last rows up to an id that satisfy the condition, in order.
    pub fn newest(&self, last: i64, limit: u32) -> Result<RecordBatch, Failure> {
        let newest_first = self.ask(0, last, &format!("ORDER BY id DESC LIMIT {limit}"))?;
        let places = (0..newest_first.num_rows() as u64).rev();
        Ok(take_record_batch(&newest_first, &UInt64Array::from_iter_values(places))?)
    }

    /// The last rows by their time that satisfy the condition, in order.
    pub fn newest_by_time(&self, limit: u32) -> Result<RecordBatch, Failure> {
        let time = self.table.time_column().map_or("id", |column| column.name);
        let order = format!("ORDER BY {time} DESC, machine DESC, id DESC LIMIT {limit}");
        let newest_first = self.ask_of("true", &order)?;
        let places = (0..newest_first.num_rows() as u64).rev();
        Ok(take_record_batch(&newest_first, &UInt64Array::from_iter_values(places))?)
    }

    /// The rows with ids in `after + 1..=to` that satisfy the condition, in order.
    pub fn between(&self, after: i64, to: i64) -> Result<RecordBatch, Failure> {
        self.ask(after, to, "ORDER BY id")
    }

    fn ask(&self, after: i64, to: i64, order: &str) -> Result<RecordBatch, Failure> {
        self.ask_of(&format!("id > {after} AND id <= {to}"), order)
    }

    fn ask_of(&self, rows_of: &str, order: &str) -> Result<RecordBatch, Failure> {
        let table = self.table.name();
        let mut sql = format!("SELECT * FROM (SELECT * FROM {table} WHERE {rows_of})");
        if let Some(condition) = self.condition {
            let _ = write!(sql, " WHERE\n{condition}\n");
        }
        rows(self.db, &format!("{sql} {order}"), &[]).map_err(|failure| match self.condition {
            Some(_) => failure.about("--where"),
            None => failure,
        })
    }

    /// Each row as a JSON object that begins with the name of its table.
    pub fn as_json(&self, rows: &RecordBatch) -> Result<Vec<Entry>, Failure> {
        let names = once(self.table.name()).cycle().take(rows.num_rows());
        let names: ArrayRef = Arc::new(StringArray::from_iter_values(names));
        let mut fields = vec![Arc::new(Field::new("table", DataType::Utf8, false))];
        fields.extend(rows.schema().fields().iter().cloned());
        let schema = Arc::new(Schema::new(fields));
        let columns = once(names).chain(rows.columns().iter().cloned()).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        let mut text = Vec::new();
        let answer = Answer { schema, batches: once(Ok(batch)) };
        output::write(Format::NDJSON, answer, &mut text)?;
        let text = String::from_utf8_lossy(&text);
        let times = times(self.table, rows);
        Ok(text
            .lines()
            .zip(times)
            .map(|(line, time)| Entry { time, text: line.to_owned() })
            .collect())
    }
}

/// When the rows happened.
pub fn times(table: &Table, rows: &RecordBatch) -> Vec<Option<DateTime<Utc>>> {
    let column = table.time_column().and_then(|column| rows.column_by_name(column.name));
    let times = column.and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
    match times {
        Some(times) => {
            times.iter().map(|nanos| nanos.map(DateTime::from_timestamp_nanos)).collect()
        }
        None => vec![None; rows.num_rows()],
    }
}
