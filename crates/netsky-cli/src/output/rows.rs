//! The first rows of an answer, and the number of all rows.

use arrow::array::RecordBatch;
use netsky_formats::Batches;

use crate::failure::Failure;

/// The row counts of a printed answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// How many rows the answer has.
    pub rows: u64,
    /// How many of them were printed.
    pub shown: u64,
}

pub struct Rows<B> {
    batches: B,
    max_rows: u64,
    pub shown: Shown,
}

impl<B: Batches> Rows<B> {
    pub fn new(batches: B, max_rows: Option<u64>) -> Self {
        Self { batches, max_rows: max_rows.unwrap_or(u64::MAX), shown: Shown::default() }
    }

    /// The next rows to show. After the last of them, the remaining rows are read and counted, so an
    /// error in them is still reported.
    pub fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        for batch in &mut self.batches {
            let batch = batch?;
            let wanted = self.max_rows - self.shown.shown;
            let rows = batch.num_rows() as u64;
            self.shown.rows += rows;
            self.shown.shown += rows.min(wanted);
            if wanted > 0 {
                let shown = usize::try_from(wanted).unwrap_or(usize::MAX);
                return Ok(Some(batch.slice(0, batch.num_rows().min(shown))));
            }
        }
        Ok(None)
    }
}
