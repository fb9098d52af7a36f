//! Leaving out corrupt rows.

use std::sync::Arc;

use crate::providers::skipped::SkippedRows;
use crate::row::RowChecker;
use crate::table::Table;

/// Checks every row before it is decoded, so that a corrupt one is found before some columns have its
/// values. All columns of the table are checked, whatever the query asks for: every query of a table
/// sees the same rows then, `count(*)` too. Only a query that leaves corrupt rows out pays for it.
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

    /// Whether the row can be read. One that cannot is counted.
    pub(super) fn accepts(&mut self, id: i64, json: &[u8]) -> bool {
        let accepted = self.checker.check(json).is_ok();
        if !accepted {
            self.skipped.add(self.table, id);
        }
        accepted
    }
}
