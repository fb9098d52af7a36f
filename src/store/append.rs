//! Rows on their way into the store: ids given out and rows written in one durable transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::{ReadableTable, Table as RedbTable, WriteTransaction};

use crate::error::{Error, Result};
use crate::row::{self, EncodedRow};
use crate::store::Store;
use crate::store::tables::{IDS, rows_of};
use crate::store::zone_writer::ZoneWriter;
use crate::table::Table;

impl Store {
    /// Gives `fill` an appender of the table, and commits what it pushed: all of it, durably, or
    /// nothing if `fill` fails. Rows of other calls may be committed with it.
    pub(crate) fn append<T: Send + 'static>(
        &self,
        table: &'static Table,
        mut fill: impl FnMut(&mut TableAppender<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_and_help(move |txn| append(txn, table, &mut fill))
    }

    /// Appends rows of any tables in one durable transaction, those of a table in their order.
    pub(crate) fn append_all(
        &self,
        rows: Vec<Arc<Vec<(&'static Table, EncodedRow)>>>,
    ) -> Result<()> {
        self.write_and_help(move |txn| {
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

pub(super) fn append<T>(
    txn: &WriteTransaction,
    table: &'static Table,
    mut fill: impl FnMut(&mut TableAppender<'_>) -> Result<T>,
) -> Result<T> {
    let given_out = last_id(txn, table)?;
    let mut appender = TableAppender::after(txn, table, given_out)?;
    let filled = fill(&mut appender)?;
    let last_id = appender.finish()?;
    if last_id != given_out {
        txn.open_table(IDS)?.insert(table.name(), last_id)?;
    }
    Ok(filled)
}

/// The highest id that was given out. A program that wrote rows and not their ids must not have them
/// overwritten.
pub(super) fn last_id(txn: &WriteTransaction, table: &Table) -> Result<i64> {
    let given_out = txn.open_table(IDS)?.get(table.name())?.map_or(0, |id| id.value());
    let highest = txn.open_table(rows_of(table))?.last()?.map_or(0, |(id, _)| id.value());
    Ok(given_out.max(highest))
}

/// Appends rows to one table within a transaction.
pub(crate) struct TableAppender<'txn> {
    rows: RedbTable<'txn, i64, &'static [u8]>,
    zones: ZoneWriter<'txn>,
    last_id: i64,
    row: Vec<u8>,
}

impl<'txn> TableAppender<'txn> {
    /// Appends rows with the ids that follow `last_id`, which no row may have.
    pub(super) fn after(
        txn: &'txn WriteTransaction,
        table: &'static Table,
        last_id: i64,
    ) -> Result<Self> {
        let rows = txn.open_table(rows_of(table))?;
        let zones = ZoneWriter::open(txn, table, &rows)?;
        Ok(Self { rows, zones, last_id, row: Vec::new() })
    }

    /// Writes what is noted of the rows, and returns the last one's id.
    pub(super) fn finish(mut self) -> Result<i64> {
        self.zones.write(&self.rows)?;
        Ok(self.last_id)
    }

    /// The id that the next row gets.
    pub(crate) fn next_id(&self) -> i64 {
        self.last_id.saturating_add(1)
    }

    /// Appends a row and returns the id it got.
    pub(crate) fn push(&mut self, row: &EncodedRow) -> Result<i64> {
        self.insert(row.time(), row.json())
    }

    /// Appends a row with that time, in nanoseconds, and JSON without its id.
    pub(super) fn insert(&mut self, time: Option<i64>, json: &[u8]) -> Result<i64> {
        let id = self.next_id();
        // The largest number is no id of ours, so that the end of a range of ids can be said.
        if id == i64::MAX {
            return Err(Error::Storage("the table has no ids left".into()));
        }
        self.row.clear();
        row::id_prefix(id, &mut self.row);
        self.row.extend_from_slice(json);
        self.rows.insert(id, self.row.as_slice())?;
        self.zones.add(id, time, &self.row, &self.rows)?;
        self.last_id = id;
        Ok(id)
    }
}
