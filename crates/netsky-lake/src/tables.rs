//! The tables of a store with a column for the machine.

use std::sync::OnceLock;

use netsky_db::{Column, TABLES, Table};

use crate::layout::MACHINE;

/// What the column says.
pub(crate) const WHAT: &str = "The machine that pushed the row.";

/// The tables of a lake. They are those of stores, with `machine` as the last column.
pub fn tables() -> &'static [&'static Table] {
    static TABLES_OF_LAKES: OnceLock<Vec<&'static Table>> = OnceLock::new();
    TABLES_OF_LAKES.get_or_init(|| TABLES.iter().map(|table| of_lake(table)).collect())
}

/// Leaks some kilobytes, once in a process, because a table is static.
fn of_lake(table: &Table) -> &'static Table {
    let machine = Column::of::<&str>(MACHINE, WHAT, None, None);
    let columns: Vec<Column> = table.columns().iter().cloned().chain([machine]).collect();
    Box::leak(Box::new(Table::new(table.name(), table.doc(), columns.leak())))
}
