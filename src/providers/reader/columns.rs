//! The columns to read from a block.

/// The columns to read, by their indices in [`Table::schema`](crate::Table::schema).
#[derive(Debug)]
pub(super) struct BlockColumns {
    /// For every row.
    pub(super) first: Vec<usize>,
    /// For the selected rows.
    pub(super) late: Vec<usize>,
}
