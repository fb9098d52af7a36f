//! What an append does with rows that its table has already.

use std::ops::Range;

/// What [`Appender::commit_with`](crate::Appender::commit_with) does with rows that are in the table
/// already: rows with the same time and the same values in all other columns, whatever their ids.
///
/// Copies are counted. If the table has a row once and it is appended twice, one of the two is in the
/// table already. So equal events of one file are all stored, and a second import of the file finds all
/// of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Duplicates {
    /// Stores them again.
    #[default]
    Allow,
    /// Stores nothing, and fails with [`Error::DuplicateRows`](crate::Error::DuplicateRows).
    Refuse,
    /// Stores only the other rows.
    Skip,
}

/// The result of [`Appender::commit_with`](crate::Appender::commit_with).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The ids of the stored rows.
    pub ids: Range<i64>,
    /// The number of rows that were left out because the table has them already.
    pub skipped: u64,
}
