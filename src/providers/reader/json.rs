//! Decodes JSON rows into Arrow batches.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::error::Result;
use crate::providers::id_ranges::IdRange;
use crate::providers::metrics::ScanMetrics;
use crate::providers::order::Order;
use crate::providers::reader::columns::BlockColumns;
use crate::providers::reader::row_validator::RowValidator;
use crate::providers::scan_config::ScanConfig;
use crate::row::Decoder;
use crate::store::{RowCursor, Snapshot};
use crate::table::Table;

/// A batch ends when its rows have this much JSON, however few they are. A scan's memory is at most
/// this, plus one row, times the batches in flight and the tasks.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// After this many rows, a reader checks whether its rows are still wanted.
const ROWS_BETWEEN_CHECKS: usize = 1024;

/// Reads and decodes JSON rows. A batch can have rows of several ranges of ids, and a range can take
/// several batches.
#[derive(Debug)]
pub(super) struct JsonReader {
    table: &'static Table,
    snapshot: Arc<Snapshot>,
    descending: bool,
    /// The position in the range that was read last. `None` if the range was read to its end.
    cursor: Option<RowCursor>,
    first: Decoder,
    late: Option<LateRows>,
    /// Checks each row before decoding if corrupt rows are skipped.
    validator: Option<RowValidator>,
    /// The size of the JSON of the rows since the last batch.
    batch_bytes: usize,
    metrics: ScanMetrics,
    /// Rows and bytes that are not yet in `metrics`. All tasks of a scan share its counters and would
    /// contend for them if they updated them at each row.
    pending_counts: (usize, usize),
}

/// Why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// The range has no more rows.
    Range,
    /// There are enough rows for a batch.
    Batch,
    /// Nobody wants the rows any more.
    Unwanted,
}

/// The rows of a batch, kept to decode their late columns once the filter has selected rows.
#[derive(Debug)]
struct LateRows {
    decoder: Decoder,
    json: Vec<u8>,
    /// The id of each row, and the end of its JSON.
    rows: Vec<(i64, usize)>,
}

impl JsonReader {
    pub(super) fn new(
        config: &ScanConfig,
        columns: &BlockColumns,
        metrics: ScanMetrics,
    ) -> Result<Self> {
        let table = config.table;
        let late = match columns.late.as_slice() {
            [] => None,
            late => Some(LateRows::new(table, late)?),
        };
        let skipped = config.skipped.as_ref();
        Ok(Self {
            table,
            snapshot: Arc::clone(&config.snapshot),
            descending: config.order == Order::Descending,
            cursor: None,
            first: Decoder::new(table, &columns.first)?,
            late,
            validator: skipped.map(|skipped| RowValidator::new(table, Arc::clone(skipped))),
            batch_bytes: 0,
            metrics,
            pending_counts: (0, 0),
        })
    }

    /// Reads rows of a range of ids. Continues with the range if part of it has been read.
    pub(super) fn read(
        &mut self,
        id_range: &IdRange,
        max_rows: usize,
        wanted: impl Fn() -> bool,
    ) -> Result<ReadEnd> {
        if let Some(late) = self.late.as_mut().filter(|_| self.first.rows() == 0) {
            late.clear();
        }
        let mut cursor = self.cursor.take().unwrap_or_else(|| {
            // If corrupt rows are skipped, all readable rows are wanted, even if others are missing.
            let expected = id_range.expected.filter(|_| self.validator.is_none());
            RowCursor::new(id_range.ids.clone(), expected, self.descending)
        });
        let snapshot = Arc::clone(&self.snapshot);
        let mut end = ReadEnd::Range;
        let flow = snapshot.scan(self.table, &mut cursor, |id, json| {
            self.push(id, json)?;
            let rows = self.first.rows();
            if rows >= max_rows || self.batch_bytes >= MAX_BATCH_BYTES {
                end = ReadEnd::Batch;
                return Ok(ControlFlow::Break(()));
            }
            if rows.is_multiple_of(ROWS_BETWEEN_CHECKS) {
                self.count_rows();
                if !wanted() {
                    end = ReadEnd::Unwanted;
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.count_rows();
        self.cursor = flow.is_break().then_some(cursor);
        Ok(end)
    }

    fn push(&mut self, id: i64, json: &[u8]) -> Result<()> {
        self.batch_bytes += json.len();
        self.pending_counts.0 += 1;
        self.pending_counts.1 += json.len();
        if self.validator.as_mut().is_some_and(|validator| !validator.accepts(id, json)) {
            return Ok(());
        }
        if let Some(late) = &mut self.late {
            late.push(id, json);
        }
        self.first.push(id, json)
    }

    fn count_rows(&mut self) {
        let (rows, bytes_scanned) = std::mem::take(&mut self.pending_counts);
        self.metrics.rows_read.add(rows);
        self.metrics.bytes_scanned.add(bytes_scanned);
    }

    /// Returns the first columns of the rows since the last batch; `None` if there are no rows.
    pub(super) fn finish(&mut self) -> Result<Option<RecordBatch>> {
        self.batch_bytes = 0;
        match self.first.rows() {
            0 => Ok(None),
            _ => self.first.finish().map(Some),
        }
    }

    /// Returns the late columns of the rows at these positions in the last batch, or of all its rows if
    /// `None`.
    pub(super) fn late_columns(&mut self, positions: Option<&[u32]>) -> Result<RecordBatch> {
        match &mut self.late {
            Some(late) => late.decode(positions),
            None => Decoder::new(self.table, &[])?.finish(),
        }
    }
}

impl LateRows {
    fn new(table: &'static Table, columns: &[usize]) -> Result<Self> {
        let decoder = Decoder::new(table, columns)?;
        Ok(Self { decoder, json: Vec::new(), rows: Vec::new() })
    }

    fn push(&mut self, id: i64, json: &[u8]) {
        self.json.extend_from_slice(json);
        self.rows.push((id, self.json.len()));
    }

    /// Decodes the rows at these positions, or all rows if `None`.
    fn decode(&mut self, positions: Option<&[u32]>) -> Result<RecordBatch> {
        let mut decode = |row: usize| {
            let start = row.checked_sub(1).map_or(0, |before| self.rows[before].1);
            let (id, end) = self.rows[row];
            self.decoder.push(id, &self.json[start..end])
        };
        match positions {
            Some(positions) => positions.iter().try_for_each(|&row| decode(row as usize))?,
            None => (0..self.rows.len()).try_for_each(decode)?,
        }
        self.decoder.finish()
    }

    fn clear(&mut self) {
        self.json.clear();
        self.rows.clear();
    }
}
