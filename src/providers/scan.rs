//! The work of a scan: one blocking task walks the rows, decodes them, and sends batches through a
//! bounded channel.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, MetricBuilder, RecordOutput};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use tokio::sync::mpsc::Sender;

use crate::providers::source::RowSource;
use crate::row::Decoder;

/// How many batches may wait for the reader: with one being read and one being decoded, both sides
/// are busy.
const BATCHES_IN_FLIGHT: usize = 2;

/// A batch is sent when its rows had so many bytes of JSON, however few they are. This, times the
/// batches in flight and the one being decoded, bounds a scan's memory, give or take a row.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// After so many rows a scan looks whether anyone still reads it.
const ROWS_BETWEEN_CHECKS: usize = 1024;

/// The stream of a partition's batches.
pub(super) fn open(
    source: &RowSource,
    partition: usize,
    batch_size: usize,
) -> Result<SendableRecordBatchStream> {
    let mut stream =
        RecordBatchReceiverStreamBuilder::new(Arc::clone(&source.schema), BATCHES_IN_FLIGHT);
    let mut scan = Scan {
        decoder: Decoder::new(source.table, &source.projection)?,
        batches: stream.tx(),
        metrics: ScanMetrics::new(source, partition),
        batch_size,
        left: source.fetch.unwrap_or(usize::MAX),
        batch_bytes: 0,
    };
    let (table, snapshot) = (source.table, Arc::clone(&source.snapshot));
    stream.spawn_blocking(move || {
        if scan.left > 0 {
            snapshot.scan(table, |id, json| scan.row(id, json))?;
        }
        // The rows of the last batch; nothing follows them, whether or not they are still wanted.
        let _ = scan.send_batch()?;
        scan.metrics.baseline.done();
        Ok(())
    });
    Ok(stream.build())
}

/// The state of a running scan.
struct Scan {
    decoder: Decoder,
    batches: Sender<Result<RecordBatch>>,
    metrics: ScanMetrics,
    batch_size: usize,
    /// How many rows may still be read.
    left: usize,
    /// The JSON of the rows decoded since the last batch.
    batch_bytes: usize,
}

impl Scan {
    /// Decodes a row, and sends the batch that it fills. Breaks when no more rows are wanted.
    fn row(&mut self, id: i64, json: &[u8]) -> crate::Result<ControlFlow<()>> {
        self.decoder.push(id, json)?;
        self.metrics.rows_read.add(1);
        self.metrics.json_bytes.add(json.len());
        self.batch_bytes += json.len();
        self.left -= 1;
        if self.left == 0 {
            return Ok(ControlFlow::Break(()));
        }
        let rows = self.decoder.rows();
        if rows >= self.batch_size || self.batch_bytes >= MAX_BATCH_BYTES {
            return self.send_batch();
        }
        if rows.is_multiple_of(ROWS_BETWEEN_CHECKS) && self.batches.is_closed() {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Sends the rows decoded so far. Breaks if the stream was dropped.
    fn send_batch(&mut self) -> crate::Result<ControlFlow<()>> {
        if self.decoder.rows() == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        self.batch_bytes = 0;
        let batch = self.decoder.finish()?.record_output(&self.metrics.baseline);
        match self.batches.blocking_send(Ok(batch)) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(_) => Ok(ControlFlow::Break(())),
        }
    }
}

/// What `EXPLAIN ANALYZE` says of a scan.
struct ScanMetrics {
    baseline: BaselineMetrics,
    rows_read: Count,
    json_bytes: Count,
}

impl ScanMetrics {
    fn new(source: &RowSource, partition: usize) -> Self {
        let counter = |name| MetricBuilder::new(&source.metrics).counter(name, partition);
        Self {
            baseline: BaselineMetrics::new(&source.metrics, partition),
            rows_read: counter("rows_read"),
            json_bytes: counter("json_bytes"),
        }
    }
}
