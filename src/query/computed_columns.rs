//! Counts the results of projections against the memory limit.
//!
//! `function_memory.rs` reserves memory for functions that make large results from small arguments.
//! An expression that doubles a value is not such a function, yet thirty common table expressions
//! in a row, each `SELECT a || a AS a` from the previous one, make a gigabyte from one byte. So
//! each batch of a projection must, once computed, fit into the remaining memory. It is at most a
//! small multiple of the previous one, which did fit.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

/// The columns of a projection that it does not just pass on from its input.
pub(super) struct ComputedColumns {
    columns: Vec<usize>,
    pool: Arc<dyn MemoryPool>,
}

impl ComputedColumns {
    /// Returns `None` if the operator is not a projection or computes nothing.
    pub(super) fn of(plan: &dyn ExecutionPlan, pool: &Arc<dyn MemoryPool>) -> Option<Self> {
        let expressions = plan.downcast_ref::<ProjectionExec>()?.expr().iter().enumerate();
        let computed = expressions.filter(|(_, computed)| !computed.expr.is::<Column>());
        let columns: Vec<_> = computed.map(|(index, _)| index).collect();
        (!columns.is_empty()).then(|| Self { columns, pool: Arc::clone(pool) })
    }

    /// Fails if the computed columns of a batch exceed the memory limit.
    pub(super) fn check(&self, batch: &RecordBatch) -> Result<()> {
        let bytes = self.columns.iter().map(|column| bytes(batch.column(*column))).sum();
        MemoryConsumer::new("a projection").register(&self.pool).try_grow(bytes)
    }
}

/// Returns the size of an array's values, without the parts of its buffers that a slice leaves out.
fn bytes(array: &dyn Array) -> usize {
    let views = match array.data_type() {
        DataType::Utf8View => array.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => array.as_binary_view().total_buffer_bytes_used(),
        _ => 0,
    };
    views + array.to_data().get_slice_memory_size().unwrap_or(0)
}
