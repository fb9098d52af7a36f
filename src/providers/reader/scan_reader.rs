//! The batches that one task of a scan returns.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::providers::id_ranges::IdRange;
use crate::providers::metrics::ScanMetrics;
use crate::providers::predicate::Predicate;
use crate::providers::reader::block::BlockReader;
use crate::providers::reader::columns::BlockColumns;
use crate::providers::reader::row_filter::RowFilter;
use crate::providers::reader::texts::release_other_texts;
use crate::providers::scan_config::ScanConfig;
use crate::providers::selection::Selection;

/// Reads the columns of a projection of the rows that pass a filter.
#[derive(Debug)]
pub(in crate::providers) struct ScanReader {
    blocks: BlockReader,
    /// `None` if every row is wanted.
    filter: Option<RowFilter>,
    schema: SchemaRef,
    /// The source of each column of the projection.
    columns: Vec<ColumnSource>,
    /// Whether any of them is late.
    has_late: bool,
    batch_size: usize,
    /// The number of rows still wanted.
    left: usize,
}

/// The place of a column in the batches that were read.
#[derive(Debug, Clone, Copy)]
enum ColumnSource {
    First(usize),
    Late(usize),
}

/// If fewer than one in so many rows are selected, their texts are copied.
const MAX_ROWS_PER_SELECTED_ROW: usize = 4;

impl ScanReader {
    /// Creates a reader of the columns in `projection` of the rows in `id_ranges` that pass the
    /// predicate. It reads `batch_size` rows at a time and stops after the batch with the last of
    /// `limit` rows.
    pub(in crate::providers) fn new(
        config: &ScanConfig,
        projection: &[usize],
        id_ranges: &[IdRange],
        predicate: &Predicate,
        (batch_size, limit): (usize, usize),
        metrics: ScanMetrics,
    ) -> Result<Self> {
        let table = config.table;
        let time = table.time_index().filter(|_| id_ranges.iter().any(|range| range.check_times));
        let is_filtered = time.is_some() || !predicate.is_empty();
        let mut read = BlockColumns { first: projection.to_vec(), late: Vec::new() };
        if is_filtered {
            let mut columns = predicate.columns();
            columns.extend(time);
            read.first = columns.into_iter().collect();
        }
        let position = |index: usize| read.first.iter().position(|&column| column == index);
        let mut columns = Vec::with_capacity(projection.len());
        for &index in projection {
            columns.push(match position(index) {
                Some(position) => ColumnSource::First(position),
                None => {
                    read.late.push(index);
                    ColumnSource::Late(read.late.len() - 1)
                }
            });
        }
        let mut schema = Arc::new(table.schema().project(projection)?);
        if config.counts_texts {
            columns = (0..config.schema.fields().len()).map(ColumnSource::First).collect();
            schema = Arc::clone(&config.schema);
        }
        let times = time.and_then(position).map(|at| (config.ranges.times.clone(), at));
        let predicate = predicate.over(&read.first)?;
        Ok(Self {
            blocks: BlockReader::new(config, &read, id_ranges, &predicate, is_filtered, metrics)?,
            filter: is_filtered.then_some(RowFilter { times, predicate }),
            schema,
            columns,
            has_late: !read.late.is_empty(),
            batch_size,
            left: limit,
        })
    }

    /// Returns the next batch, which is not empty; `None` after the last, or once `wanted` returns
    /// false because nobody waits for it. The last batch may have more rows than wanted.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptRow`](crate::Error::CorruptRow), [`Error::Damaged`](crate::Error::Damaged),
    /// [`Error::Storage`](crate::Error::Storage), and [`Error::Query`](crate::Error::Query) from the
    /// filter.
    pub(in crate::providers) fn next_batch(
        &mut self,
        wanted: impl Fn() -> bool,
    ) -> Result<Option<RecordBatch>> {
        while self.left > 0 {
            // Without a filter, the number of rows still to read is known.
            let max_rows = match self.filter {
                Some(_) => self.batch_size,
                None => self.batch_size.min(self.left),
            };
            let Some(batch) = self.blocks.next_batch(max_rows, &wanted)? else { break };
            if let Some(batch) = self.select(batch)? {
                self.left = self.left.saturating_sub(batch.num_rows());
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// Returns the projection of the wanted rows of a batch; `None` if there are none.
    fn select(&mut self, first: RecordBatch) -> Result<Option<RecordBatch>> {
        let rows_read = first.num_rows();
        let mut rows = Selection::all(first);
        if let Some(filter) = &self.filter {
            rows = filter.select(rows)?;
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let late = match self.has_late {
            true => Some(self.blocks.late_columns(rows.positions())?),
            false => None,
        };
        let first = rows.batch();
        let column = |source: &ColumnSource| -> ArrayRef {
            match (*source, &late) {
                (ColumnSource::Late(at), Some(late)) => Arc::clone(late.column(at)),
                (ColumnSource::First(at) | ColumnSource::Late(at), _) => {
                    Arc::clone(first.column(at))
                }
            }
        };
        let mut columns: Vec<ArrayRef> = self.columns.iter().map(column).collect();
        if first.num_rows().saturating_mul(MAX_ROWS_PER_SELECTED_ROW) < rows_read {
            columns.iter_mut().for_each(release_other_texts);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(first.num_rows()));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?))
    }
}
