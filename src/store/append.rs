//! Rows on their way into the store: ids given out and rows written in one durable transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::{ReadableTable, Table as RedbTable, WriteTransaction};

use crate::error::{Error, Result};
use crate::row::{self, EncodedRow};
use crate::store::zone::ZoneWriter;
use crate::store::{IDS, Store, rows_of};
use crate::table::Table;

impl Store {
    /// Gives `fill` an appender of the table, and commits what it pushed: all of it, durably, or
    /// nothing if `fill` fails. Rows of other calls may be committed with it.
    pub(crate) fn append<T: Send + 'static>(
        &self,
        table: &'static Table,
        mut fill: impl FnMut(&mut Appender<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write(move |txn| append(txn, table, &mut fill))
    }

    /// Appends rows of any tables in one durable transaction, those of a table in their order.
    pub(crate) fn append_all(
        &self,
        rows: Vec<Arc<Vec<(&'static Table, EncodedRow)>>>,
    ) -> Result<()> {
        self.write(move |txn| {
            let mut of_table: BTreeMap<&str, (&'static Table, Vec<&EncodedRow>)> = BTreeMap::new();
            for (table, row) in rows.iter().flat_map(|rows| rows.iter()) {
                of_table.entry(table.name()).or_insert((table, Vec::new())).1.push(row);
            }
            for (table, rows) in of_table.into_values() {
                append(txn, table, |appender| {
                    rows.iter().try_for_each(|row| appender.push(row).map(|_| ()))
                })?;
            }
            Ok(())
        })
    }
}

fn append<T>(
    txn: &WriteTransaction,
    table: &'static Table,
    mut fill: impl FnMut(&mut Appender<'_>) -> Result<T>,
) -> Result<T> {
    let mut ids = txn.open_table(IDS)?;
    let rows = txn.open_table(rows_of(table))?;
    let given_out = ids.get(table.name())?.map_or(0, |id| id.value());
    // A program that wrote rows and not their ids must not have them overwritten.
    let highest = rows.last()?.map_or(0, |(id, _)| id.value());
    let last_id = given_out.max(highest);
    let zones = ZoneWriter::open(txn, table, &rows)?;
    let mut appender = Appender { rows, zones, last_id, row: Vec::new() };
    let filled = fill(&mut appender)?;
    appender.zones.write(&appender.rows)?;
    if appender.last_id != given_out {
        ids.insert(table.name(), appender.last_id)?;
    }
    Ok(filled)
}

/// Appends rows to one table within a transaction.
pub(crate) struct Appender<'txn> {
    rows: RedbTable<'txn, i64, &'static [u8]>,
    zones: ZoneWriter<'txn>,
    last_id: i64,
    row: Vec<u8>,
}

impl Appender<'_> {
    /// The id that the next row gets.
    pub(crate) fn next_id(&self) -> i64 {
        self.last_id.saturating_add(1)
    }

    /// Appends a row and returns the id it got.
    pub(crate) fn push(&mut self, row: &EncodedRow) -> Result<i64> {
        let id = self.next_id();
        // The largest number is no id of ours, so that the end of a range of ids can be said.
        if id == i64::MAX {
            return Err(Error::Storage("the table has given out its last id".into()));
        }
        self.row.clear();
        row::id_prefix(id, &mut self.row);
        self.row.extend_from_slice(row.json());
        self.rows.insert(id, self.row.as_slice())?;
        self.zones.add(id, row.time(), &self.row, &self.rows)?;
        self.last_id = id;
        Ok(id)
    }
}
