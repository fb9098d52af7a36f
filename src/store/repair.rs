//! Rebuilds zones, checksums, columnar copies and id counters from the rows.

use redb::{ReadableTable, WriteTransaction};

use crate::error::Result;
use crate::store::Store;
use crate::store::segments;
use crate::store::tables::{IDS, rows_of};
use crate::store::upsert;
use crate::store::zone_writer::ZoneWriter;
use crate::table::Table;

impl Store {
    /// Rebuilds the tables' zones and columnar copies, and raises their id counters. Other processes can write between
    /// two tables.
    pub(crate) fn repair(&self, tables: &[&'static Table]) -> Result<()> {
        self.refuse_damage()?;
        self.finish_imports(tables)?;
        self.write(upsert::repair_keys)?;
        for table in tables.iter().copied() {
            self.write(move |txn| {
                let rows = txn.open_table(rows_of(table))?;
                ZoneWriter::rebuild(txn, table, &rows)?;
                segments::delete_all(txn, table)?;
                raise_ids(txn, table, &rows)
            })?;
            self.seal(table)?;
        }
        Ok(())
    }
}

/// Raises the id counter to the id of the last row, if another program has written past it.
pub(super) fn raise_ids(
    txn: &WriteTransaction,
    table: &Table,
    rows: &impl ReadableTable<i64, &'static [u8]>,
) -> Result<()> {
    let highest = rows.last()?.map_or(0, |(id, _)| id.value());
    let mut ids = txn.open_table(IDS)?;
    if ids.get(table.name())?.map_or(0, |id| id.value()) < highest {
        ids.insert(table.name(), highest)?;
    }
    Ok(())
}
