//! The columns that are read of a block.

/// The columns to read, by their indices in [`Table::schema`](crate::Table::schema).
#[derive(Debug)]
pub(super) struct BlockColumns {
    /// Of every row.
    pub(super) first: Vec<usize>,
    /// Of the rows that are selected.
    pub(super) late: Vec<usize>,
}
