//! Skips corrupt rows.

use std::sync::Arc;

use crate::providers::skipped::SkippedRows;
use crate::row::RowChecker;
use crate::table::Table;

/// Checks every row before it is decoded. Otherwise some columns could already have values of a row
/// when it turns out to be corrupt. All columns of the table are checked, whichever the query uses, so
/// that every query sees the same rows, even `count(*)`. Only queries that skip corrupt rows pay for
/// this.
#[derive(Debug)]
pub(super) struct RowValidator {
    table: &'static Table,
    checker: RowChecker,
    skipped: Arc<SkippedRows>,
}

impl RowValidator {
    pub(super) fn new(table: &'static Table, skipped: Arc<SkippedRows>) -> Self {
        Self { table, checker: RowChecker::new(table), skipped }
    }

    /// Whether the row can be read. Counts it as skipped if not.
    pub(super) fn accepts(&mut self, id: i64, json: &[u8]) -> bool {
        let accepted = self.checker.check(json).is_ok();
        if !accepted {
            self.skipped.add(self.table, id);
        }
        accepted
    }
}
