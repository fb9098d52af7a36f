//! Selecting the rows of a batch that a query wants.

use arrow::array::{AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::TimestampNanosecondType;

use crate::error::Result;
use crate::providers::predicate::Predicate;
use crate::providers::ranges::RangeSet;
use crate::providers::selection::Selection;

/// Which rows are wanted.
#[derive(Debug)]
pub(super) struct RowFilter {
    /// The times that are wanted, and the position of the time among the columns of a batch.
    pub(super) times: Option<(RangeSet, usize)>,
    /// What else rows must pass, over the columns of a batch.
    pub(super) predicate: Predicate,
}

impl RowFilter {
    /// The rows that are wanted: those of the wanted times, and of them those that pass the predicate.
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
