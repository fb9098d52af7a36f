//! Selects the rows of a batch that a query wants.

use arrow::array::{AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::TimestampNanosecondType;

use crate::error::Result;
use crate::providers::predicate::Predicate;
use crate::providers::ranges::RangeSet;
use crate::providers::selection::Selection;

/// The conditions that a row has to pass.
#[derive(Debug)]
pub(super) struct RowFilter {
    /// The wanted times, and the position of the time column in a batch.
    pub(super) times: Option<(RangeSet, usize)>,
    /// The other conditions, in terms of the columns of a batch.
    pub(super) predicate: Predicate,
}

impl RowFilter {
    /// Returns the rows with wanted times that also pass the predicate.
    pub(super) fn select(&self, mut rows: Selection) -> Result<Selection> {
        if let Some((wanted, at)) = &self.times {
            let times = rows.batch().column(*at).as_primitive::<TimestampNanosecondType>().values();
            let in_time =
                BooleanBuffer::collect_bool(times.len(), |row| wanted.contains(times[row]));
            rows = rows.keep(&BooleanArray::new(in_time, None))?;
        }
        Ok(self.predicate.select(rows)?)
    }
}
