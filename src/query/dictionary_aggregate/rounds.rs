//! Groups rows in rounds.
//!
//! A round ends when a dictionary is full. What it returns is a part of an aggregate, like that of another partition, and
//! is added to the others later. If too few texts are found by their views, or memory is short, DataFusion groups the
//! rest of the rows, and spills if it must.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, RecordOutput, Time};
use datafusion::physical_plan::stream::{EmptyRecordBatchStream, RecordBatchStreamAdapter};
use futures::{StreamExt, TryStreamExt, stream};

use crate::query::dictionary_aggregate::grouping::Grouping;
use crate::query::dictionary_aggregate::keys::Keys;
use crate::query::stream_exec::{stream_exec, with_inputs};

/// What a round groups by.
#[derive(Debug, Clone, Copy)]
enum By {
    Ids,
    Texts,
}

struct Rounds {
    aggregate: AggregateExec,
    keys: Keys,
    input: SendableRecordBatchStream,
    /// What did not fit into the last round.
    left: Option<RecordBatch>,
    /// The round that follows, if one does.
    next: Option<By>,
    memory: MemoryReservation,
    context: Arc<TaskContext>,
    computing: Time,
}

/// Returns the stream of what the partial aggregate returns.
pub(super) fn run(
    aggregate: AggregateExec,
    keys: Keys,
    input: SendableRecordBatchStream,
    partition: usize,
    context: Arc<TaskContext>,
    metrics: BaselineMetrics,
) -> SendableRecordBatchStream {
    let schema = aggregate.schema();
    let consumer = MemoryConsumer::new(format!("DictionaryAggregateExec[{partition}]"));
    let rounds = Rounds {
        aggregate,
        keys,
        input,
        left: None,
        next: Some(By::Ids),
        memory: consumer.with_can_spill(true).register(context.memory_pool()),
        context,
        computing: metrics.elapsed_compute().clone(),
    };
    let rounds = stream::try_unfold(rounds, async |mut rounds| {
        let batches = match rounds.next.take() {
            None => return Ok(None),
            Some(By::Ids) => rounds.by_ids().await?,
            Some(By::Texts) => rounds.by_texts()?,
        };
        Ok::<_, DataFusionError>(Some((batches, rounds)))
    });
    let batches = rounds.try_flatten().map_ok(move |batch| batch.record_output(&metrics));
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

impl Rounds {
    async fn by_ids(&mut self) -> Result<SendableRecordBatchStream> {
        let mut grouping = Grouping::new(&self.keys, &self.aggregate)?;
        self.next = loop {
            let batch = match self.left.take() {
                Some(batch) => Some(batch),
                None => self.input.next().await.transpose()?,
            };
            let Some(batch) = batch else { break None };
            let timer = self.computing.timer();
            let rows = grouping.push(&batch)?;
            timer.done();
            if rows < batch.num_rows() {
                self.left = Some(batch.slice(rows, batch.num_rows() - rows));
            }
            if grouping.is_in_vain() || self.memory.try_resize(grouping.size()).is_err() {
                break Some(By::Texts);
            }
            if self.left.is_some() {
                break Some(By::Ids);
            }
        };
        let timer = self.computing.timer();
        let groups = grouping.finish()?;
        timer.done();
        self.memory.free();
        let size = self.context.session_config().batch_size().max(1);
        let starts = (0..groups.num_rows()).step_by(size);
        let batches = starts
            .map(|start| Ok(groups.slice(start, size.min(groups.num_rows() - start))))
            .collect::<Vec<_>>();
        let batches = stream::iter(batches);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.aggregate.schema(), batches)))
    }

    /// Lets DataFusion group the rest of the rows.
    fn by_texts(&mut self) -> Result<SendableRecordBatchStream> {
        let schema = self.input.schema();
        let empty = Box::pin(EmptyRecordBatchStream::new(Arc::clone(&schema)));
        let input = std::mem::replace(&mut self.input, empty);
        let rows = stream::iter(self.left.take().map(Ok)).chain(input);
        let rows = stream_exec(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))?;
        let aggregate = with_inputs(self.aggregate.clone(), vec![rows])?;
        let batches = aggregate.execute(0, Arc::clone(&self.context))?;
        let computing = self.computing.clone();
        let end = stream::poll_fn(move |_| {
            let nanoseconds = aggregate.metrics().and_then(|metrics| metrics.elapsed_compute());
            computing.add_duration(Duration::from_nanos(nanoseconds.unwrap_or(0) as u64));
            Poll::Ready(None)
        });
        let schema = self.aggregate.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches.chain(end))))
    }
}
