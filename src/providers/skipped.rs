//! The corrupt rows that a query has skipped.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::table::Table;

/// Counts each row once, even if several scans of the query meet it.
#[derive(Debug, Default)]
pub(crate) struct SkippedRows(Mutex<HashSet<(&'static str, i64)>>);

impl SkippedRows {
    pub(crate) fn count(&self) -> u64 {
        self.rows().len() as u64
    }

    pub(super) fn add(&self, table: &'static Table, id: i64) {
        self.rows().insert((table.name(), id));
    }

    fn rows(&self) -> MutexGuard<'_, HashSet<(&'static str, i64)>> {
        // A panic elsewhere cannot leave the set in an invalid state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
