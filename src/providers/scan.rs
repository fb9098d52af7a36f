//! The work of a scan: blocking tasks read runs of rows side by side and send batches through bounded
//! channels; the batches come out in the order of ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::RecordOutput;
use datafusion::physical_plan::stream::{
    RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::providers::metrics::ScanMetrics;
use crate::providers::reader::RowReader;
use crate::providers::segments::Segment;
use crate::providers::source::RowSource;

/// How many batches a task may have waiting: with one being read and one being decoded, both sides
/// are busy.
const BATCHES_IN_FLIGHT: usize = 2;

/// The stream of a scan's batches. Nothing is read before it is polled.
pub(super) fn open(
    source: &RowSource,
    partition: usize,
    context: &TaskContext,
) -> Result<SendableRecordBatchStream> {
    let config = context.session_config();
    let batch_size = config.batch_size();
    let metrics = ScanMetrics::new(&source.metrics, partition);
    metrics.blocks_total.add(source.segments.blocks);
    metrics.blocks_skipped.add(source.segments.skipped);

    // A scan that ends after some rows must not read ahead.
    let tasks = if source.fetch.is_some() { 1 } else { config.target_partitions().max(1) };
    let chunks = chunks(&source.segments.segments, batch_size, source.fetch.is_some());
    // With one task, a chunk is opened when those before it are read to the end.
    let left = Arc::new(AtomicUsize::new(source.fetch.unwrap_or(usize::MAX)));
    let (shared, task_metrics, limit) =
        (Arc::new(source.clone()), metrics.clone(), Arc::clone(&left));
    let batches = stream::iter(chunks)
        .map(move |chunk| {
            let limit = limit.load(Ordering::Relaxed);
            let opened = open_chunk(&shared, chunk, batch_size, limit, task_metrics.clone());
            async move { opened }
        })
        .buffered(tasks)
        .try_flatten();
    let batches =
        first_rows(batches, left).map_ok(move |batch| batch.record_output(&metrics.baseline));
    Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&source.schema), batches)))
}

/// As many rows as are `left`. It ends with the batch that has the last of them, without asking for
/// another.
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

/// The segments cut into what one task reads: about as many rows as a batch has. If the scan may end
/// early, the first chunks are smaller.
fn chunks(segments: &[Segment], batch_size: usize, may_end_early: bool) -> Vec<Vec<Segment>> {
    let largest = batch_size as u64;
    let mut wanted = if may_end_early { 1 } else { largest };
    let mut chunks = Vec::new();
    let (mut chunk, mut rows) = (Vec::new(), 0_u64);
    for segment in segments {
        // Of a segment that nothing is known of, one is enough for a task.
        rows = rows.saturating_add(segment.max_rows.unwrap_or(u64::MAX));
        chunk.push(segment.clone());
        if rows >= wanted {
            chunks.push(std::mem::take(&mut chunk));
            (rows, wanted) = (0, (wanted * 4).min(largest));
        }
    }
    chunks.extend((!chunk.is_empty()).then_some(chunk));
    chunks
}

/// Starts a task that reads a chunk.
fn open_chunk(
    source: &Arc<RowSource>,
    chunk: Vec<Segment>,
    batch_size: usize,
    limit: usize,
    metrics: ScanMetrics,
) -> Result<SendableRecordBatchStream> {
    let mut stream =
        RecordBatchReceiverStreamBuilder::new(Arc::clone(&source.schema), BATCHES_IN_FLIGHT);
    let batches = stream.tx();
    let mut reader = RowReader::new(source, &source.projection, &chunk, metrics)?;
    stream.spawn_blocking(move || {
        let wanted = || !batches.is_closed();
        let send = |batch| batches.blocking_send(Ok(batch)).is_ok();
        Ok(reader.read(&chunk, batch_size, limit, wanted, send)?)
    });
    Ok(stream.build())
}
