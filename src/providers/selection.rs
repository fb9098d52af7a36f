//! The rows of a batch that have passed the filters so far.

use arrow::array::{BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{filter, filter_record_batch};
use datafusion::common::cast::as_uint32_array;
use datafusion::error::Result;

/// Some rows of a batch, in their original order.
#[derive(Debug)]
pub(super) struct Selection {
    batch: RecordBatch,
    /// The positions of the rows in the original batch. `None` if all of its rows are selected.
    positions: Option<UInt32Array>,
}

impl Selection {
    /// All rows of a batch.
    pub(super) fn all(batch: RecordBatch) -> Self {
        Self { batch, positions: None }
    }

    /// The selected rows.
    pub(super) fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batch.num_rows() == 0
    }

    /// The positions of the selected rows in the original batch; `None` if all of its rows are
    /// selected.
    pub(super) fn positions(&self) -> Option<&[u32]> {
        self.positions.as_ref().map(|positions| positions.values().as_ref())
    }

    /// Keeps the rows for which `passed` is true, and drops those for which it is false or NULL.
    pub(super) fn keep(self, passed: &BooleanArray) -> Result<Self> {
        let rows = self.batch.num_rows();
        if passed.true_count() == rows {
            return Ok(self);
        }
        let positions = match self.positions {
            Some(positions) => positions,
            // `u32` is enough: a row has at least one byte, and a batch has about 4 MiB.
            None => UInt32Array::from_iter_values((0..).take(rows)),
        };
        let positions = filter(&positions, passed)?;
        Ok(Self {
            batch: filter_record_batch(&self.batch, passed)?,
            positions: Some(as_uint32_array(&positions)?.clone()),
        })
    }
}
