//! The rows of an answer, for reading them one by one.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType};
use chrono::{DateTime, Utc};

pub struct Row<'a> {
    batch: &'a RecordBatch,
    row: usize,
}

impl<'a> Row<'a> {
    pub fn all(batch: &'a RecordBatch) -> impl Iterator<Item = Self> {
        (0..batch.num_rows()).map(move |row| Self { batch, row })
    }

    pub fn text(&self, column: usize) -> String {
        let column = self.batch.column(column);
        let text = match column.as_string_view_opt() {
            Some(texts) => texts.value(self.row),
            None => column.as_string::<i32>().value(self.row),
        };
        text.to_owned()
    }

    /// The machine, if the rows are those of a lake.
    pub fn machine(&self) -> Option<String> {
        let column = self.batch.schema().index_of("machine").ok()?;
        Some(self.text(column))
    }

    /// A name, and behind `@` the machine if the rows are those of a lake.
    pub fn name(&self, column: usize) -> String {
        let name = self.text(column);
        self.machine().map_or(name.clone(), |machine| format!("{name}@{machine}"))
    }

    /// `None` if it is null.
    pub fn time(&self, column: usize) -> Option<DateTime<Utc>> {
        let times = self.batch.column(column).as_primitive::<TimestampNanosecondType>();
        times.is_valid(self.row).then(|| DateTime::from_timestamp_nanos(times.value(self.row)))
    }

    /// `None` if it is null.
    pub fn int(&self, column: usize) -> Option<i64> {
        let numbers = self.batch.column(column).as_primitive::<Int64Type>();
        numbers.is_valid(self.row).then(|| numbers.value(self.row))
    }

    /// `None` if it is null.
    pub fn float(&self, column: usize) -> Option<f64> {
        let numbers = self.batch.column(column).as_primitive::<Float64Type>();
        numbers.is_valid(self.row).then(|| numbers.value(self.row))
    }
}
