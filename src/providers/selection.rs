//! The rows of a batch that have passed the filters so far.

use arrow::array::{BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{filter, filter_record_batch};
use datafusion::common::cast::as_uint32_array;
use datafusion::error::Result;

/// Some rows of a batch, in their order.
#[derive(Debug)]
pub(super) struct Selection {
    batch: RecordBatch,
    /// Where the rows were in the batch that the selection began with. `None` if none was left out.
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

    /// Where the selected rows were in the batch that the selection began with; `None` if all of its
    /// rows are selected.
    pub(super) fn positions(&self) -> Option<&[u32]> {
        self.positions.as_ref().map(|positions| positions.values().as_ref())
    }

    /// Those of the rows for which `passed` is true. Null is not.
    pub(super) fn keep(self, passed: &BooleanArray) -> Result<Self> {
        let rows = self.batch.num_rows();
        if passed.true_count() == rows {
            return Ok(self);
        }
        let positions = match self.positions {
            Some(positions) => positions,
            // A batch has no more rows than fit: a row has a byte at least, and a batch 4 MiB.
            None => UInt32Array::from_iter_values((0..).take(rows)),
        };
        let positions = filter(&positions, passed)?;
        Ok(Self {
            batch: filter_record_batch(&self.batch, passed)?,
            positions: Some(as_uint32_array(&positions)?.clone()),
        })
    }
}
