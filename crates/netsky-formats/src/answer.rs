//! The answer of a query on its way to an output.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

/// The answer of a query: its columns, and its rows as they arrive.
#[derive(Debug, Clone)]
pub struct Answer<B> {
    /// The columns of every batch.
    pub schema: SchemaRef,
    /// The rows. Writing ends at the first error.
    pub batches: B,
}

/// The batches of an answer.
pub trait Batches: Iterator<Item = netsky_db::Result<RecordBatch>> {}

impl<B: Iterator<Item = netsky_db::Result<RecordBatch>>> Batches for B {}
