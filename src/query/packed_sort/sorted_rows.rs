//! Rows in the order of their keys.

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::interleave_record_batch;
use datafusion::common::Result;

use crate::query::packed_sort::keys::Keys;
use crate::query::packed_sort::layout::Layout;
use crate::query::packed_sort::ranked_texts::RankedTexts;

/// The low bits of a packed number: the number of the row, which keeps rows with the same keys in their order.
pub(super) const ROW_BITS: u32 = 32;
/// The bits for the keys.
pub(super) const KEY_BITS: u32 = u128::BITS - ROW_BITS;

/// The most numbers that are sorted at once: 1 MiB, which stays in a core's cache.
const PIECE: usize = 1 << 16;

pub(super) struct SortedRows {
    keys: Keys,
    /// Of each key, the first in the highest bits.
    layouts: Vec<Layout>,
    texts: Vec<Option<RankedTexts>>,
    packed: Vec<u128>,
    /// The columns of the input that are not keys, and the number of the first row of each batch.
    others: Vec<RecordBatch>,
    starts: Vec<usize>,
    /// The number of rows that were returned.
    returned: usize,
    /// The number of packed numbers that are in order.
    sorted: usize,
    /// Ends of pieces of the others, the nearest last. Each number before an end is less than each one after it.
    ends: Vec<usize>,
}

impl SortedRows {
    /// The packed numbers have the keys in their low bits.
    pub(super) fn new(
        keys: Keys,
        layouts: Vec<Layout>,
        texts: Vec<Option<RankedTexts>>,
        mut packed: Vec<u128>,
        others: Vec<RecordBatch>,
    ) -> Self {
        for (row, packed) in packed.iter_mut().enumerate() {
            *packed = *packed << ROW_BITS | row as u128;
        }
        let starts = others.iter().scan(0, |next, batch| {
            let start = *next;
            *next += batch.num_rows();
            Some(start)
        });
        let (starts, ends) = (starts.collect(), vec![packed.len()]);
        Self { keys, layouts, texts, packed, others, starts, returned: 0, sorted: 0, ends }
    }

    /// Returns the next rows, at most `size`.
    pub(super) fn next(&mut self, size: usize) -> Result<Option<RecordBatch>> {
        if self.returned == self.sorted {
            self.sort_piece();
        }
        let end = self.sorted.min(self.returned + size);
        let packed = &self.packed[self.returned..end];
        if packed.is_empty() {
            return Ok(None);
        }
        self.returned = end;
        let others = self.others(packed)?;
        let key = |index: usize| {
            let shift = ROW_BITS + self.layouts[index + 1..].iter().map(Layout::bits).sum::<u32>();
            let numbers = packed.iter().map(|packed| self.layouts[index].unpack(*packed, shift));
            let numbers = numbers.collect::<Int64Array>();
            match &self.texts[index] {
                Some(texts) => Ok(texts.texts(&numbers)?),
                None => self.keys.values(index, &numbers),
            }
        };
        self.keys.rows(key, &others).map(Some)
    }

    /// Sorts the next piece. Halves what follows until the first part is small enough, so that the first rows come long
    /// before all are sorted, and a query that is cancelled ends soon.
    fn sort_piece(&mut self) {
        let start = self.sorted;
        while let Some(end) = self.ends.last().copied()
            && end - start > PIECE
        {
            let half = (end - start) / 2;
            self.packed[start..end].select_nth_unstable(half);
            self.ends.push(start + half);
        }
        if let Some(end) = self.ends.pop() {
            self.packed[start..end].sort_unstable();
            self.sorted = end;
        }
    }

    /// Returns the columns that are not keys.
    fn others(&self, packed: &[u128]) -> Result<Vec<ArrayRef>> {
        if self.others.iter().all(|batch| batch.num_columns() == 0) {
            return Ok(Vec::new());
        }
        // Only the batches that have these rows, because there can be thousands of others.
        let (mut batches, mut places) = (Vec::new(), vec![None; self.others.len()]);
        let rows = packed.iter().map(|packed| {
            let row = *packed as u32 as usize;
            let batch = self.starts.partition_point(|start| *start <= row) - 1;
            let place = *places[batch].get_or_insert_with(|| {
                batches.push(&self.others[batch]);
                batches.len() - 1
            });
            (place, row - self.starts[batch])
        });
        let rows = rows.collect::<Vec<_>>();
        Ok(interleave_record_batch(&batches, &rows)?.columns().to_vec())
    }
}
