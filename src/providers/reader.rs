//! Reading segments: rows from the snapshot, decoded into batches, without those of unwanted times.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampNanosecondType;

use crate::error::Result;
use crate::providers::metrics::ScanMetrics;
use crate::providers::order::Order;
use crate::providers::predicate::Predicate;
use crate::providers::ranges::RangeSet;
use crate::providers::segments::Segment;
use crate::providers::source::RowSource;
use crate::row::Decoder;
use crate::store::Snapshot;
use crate::table::Table;

/// A batch ends when its rows had so many bytes of JSON, however few they are. This, times the
/// batches in flight and the tasks, bounds a scan's memory, give or take a row for each.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// After so many rows a reader looks whether anyone still wants them.
const ROWS_BETWEEN_CHECKS: usize = 1024;

/// Reads and decodes rows.
#[derive(Debug)]
pub(super) struct RowReader {
    table: &'static Table,
    snapshot: Arc<Snapshot>,
    decoder: Decoder,
    /// Whether some rows may be of unwanted times.
    check: Option<TimeCheck>,
    predicate: Predicate,
    falling: bool,
    metrics: ScanMetrics,
    /// The JSON of the rows decoded since the last batch.
    batch_bytes: usize,
}

/// Leaves out rows of unwanted times.
#[derive(Debug)]
struct TimeCheck {
    wanted: RangeSet,
    /// Where the time stands in a decoded batch.
    time_at: usize,
    /// How many columns a batch has in the end: the time is decoded last if it was not asked for.
    columns: usize,
}

impl RowReader {
    /// A reader of these columns of these segments.
    pub(super) fn new(
        source: &RowSource,
        projection: &[usize],
        segments: &[Segment],
        metrics: ScanMetrics,
    ) -> Result<Self> {
        let mut decoded = projection.to_vec();
        let time = source.table.time_index().filter(|_| segments.iter().any(|s| s.check_times));
        let check = time.map(|time| {
            let asked_for = projection.iter().position(|&index| index == time);
            let time_at = asked_for.unwrap_or_else(|| {
                decoded.push(time);
                projection.len()
            });
            TimeCheck { wanted: source.ranges.times.clone(), time_at, columns: projection.len() }
        });
        Ok(Self {
            table: source.table,
            snapshot: Arc::clone(&source.snapshot),
            decoder: Decoder::new(source.table, &decoded)?,
            check,
            predicate: Predicate::default(),
            falling: source.order == Order::Falling,
            metrics,
            batch_bytes: 0,
        })
    }

    /// Leaves out the rows that do not pass. The predicate is over the reader's columns.
    pub(super) fn with_predicate(mut self, predicate: &Predicate) -> Self {
        self.predicate = predicate.clone();
        self
    }

    /// Gives the segments' rows to `send` in batches, until there are `limit` of them, or `send` or
    /// `wanted` says that no more are wanted. The last batch may go past the limit.
    pub(super) fn read(
        &mut self,
        segments: &[Segment],
        batch_size: usize,
        limit: usize,
        wanted: impl Fn() -> bool,
        mut send: impl FnMut(RecordBatch) -> bool,
    ) -> Result<()> {
        let mut left = limit;
        let snapshot = Arc::clone(&self.snapshot);
        for segment in segments {
            let mut stopped = false;
            snapshot.scan(self.table, segment.ids.clone(), self.falling, |id, json| {
                self.decoder.push(id, json)?;
                self.metrics.rows_read.add(1);
                self.metrics.json_bytes.add(json.len());
                self.batch_bytes += json.len();
                let rows = self.decoder.rows();
                // Rows that need no check are all wanted, so that it is known when there are enough.
                let enough = rows >= left && self.check.is_none() && self.predicate.is_empty();
                if rows >= batch_size || self.batch_bytes >= MAX_BATCH_BYTES || enough {
                    stopped = !self.send_batch(&mut left, &mut send)?;
                } else if rows.is_multiple_of(ROWS_BETWEEN_CHECKS) {
                    stopped = !wanted();
                }
                Ok(if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            if stopped {
                return Ok(());
            }
        }
        self.send_batch(&mut left, &mut send)?;
        Ok(())
    }

    /// Sends the rows decoded so far, and tells whether more are wanted.
    fn send_batch(
        &mut self,
        left: &mut usize,
        send: &mut impl FnMut(RecordBatch) -> bool,
    ) -> Result<bool> {
        self.batch_bytes = 0;
        let mut batch = self.decoder.finish()?;
        if let Some(check) = &self.check {
            batch = check.keep(&batch)?;
        }
        batch = self.predicate.keep(batch)?;
        if batch.num_rows() == 0 {
            return Ok(true);
        }
        *left = left.saturating_sub(batch.num_rows());
        Ok(send(batch) && *left > 0)
    }
}

impl TimeCheck {
    fn keep(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let times = batch.column(self.time_at).as_primitive::<TimestampNanosecondType>();
        let keep: BooleanArray =
            times.values().iter().map(|&time| Some(self.wanted.contains(time))).collect();
        let projection: Vec<usize> = (0..self.columns).collect();
        Ok(filter_record_batch(&batch.project(&projection)?, &keep)?)
    }
}
