//! Splits rows that are sorted by time into days.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;
use chrono::{DateTime, NaiveDate};
use netsky_db::{Result, Table};

use crate::failure::Failure;

/// The batches, with the rest of the batch that the last day ended in.
pub struct Days<B> {
    batches: B,
    rest: Option<RecordBatch>,
    time: Option<&'static str>,
}

impl<B: Iterator<Item = Result<RecordBatch>>> Days<B> {
    pub fn new(table: &'static Table, batches: B) -> Self {
        Self { batches, rest: None, time: table.time_column().map(|column| column.name) }
    }

    /// The day (UTC) of the next row; `None` at the end.
    pub fn next_day(&mut self) -> Result<Option<NaiveDate>, Failure> {
        while self.rest.as_ref().is_none_or(|rest| rest.num_rows() == 0) {
            match self.batches.next() {
                None => return Ok(None),
                Some(batch) => self.rest = Some(batch?),
            }
        }
        let first = self.rest.as_ref().and_then(|rest| self.day_of(rest, 0));
        first.map(Some).ok_or_else(|| Failure::input("the table has no time column for --by-day"))
    }

    /// The rows of a day, which must be the next one.
    pub fn of(&mut self, day: NaiveDate) -> impl Iterator<Item = Result<RecordBatch>> + use<'_, B> {
        std::iter::from_fn(move || self.next_of(day).transpose())
    }

    fn next_of(&mut self, day: NaiveDate) -> Result<Option<RecordBatch>> {
        let batch = match self.rest.take() {
            Some(rest) => rest,
            None => match self.batches.next() {
                Some(batch) => batch?,
                None => return Ok(None),
            },
        };
        let rows = batch.num_rows();
        let end = self.end_of(day, &batch);
        if end < rows {
            self.rest = Some(batch.slice(end, rows - end));
        }
        Ok((end > 0 || rows == 0).then(|| batch.slice(0, end)))
    }

    /// How many rows at the start of the batch are from the day.
    fn end_of(&self, day: NaiveDate, batch: &RecordBatch) -> usize {
        let (mut low, mut high) = (0, batch.num_rows());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.day_of(batch, middle) {
                Some(found) if found <= day => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    fn day_of(&self, batch: &RecordBatch, row: usize) -> Option<NaiveDate> {
        let times = batch.column_by_name(self.time?)?;
        let nanos = times.as_primitive_opt::<TimestampNanosecondType>()?.value(row);
        Some(DateTime::from_timestamp_nanos(nanos).date_naive())
    }
}
