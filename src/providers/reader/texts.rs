//! Texts of some of the rows that were read.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};

/// Copies the texts of a column, so that it does not keep the texts of all rows that were read with it.
/// An operator may collect batches: with a few rows of each segment, it would hold the whole history. And
/// a sort counts all texts that a batch keeps against the memory limit.
pub(super) fn release_other_texts(column: &mut ArrayRef) {
    if let Some(texts) = column.as_string_view_opt() {
        *column = Arc::new(texts.gc());
    }
}
