//! Reads blocks of rows as Arrow batches, whatever their encoding.
//!
//! A block is read in two steps, so that most columns are decoded only for the rows that pass the
//! filter: first the columns that the filter needs, of every row, then the late columns, of the
//! selected rows.
//!
//! Two readers stand behind it. [`ColumnarReader`] reads segments that have a columnar copy and enough
//! wanted rows. [`JsonReader`] reads all other rows, and those of a copy that cannot be read. Each batch
//! comes from one of the two.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};

use crate::error::Result;
use crate::providers::id_ranges::IdRange;
use crate::providers::metrics::ScanMetrics;
use crate::providers::predicate::Predicate;
use crate::providers::reader::columnar::{ColumnarReader, Opening};
use crate::providers::reader::columns::BlockColumns;
use crate::providers::reader::json::{JsonReader, ReadEnd};
use crate::providers::reader::text_counts;
use crate::providers::scan_config::ScanConfig;
use crate::providers::segments::SegmentCopies;

/// Reads the rows in some ranges of ids, one batch at a time.
#[derive(Debug)]
pub(super) struct BlockReader {
    /// The ranges that have not been read to their end.
    id_ranges: VecDeque<IdRange>,
    json: JsonReader,
    columnar: ColumnarReader,
    copies: Arc<SegmentCopies>,
    /// The number of next ranges whose rows are to be read although there is a copy.
    ranges_of_rows: usize,
    /// Whether only the number of rows is needed.
    only_counts: bool,
    /// The schema of batches of texts and the numbers of their rows, if these are read.
    text_counts: Option<SchemaRef>,
    /// The block that was read last.
    block: Option<usize>,
    metrics: ScanMetrics,
}

impl BlockReader {
    /// `is_filtered` means that rows will be filtered, so their number alone is not enough.
    pub(super) fn new(
        config: &ScanConfig,
        columns: &BlockColumns,
        id_ranges: &[IdRange],
        predicate: &Predicate,
        is_filtered: bool,
        metrics: ScanMetrics,
    ) -> Result<Self> {
        let has_columns = !(columns.first.is_empty() && columns.late.is_empty());
        Ok(Self {
            id_ranges: id_ranges.iter().cloned().collect(),
            json: JsonReader::new(config, columns, metrics.clone())?,
            columnar: ColumnarReader::new(config, columns, predicate, metrics.clone())?,
            copies: Arc::clone(&config.copies),
            ranges_of_rows: 0,
            only_counts: !has_columns && !is_filtered && config.skipped.is_none(),
            text_counts: config.counts_texts.then(|| Arc::clone(&config.schema)),
            block: None,
            metrics,
        })
    }

    /// Returns the first columns of the next rows: `max_rows` rows, or fewer if the rows are large or
    /// end before. `None` after the last row, or once `wanted` returns false because nobody waits for
    /// the batch.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptRow`](crate::Error::CorruptRow), [`Error::Damaged`](crate::Error::Damaged) and
    /// [`Error::Storage`](crate::Error::Storage).
    pub(super) fn next_batch(
        &mut self,
        max_rows: usize,
        wanted: impl Fn() -> bool,
    ) -> Result<Option<RecordBatch>> {
        if let Some(batch) = self.columnar.next_batch(max_rows) {
            return Ok(Some(batch));
        }
        while let Some(id_range) = self.id_ranges.front() {
            if let Some(zone) = id_range.known.filter(|_| self.only_counts) {
                self.metrics.blocks_counted.add(1);
                self.id_ranges.pop_front();
                return Ok(Some(rows_without_columns(zone.rows)?));
            }
            if self.ranges_of_rows == 0
                && let Some(copy) = self.copies.front(self.id_ranges.iter())
            {
                if let Some(batch) = finish_rows(&mut self.json, self.text_counts.as_ref())? {
                    return Ok(Some(batch));
                }
                if !wanted() {
                    return Ok(None);
                }
                let ranges = self.id_ranges.iter().take(copy.ranges);
                let opened = match self.copies.header_of(copy) {
                    Some(header) => self.columnar.open(header, ranges.map(|range| &range.ids)),
                    None => Opening::Unreadable,
                };
                match opened {
                    Opening::Opened => {
                        let blocks = self.pass(copy.ranges);
                        self.metrics.blocks_read.add(blocks);
                        match self.columnar.next_batch(max_rows) {
                            Some(batch) => return Ok(Some(batch)),
                            None => continue,
                        }
                    }
                    Opening::Excluded => {
                        let blocks = self.pass(copy.ranges);
                        self.metrics.blocks_pruned.add(blocks);
                        self.metrics.segments_pruned.add(1);
                        continue;
                    }
                    Opening::Unreadable => self.ranges_of_rows = copy.ranges,
                }
            }
            if self.block.replace(id_range.block) != Some(id_range.block) {
                self.metrics.blocks_read.add(1);
            }
            match self.json.read(id_range, max_rows, &wanted)? {
                ReadEnd::Range => {
                    self.id_ranges.pop_front();
                    self.ranges_of_rows = self.ranges_of_rows.saturating_sub(1);
                }
                ReadEnd::Batch => return finish_rows(&mut self.json, self.text_counts.as_ref()),
                ReadEnd::Unwanted => return Ok(None),
            }
        }
        finish_rows(&mut self.json, self.text_counts.as_ref())
    }

    /// Passes the next ranges, and returns the number of their blocks.
    fn pass(&mut self, ranges: usize) -> usize {
        let mut blocks = 0;
        for id_range in self.id_ranges.drain(..ranges) {
            blocks += usize::from(self.block.replace(id_range.block) != Some(id_range.block));
        }
        blocks
    }

    /// Returns the late columns of the rows at these positions in the last batch, or of all its rows if
    /// `None`.
    ///
    /// # Errors
    ///
    /// Those of [`next_batch`](Self::next_batch).
    pub(super) fn late_columns(&mut self, positions: Option<&[u32]>) -> Result<RecordBatch> {
        match self.columnar.is_open() {
            true => self.columnar.late_columns(positions),
            false => self.json.late_columns(positions),
        }
    }
}

/// Returns the rows that were read as JSON since the last batch, or their texts with a count of one each.
fn finish_rows(
    json: &mut JsonReader,
    text_counts: Option<&SchemaRef>,
) -> Result<Option<RecordBatch>> {
    let batch = json.finish()?;
    Ok(match (text_counts, batch) {
        (Some(schema), Some(batch)) => {
            Some(text_counts::of_rows(Arc::clone(batch.column(0)), schema)?)
        }
        (_, batch) => batch,
    })
}

fn rows_without_columns(rows: u64) -> Result<RecordBatch> {
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)?)
}
