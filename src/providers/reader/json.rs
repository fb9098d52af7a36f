//! Rows of JSON as Arrow batches.

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

/// A batch ends when its rows had this much JSON, however few they are. This, times the batches in
/// flight and the tasks, bounds a scan's memory, give or take a row for each.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// After this many rows a reader looks whether anyone still wants them.
const ROWS_BETWEEN_CHECKS: usize = 1024;

/// Walks through rows of JSON and decodes them. A batch may have rows of several ranges of ids, and one
/// range may take several batches.
#[derive(Debug)]
pub(super) struct JsonReader {
    table: &'static Table,
    snapshot: Arc<Snapshot>,
    descending: bool,
    /// Where the range that was read last goes on. `None` if it was read to its end.
    cursor: Option<RowCursor>,
    first: Decoder,
    late: Option<LateRows>,
    /// Checks each row first, if corrupt ones are left out.
    validator: Option<RowValidator>,
    /// The JSON of the rows since the last batch.
    batch_bytes: usize,
    metrics: ScanMetrics,
    /// Rows read, and their JSON, that `metrics` has not been told of. All tasks of a scan count
    /// there, and would wait for each other if they did so at each row.
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

/// The rows of a batch, to decode more of their columns once it is known of which.
#[derive(Debug)]
struct LateRows {
    decoder: Decoder,
    json: Vec<u8>,
    /// The id of each row, and where its JSON ends.
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

    /// Reads rows of a range of ids, and goes on with the range if it was read in part.
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
            // If corrupt rows are left out, all else that can be read is wanted.
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

    /// The first columns of the rows since the last batch; `None` if there are no rows.
    pub(super) fn finish(&mut self) -> Result<Option<RecordBatch>> {
        self.batch_bytes = 0;
        match self.first.rows() {
            0 => Ok(None),
            _ => self.first.finish().map(Some),
        }
    }

    /// The late columns of the rows at these positions in the last batch; of all its rows if `None`.
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

    /// Decodes the rows at these positions, or all of them.
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
