//! Runs a scan. Blocking tasks read ranges of ids in parallel and send batches through bounded
//! channels. The batches are returned in the order of the ranges.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::EmptyRecordBatchStream;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, RecordOutput};
use datafusion::physical_plan::stream::{
    RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::providers::chunks::chunks;
use crate::providers::id_ranges::IdRange;
use crate::providers::metrics::ScanMetrics;
use crate::providers::order::Order;
use crate::providers::reader::ScanReader;
use crate::providers::scan_config::ScanConfig;
use crate::thread_pool::run_blocking;

/// The maximum number of batches that wait in a task's channel. While one is read and one is decoded,
/// both sides are busy.
const BATCHES_IN_FLIGHT: usize = 2;

/// A scan that may end early reads this many chunks one after the other before it reads chunks in
/// parallel.
const SEQUENTIAL_CHUNKS: usize = 2;

/// Returns the stream of a scan's batches. Reading starts when the stream is first polled.
pub(super) fn open(
    config: &ScanConfig,
    metrics: &ExecutionPlanMetricsSet,
    partition: usize,
    context: &TaskContext,
) -> Result<SendableRecordBatchStream> {
    let session = context.session_config();
    let metrics = ScanMetrics::new(metrics, partition);
    metrics.blocks_total.add(config.id_ranges.blocks);
    metrics.blocks_pruned.add(config.id_ranges.skipped);

    let may_end_early = config.fetch.is_some() || !config.sorted_by.is_empty();
    let id_ranges = config.order.arrange(&config.id_ranges.id_ranges);
    let chunks = chunks(config, &id_ranges, session.batch_size(), may_end_early);
    // A scan that may end early must not read ahead before it is clear that it needs more rows.
    let sequential = if may_end_early { SEQUENTIAL_CHUNKS } else { 0 };
    let tasks = session.target_partitions().max(1);

    let left = Arc::new(AtomicUsize::new(config.fetch.unwrap_or(usize::MAX)));
    let opener = ChunkOpener {
        config: Arc::new(config.clone()),
        batch_size: session.batch_size(),
        left: Arc::clone(&left),
        metrics: metrics.clone(),
    };
    let first = chunks.iter().take(sequential).cloned().collect::<Vec<_>>();
    let others = chunks.into_iter().skip(sequential);
    let opened = |opener: ChunkOpener| move |chunk| std::future::ready(opener.open(chunk));
    let batches = stream::iter(first)
        .map(opened(opener.clone()))
        .buffered(1)
        .chain(stream::iter(others).map(opened(opener)).buffered(tasks))
        .try_flatten();
    let batches =
        first_rows(batches, left).map_ok(move |batch| batch.record_output(&metrics.baseline));
    Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&config.schema), batches)))
}

/// Returns the first `left` rows. The stream ends with the batch that contains the last of them and
/// does not ask for another.
fn first_rows(
    batches: impl Stream<Item = Result<RecordBatch>> + Send,
    left: Arc<AtomicUsize>,
) -> impl Stream<Item = Result<RecordBatch>> + Send {
    stream::try_unfold((Box::pin(batches), left), async |(mut batches, left)| {
        let wanted = left.load(Ordering::Relaxed);
        if wanted == 0 {
            return Ok(None);
        }
        let Some(batch) = batches.try_next().await? else { return Ok(None) };
        let rows = batch.num_rows().min(wanted);
        left.store(wanted - rows, Ordering::Relaxed);
        Ok(Some((batch.slice(0, rows), (batches, left))))
    })
}

/// Starts the tasks of a scan.
#[derive(Clone)]
struct ChunkOpener {
    config: Arc<ScanConfig>,
    batch_size: usize,
    /// The number of rows still wanted.
    left: Arc<AtomicUsize>,
    metrics: ScanMetrics,
}

impl ChunkOpener {
    /// Starts a task that reads the rows of a chunk that are still wanted.
    fn open(&self, chunk: Vec<IdRange>) -> Result<SendableRecordBatchStream> {
        let config = &self.config;
        let wanted = config.predicate.ranges(config.table);
        let mut id_ranges = Vec::with_capacity(chunk.len());
        for id_range in &chunk {
            id_ranges.extend(id_range.narrow(&wanted));
        }
        let blocks = |id_ranges: &[IdRange]| id_ranges.chunk_by(|a, b| a.block == b.block).count();
        self.metrics.blocks_pruned.add(blocks(&chunk).saturating_sub(blocks(&id_ranges)));
        if config.order == Order::Descending {
            id_ranges.sort_by_key(|id_range| std::cmp::Reverse(*id_range.ids.start()));
        }
        let schema = Arc::clone(&config.schema);
        if id_ranges.is_empty() {
            return Ok(Box::pin(EmptyRecordBatchStream::new(schema)));
        }
        let mut stream = RecordBatchReceiverStreamBuilder::new(schema, BATCHES_IN_FLIGHT);
        let batches = stream.tx();
        let (batch_size, limit) = (self.batch_size, self.left.load(Ordering::Relaxed));
        let mut reader = ScanReader::new(
            config,
            &config.projection,
            &id_ranges,
            &config.predicate,
            (batch_size, limit),
            self.metrics.clone(),
        )?;
        let computing = self.metrics.baseline.elapsed_compute().clone();
        stream.spawn(run_blocking(move || {
            loop {
                let timer = computing.timer();
                let batch = reader.next_batch(|| !batches.is_closed())?;
                // The time spent waiting for the receiver does not count.
                timer.done();
                let Some(batch) = batch else { return Ok(()) };
                if batches.blocking_send(Ok(batch)).is_err() {
                    return Ok(());
                }
            }
        }));
        Ok(stream.build())
    }
}
