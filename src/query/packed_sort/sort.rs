//! Sorts the rows of a stream.
//!
//! If most texts differ, the keys do not fit into a packed number, or memory is short, DataFusion sorts the rows, and
//! spills if it must.

use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{BaselineMetrics, RecordOutput};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};

use crate::query::packed_sort::buffer::Buffer;
use crate::query::packed_sort::keys::Keys;
use crate::query::packed_sort::sorted_rows::SortedRows;
use crate::query::stream_exec::{stream_exec, with_inputs};

pub(super) struct Sort {
    pub(super) sort: SortExec,
    pub(super) keys: Keys,
    pub(super) context: Arc<TaskContext>,
    pub(super) metrics: BaselineMetrics,
}

/// The input as it was read.
enum Input {
    Sorted(SortedRows),
    /// What was buffered of it.
    Unsorted(Buffer),
}

impl Sort {
    pub(super) fn run(
        self,
        input: SendableRecordBatchStream,
        partition: usize,
    ) -> SendableRecordBatchStream {
        let schema = self.sort.schema();
        let rows = stream::once(self.sorted(input, partition)).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(schema, rows))
    }

    async fn sorted(
        self,
        mut input: SendableRecordBatchStream,
        partition: usize,
    ) -> Result<SendableRecordBatchStream> {
        let consumer = MemoryConsumer::new(format!("PackedSortExec[{partition}]"));
        let memory = consumer.with_can_spill(true).register(self.context.memory_pool());
        match self.read(&mut input, &memory).await? {
            Input::Sorted(rows) => Ok(self.packed(rows, memory)),
            Input::Unsorted(buffer) => self.unpacked(buffer, input, memory),
        }
    }

    async fn read(
        &self,
        input: &mut SendableRecordBatchStream,
        memory: &MemoryReservation,
    ) -> Result<Input> {
        let mut buffer = Buffer::new(self.keys.clone());
        // What DataFusion needs to begin is kept free for it.
        let options = &self.context.session_config().options().execution;
        let reserve = 2 * options.sort_spill_reservation_bytes;
        while let Some(batch) = input.next().await.transpose()? {
            let _timer = self.metrics.elapsed_compute().timer();
            buffer.push(&batch)?;
            if buffer.is_in_vain() || memory.try_resize(buffer.size_in_sort() + reserve).is_err() {
                return Ok(Input::Unsorted(buffer));
            }
        }
        let _timer = self.metrics.elapsed_compute().timer();
        let size = buffer.size_sorted();
        Ok(match buffer.sort() {
            Ok(rows) => {
                memory.shrink(memory.size().saturating_sub(size));
                Input::Sorted(rows)
            }
            Err(buffer) => Input::Unsorted(*buffer),
        })
    }

    fn packed(self, rows: SortedRows, memory: MemoryReservation) -> SendableRecordBatchStream {
        let schema = self.sort.schema();
        let size = self.context.session_config().batch_size().max(1);
        let state = (rows, memory, self.metrics);
        let batches = stream::try_unfold(state, move |(mut rows, memory, metrics)| async move {
            let timer = metrics.elapsed_compute().timer();
            let batch = rows.next(size)?;
            timer.done();
            let batch = batch.map(|batch| batch.record_output(&metrics));
            Ok::<_, DataFusionError>(batch.map(|batch| (batch, (rows, memory, metrics))))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }

    /// Lets DataFusion sort all rows.
    fn unpacked(
        self,
        buffer: Buffer,
        input: SendableRecordBatchStream,
        memory: MemoryReservation,
    ) -> Result<SendableRecordBatchStream> {
        // The pool divides itself among the consumers that can spill, of which DataFusion's sort is one. Of 16 MiB, half a
        // share was too little for its first batch.
        drop(memory);
        let consumer = MemoryConsumer::new("PackedSortExec's batches");
        let memory = consumer.register(self.context.memory_pool());
        memory.grow(buffer.size());
        let each = memory.size() / buffer.batches().max(1);
        let buffered =
            stream::try_unfold((buffer, memory), move |(mut buffer, memory)| async move {
                let batch = buffer.pop()?;
                memory.shrink(each.min(memory.size()));
                Ok::<_, DataFusionError>(batch.map(|batch| (batch, (buffer, memory))))
            });
        let rows = buffered.chain(input);
        let rows = RecordBatchStreamAdapter::new(Arc::clone(self.keys.schema()), rows);
        let sort = self.sort.with_preserve_partitioning(true);
        with_inputs(sort, vec![stream_exec(Box::pin(rows))?])?.execute(0, self.context)
    }
}
