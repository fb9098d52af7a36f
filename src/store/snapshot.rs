//! What was committed at one moment, to read for as long as one likes while others write.

use std::ops::ControlFlow;
use std::sync::Arc;

use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, TableError, TableHandle,
};

use crate::error::Result;
use crate::store::handle::Handle;
use crate::store::{META, rows_of};
use crate::table::Table;

/// One redb read transaction. As long as it lives, the file keeps the pages it sees.
pub(crate) struct Snapshot {
    txn: ReadTransaction,
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

    pub(super) fn has_tables(&self, tables: &[&Table]) -> Result<bool> {
        let names: Vec<String> =
            self.txn.list_tables()?.map(|table| table.name().to_owned()).collect();
        Ok(tables.iter().all(|table| names.iter().any(|name| name == table.name())))
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

    /// Gives the table's rows to `visit`, ids rising, until it breaks. A store that never had the
    /// table has no rows of it.
    pub(crate) fn scan(
        &self,
        table: &Table,
        mut visit: impl FnMut(i64, &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let Some(rows) = self.rows(table)? else { return Ok(()) };
        for row in rows.iter()? {
            let (id, json) = row?;
            if visit(id.value(), json.value())?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn rows(&self, table: &Table) -> Result<Option<ReadOnlyTable<i64, &'static [u8]>>> {
        absent_as_none(self.txn.open_table(rows_of(table)))
    }
}

fn absent_as_none<T>(opened: Result<T, TableError>) -> Result<Option<T>> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
