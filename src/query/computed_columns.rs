//! Counts what projections compute against the memory limit.
//!
//! `function_memory.rs` asks before a function makes much of little. But what doubles a value is no such
//! function, and thirty common table expressions in a row, each `SELECT a || a AS a` of the one before,
//! make a gigabyte of one byte. So each batch of a projection must fit into the memory that is left, when
//! it has been computed: it is at most a small multiple of the one before, which did fit.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

/// The columns of a projection that are not its input's.
pub(super) struct ComputedColumns {
    columns: Vec<usize>,
    pool: Arc<dyn MemoryPool>,
}

impl ComputedColumns {
    /// `None` if the operator is no projection or computes nothing.
    pub(super) fn of(plan: &dyn ExecutionPlan, pool: &Arc<dyn MemoryPool>) -> Option<Self> {
        let expressions = plan.downcast_ref::<ProjectionExec>()?.expr().iter().enumerate();
        let computed = expressions.filter(|(_, computed)| !computed.expr.is::<Column>());
        let columns: Vec<_> = computed.map(|(index, _)| index).collect();
        (!columns.is_empty()).then(|| Self { columns, pool: Arc::clone(pool) })
    }

    /// Fails if the memory limit does not leave room for a batch of them.
    pub(super) fn check(&self, batch: &RecordBatch) -> Result<()> {
        let bytes = self.columns.iter().map(|column| bytes(batch.column(*column))).sum();
        MemoryConsumer::new("a projection").register(&self.pool).try_grow(bytes)
    }
}

/// The bytes of an array's values, without those of its buffers that a slice leaves out.
fn bytes(array: &dyn Array) -> usize {
    let views = match array.data_type() {
        DataType::Utf8View => array.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => array.as_binary_view().total_buffer_bytes_used(),
        _ => 0,
    };
    views + array.to_data().get_slice_memory_size().unwrap_or(0)
}
