//! What was committed at one moment, to read for as long as one likes while others write.

use std::ops::{ControlFlow, RangeInclusive};
use std::sync::Arc;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, TableError};

use crate::error::Result;
use crate::store::handle::Handle;
use crate::store::zone::{self, MARKS, ZONES, ZoneMap};
use crate::store::{META, rows_of};
use crate::table::Table;

/// One redb read transaction. As long as it lives, the file keeps the pages it sees.
pub(crate) struct Snapshot {
    pub(super) txn: ReadTransaction,
    /// A redb transaction does not keep its database open, and a stream may outlive its `Db`.
    _handle: Arc<Handle>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

impl Snapshot {
    pub(super) fn new(handle: Arc<Handle>) -> Result<Self> {
        Ok(Self { txn: handle.begin_read()?, _handle: handle })
    }

    pub(super) fn meta(&self, key: &str) -> Result<Option<i64>> {
        let Some(meta) = absent_as_none(self.txn.open_table(META))? else { return Ok(None) };
        Ok(meta.get(key)?.map(|value| value.value()))
    }

    /// Whether the store has all of the tables, and zones of all their rows.
    pub(super) fn is_complete(&self, tables: &[&'static Table]) -> Result<bool> {
        let Some(marks) = absent_as_none(self.txn.open_table(MARKS))? else { return Ok(false) };
        for table in tables {
            let Some(rows) = self.rows(table)? else { return Ok(false) };
            if !zone::is_complete(table, &rows, &marks)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What is known of the table's rows without reading them.
    pub(crate) fn zones(&self, table: &'static Table) -> Result<ZoneMap> {
        let Some(rows) = self.rows(table)? else { return Ok(ZoneMap::default()) };
        let zones = absent_as_none(self.txn.open_table(ZONES))?;
        let marks = absent_as_none(self.txn.open_table(MARKS))?;
        match zones.zip(marks) {
            Some((zones, marks)) => ZoneMap::read(table, &rows, &zones, &marks),
            None => Ok(ZoneMap::unknown()),
        }
    }

    /// How many rows the table has. Takes no longer for more.
    pub(crate) fn count(&self, table: &Table) -> Result<u64> {
        Ok(self.rows(table)?.map_or(Ok(0), |rows| rows.len())?)
    }

    /// Gives the row of the lowest id and the row of the highest to `read`; nothing if there is none.
    pub(crate) fn first_and_last<T>(
        &self,
        table: &Table,
        mut read: impl FnMut(i64, &[u8]) -> Result<T>,
    ) -> Result<Option<(T, T)>> {
        let Some(rows) = self.rows(table)? else { return Ok(None) };
        let (Some((first_id, first)), Some((last_id, last))) = (rows.first()?, rows.last()?) else {
            return Ok(None);
        };
        let first = read(first_id.value(), first.value())?;
        Ok(Some((first, read(last_id.value(), last.value())?)))
    }

    /// The lowest and the highest id in a run of ids; `None` if there is no row.
    pub(crate) fn first_and_last_id(
        &self,
        table: &Table,
        ids: RangeInclusive<i64>,
    ) -> Result<Option<(i64, i64)>> {
        let Some(rows) = self.rows(table)? else { return Ok(None) };
        let mut range = rows.range(ids)?;
        let Some(first) = range.next() else { return Ok(None) };
        let first = first?.0.value();
        let last = match range.next_back() {
            Some(last) => last?.0.value(),
            None => first,
        };
        Ok(Some((first, last)))
    }

    /// Gives the table's rows in a run of ids to `visit`, ids rising or falling, until it breaks. A
    /// store that never had the table has no rows of it.
    pub(crate) fn scan(
        &self,
        table: &Table,
        ids: RangeInclusive<i64>,
        falling: bool,
        mut visit: impl FnMut(i64, &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let Some(rows) = self.rows(table)? else { return Ok(()) };
        let mut range = rows.range(ids)?;
        while let Some(row) = if falling { range.next_back() } else { range.next() } {
            let (id, json) = row?;
            if visit(id.value(), json.value())?.is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn rows(&self, table: &Table) -> Result<Option<ReadOnlyTable<i64, &'static [u8]>>> {
        absent_as_none(self.txn.open_table(rows_of(table)))
    }
}

pub(super) fn absent_as_none<T>(opened: Result<T, TableError>) -> Result<Option<T>> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
