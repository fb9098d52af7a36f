//! Appends rows: assigns ids and writes the rows in one durable transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::{ReadableTable, Table as RedbTable, WriteTransaction};

use crate::columnar::Segment;
use crate::error::{Error, Result};
use crate::row::{self, EncodedRow};
use crate::store::Store;
use crate::store::tables::{IDS, rows_of};
use crate::store::zone_writer::ZoneWriter;
use crate::table::Table;

impl Store {
    /// Passes an appender of the table to `fill`, and durably commits the rows that it pushed: all
    /// of them, or none if `fill` fails. The transaction may include rows of other calls.
    pub(crate) fn append<T: Send + 'static>(
        &self,
        table: &'static Table,
        mut fill: impl FnMut(&mut TableAppender<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_and_help(move |txn, completed| append(txn, table, completed, &mut fill))
    }

    /// Appends rows of any tables in one durable transaction. The rows of each table keep their
    /// order.
    pub(crate) fn append_all(
        &self,
        rows: Vec<Arc<Vec<(&'static Table, EncodedRow)>>>,
    ) -> Result<()> {
        self.write_and_help(move |txn, completed| {
            let mut of_table: BTreeMap<&str, (&'static Table, Vec<&EncodedRow>)> = BTreeMap::new();
            for (table, row) in rows.iter().flat_map(|rows| rows.iter()) {
                of_table.entry(table.name()).or_insert((table, Vec::new())).1.push(row);
            }
            for (table, rows) in of_table.into_values() {
                append(txn, table, completed, |appender| {
                    rows.iter().try_for_each(|row| appender.push(row).map(|_| ()))
                })?;
            }
            Ok(())
        })
    }
}

/// The tables that a transaction completes a segment of.
pub(super) type Completed = Vec<&'static Table>;

pub(super) fn append<T>(
    txn: &WriteTransaction,
    table: &'static Table,
    completed: &mut Completed,
    mut fill: impl FnMut(&mut TableAppender<'_>) -> Result<T>,
) -> Result<T> {
    let last_assigned = last_id(txn, table)?;
    let mut appender = TableAppender::after(txn, table, last_assigned)?;
    let filled = fill(&mut appender)?;
    let last_id = appender.finish()?;
    if last_id != last_assigned {
        txn.open_table(IDS)?.insert(table.name(), last_id)?;
    }
    if completes_segment(last_assigned, last_id) {
        completed.push(table);
    }
    Ok(filled)
}

/// Whether a segment has no ids left to assign after `last`, that had some after `before`.
pub(super) fn completes_segment(before: i64, last: i64) -> bool {
    Segment::of(before.saturating_add(1)) != Segment::of(last.saturating_add(1))
}

/// Returns the highest assigned id. The highest id of a row counts too: another program may have
/// written rows without raising the id counter, and they must not be overwritten.
pub(super) fn last_id(txn: &WriteTransaction, table: &Table) -> Result<i64> {
    let last_assigned = txn.open_table(IDS)?.get(table.name())?.map_or(0, |id| id.value());
    let highest = txn.open_table(rows_of(table))?.last()?.map_or(0, |(id, _)| id.value());
    Ok(last_assigned.max(highest))
}

/// Appends rows to one table within a transaction.
pub(crate) struct TableAppender<'txn> {
    rows: RedbTable<'txn, i64, &'static [u8]>,
    zones: ZoneWriter<'txn>,
    last_id: i64,
    row: Vec<u8>,
}

impl<'txn> TableAppender<'txn> {
    /// Creates an appender that assigns the ids after `last_id`. No row may have one of them.
    pub(super) fn after(
        txn: &'txn WriteTransaction,
        table: &'static Table,
        last_id: i64,
    ) -> Result<Self> {
        let rows = txn.open_table(rows_of(table))?;
        let zones = ZoneWriter::open(txn, table, &rows)?;
        Ok(Self { rows, zones, last_id, row: Vec::new() })
    }

    /// Writes the zones and checksums of the rows, and returns the last row's id.
    pub(super) fn finish(mut self) -> Result<i64> {
        self.zones.write(&self.rows)?;
        Ok(self.last_id)
    }

    /// Returns the id that the next row gets.
    pub(crate) fn next_id(&self) -> i64 {
        self.last_id.saturating_add(1)
    }

    /// Appends a row and returns its id.
    pub(crate) fn push(&mut self, row: &EncodedRow) -> Result<i64> {
        self.insert(row.time(), row.json())
    }

    /// Assigns the next id to no row.
    pub(super) fn skip_id(&mut self) {
        self.last_id = self.next_id();
    }

    /// Replaces a row, which keeps its id, or removes it. Returns whether there is such a row.
    pub(super) fn change(&mut self, id: i64, row: Option<&EncodedRow>) -> Result<bool> {
        let Some(old) = self.rows.get(id)?.map(|old| old.value().to_vec()) else {
            return Ok(false);
        };
        let new = match row {
            Some(row) => {
                self.row.clear();
                row::id_prefix(id, &mut self.row);
                self.row.extend_from_slice(row.json());
                self.rows.insert(id, self.row.as_slice())?;
                Some((row.time(), self.row.as_slice()))
            }
            None => {
                self.rows.remove(id)?;
                None
            }
        };
        self.zones.replace(id, &old, new, &self.rows)?;
        Ok(true)
    }

    /// Appends a row from its time in nanoseconds and its JSON without the id.
    pub(super) fn insert(&mut self, time: Option<i64>, json: &[u8]) -> Result<i64> {
        let id = self.next_id();
        // The largest integer is never assigned, so that the exclusive end of a range of ids fits
        // too.
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
