//! The answer of a query on its way to an output.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

/// The answer of a query: its columns, and its rows as they arrive.
pub struct Answer<B> {
    pub schema: SchemaRef,
    pub batches: B,
}

/// The batches of an answer.
pub trait Batches: Iterator<Item = netsky_db::Result<RecordBatch>> {}

impl<B: Iterator<Item = netsky_db::Result<RecordBatch>>> Batches for B {}

/// The row counts of a printed answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// How many rows the answer has.
    pub rows: u64,
    /// How many of them were printed.
    pub shown: u64,
}
