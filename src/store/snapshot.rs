//! Snapshots: the committed state at one point in time. Readers keep it while others write.

use std::ops::{ControlFlow, RangeInclusive};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use redb::{ReadOnlyTable, ReadTransaction, TableError, TableHandle};

use crate::error::{Error, Result};
use crate::store::block::Block;
use crate::store::checksum::{self, BlockMeta};
use crate::store::handle::Handle;
use crate::store::row_cursor::RowCursor;
use crate::store::rows::{Rows, RowsTable};
use crate::store::staged::{IMPORTS, Import, STAGED};
use crate::store::tables::{IDS, META, rows_named};
use crate::store::unwind::Guarded;
use crate::store::watermark::{self, WATERMARKS, Watermark};
use crate::store::zone::ZONES;
use crate::store::zone_map::ZoneMap;
use crate::table::Table;

/// A redb read transaction. While it lives, the file keeps the pages that it sees.
pub(crate) struct Snapshot {
    pub(super) txn: Guarded<ReadTransaction>,
    /// The imports with staged rows, read on first use.
    imports: OnceLock<Vec<Import>>,
    /// A redb transaction does not keep its database open, and a stream may outlive its `Db`.
    handle: Arc<Handle>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

impl Snapshot {
    pub(super) fn new(handle: Arc<Handle>) -> Result<Self> {
        Ok(Self { txn: handle.begin_read()?, imports: OnceLock::new(), handle })
    }

    /// Returns the path of the store, for errors.
    pub(crate) fn path(&self) -> &Path {
        self.handle.path()
    }

    pub(super) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// Runs a call into redb that reads the snapshot.
    pub(super) fn guard<T>(&self, call: impl FnOnce() -> Result<T>) -> Result<T> {
        self.handle.guard(call)
    }

    /// Returns the names of all redb tables, including those of other programs.
    pub(super) fn table_names(&self) -> Result<Vec<String>> {
        self.guard(|| {
            let tables = self.txn.list_tables()?;
            Ok(tables.map(|table| table.name().to_owned()).collect())
        })
    }

    pub(super) fn meta(&self, key: &str) -> Result<Option<i64>> {
        self.guard(|| {
            let Some(meta) = absent_as_none(self.txn.open_table(META))? else { return Ok(None) };
            Ok(meta.get(key)?.map(|value| value.value()))
        })
    }

    /// Whether the store has all of the tables, with zones for all of their rows.
    pub(super) fn is_complete(&self, tables: &[&'static Table]) -> Result<bool> {
        self.guard(|| {
            let Some(watermarks) = absent_as_none(self.txn.open_table(WATERMARKS))? else {
                return Ok(false);
            };
            for table in tables {
                let Some(rows) = self.open_rows(table.name())? else { return Ok(false) };
                if !watermark::is_complete(table, &rows, &watermarks)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Returns the zone map of the table.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if the table is missing although it had rows.
    pub(crate) fn zones(&self, table: &'static Table) -> Result<ZoneMap> {
        self.guard(|| {
            let Some(rows) = self.rows(table)? else {
                self.refuse_lost(table)?;
                return Ok(ZoneMap::default());
            };
            let zones = absent_as_none(self.txn.open_table(ZONES))?;
            let watermarks = absent_as_none(self.txn.open_table(WATERMARKS))?;
            let known = match zones.zip(watermarks) {
                Some((zones, watermarks)) => {
                    let checksums = self.checksums(table)?;
                    ZoneMap::read(table, rows.table(), &zones, &watermarks, checksums.as_ref())
                }
                None => ZoneMap::unknown(rows.table()),
            };
            Ok(known?.with_pending(rows.pending()))
        })
    }

    /// Returns the stored zones and checksums of the table's blocks.
    pub(super) fn block_metas(&self, table: &Table) -> Result<Vec<BlockMeta>> {
        self.guard(|| {
            let Some(zones) = absent_as_none(self.txn.open_table(ZONES))? else {
                return Ok(Vec::new());
            };
            let checksums = self.checksums(table)?;
            let blocks =
                checksum::block_metas(table.name(), &zones, checksums.as_ref(), Block::FIRST)?;
            Ok(blocks.unwrap_or_default())
        })
    }

    /// Returns the redb table with the checksums of the table's blocks.
    fn checksums(&self, table: &Table) -> Result<Option<ReadOnlyTable<i64, &'static [u8]>>> {
        let name = checksum::name_for(table.name());
        absent_as_none(self.txn.open_table(checksum::named(&name)))
    }

    /// Fails if a table is missing although its watermark counts rows. A byte of its name may have
    /// changed in the file, and creating the table again would hide that.
    pub(super) fn refuse_lost(&self, table: &Table) -> Result<()> {
        self.guard(|| {
            if self.open_rows(table.name())?.is_some() {
                return Ok(());
            }
            let Some(watermarks) = absent_as_none(self.txn.open_table(WATERMARKS))? else {
                return Ok(());
            };
            match Watermark::read(&watermarks, table)? {
                Some(watermark) if watermark.rows > 0 => {
                    let (name, rows) = (table.name(), watermark.rows);
                    let reason = format!("the table {name} is missing, but it had {rows} rows");
                    Err(Error::Damaged { path: self.path().to_owned(), reason })
                }
                _ => Ok(()),
            }
        })
    }

    /// Returns the number of rows in the table, in constant time.
    pub(crate) fn count(&self, table: &Table) -> Result<u64> {
        self.guard(|| self.rows(table)?.map_or(Ok(0), |rows| rows.len()))
    }

    /// Passes the rows with the lowest and the highest id to `read`; returns `None` if the table is
    /// empty.
    pub(crate) fn first_and_last<T>(
        &self,
        table: &Table,
        mut read: impl FnMut(i64, &[u8]) -> Result<T>,
    ) -> Result<Option<(T, T)>> {
        self.guard(|| {
            let Some(rows) = self.rows(table)? else { return Ok(None) };
            let mut end =
                |descending| rows.first(i64::MIN..=i64::MAX, descending, &mut read)?.transpose();
            Ok(end(false)?.zip(end(true)?))
        })
    }

    /// Returns the highest assigned id, like [`last_id`](super::append::last_id) in a transaction.
    pub(crate) fn last_id(&self, table: &Table) -> Result<i64> {
        self.guard(|| {
            let Some(ids) = absent_as_none(self.txn.open_table(IDS))? else { return Ok(0) };
            let last_assigned = ids.get(table.name())?.map_or(0, |id| id.value());
            let Some(rows) = self.rows(table)? else { return Ok(last_assigned) };
            let highest = rows.first(i64::MIN..=i64::MAX, true, |id, _| id)?;
            Ok(highest.map_or(last_assigned, |id| last_assigned.max(id)))
        })
    }

    /// Returns the lowest and the highest id in a range of ids; `None` if it has no rows.
    pub(crate) fn first_and_last_id(
        &self,
        table: &Table,
        ids: RangeInclusive<i64>,
    ) -> Result<Option<(i64, i64)>> {
        self.guard(|| {
            let Some(rows) = self.rows(table)? else { return Ok(None) };
            let end = |descending| rows.first(ids.clone(), descending, |id, _| id);
            Ok(end(false)?.zip(end(true)?))
        })
    }

    /// Passes the rows that the cursor has not read to `visit`, until it breaks. A table that was
    /// never created has no rows.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] after the last row, if the rows are not those that the cursor's range
    /// must contain; and those of `visit`.
    pub(crate) fn scan(
        &self,
        table: &Table,
        cursor: &mut RowCursor,
        mut visit: impl FnMut(i64, &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let mut is_stored = true;
        let flow = self.guard(|| {
            let Some(ids) = cursor.left() else { return Ok(ControlFlow::Continue(())) };
            let Some(rows) = self.rows(table)? else {
                is_stored = false;
                return Ok(ControlFlow::Continue(()));
            };
            rows.visit(ids, cursor.descending, |id, json| {
                cursor.pass(id, json);
                visit(id, json)
            })
        })?;
        if flow.is_continue() && is_stored {
            cursor.finish(self.path(), table)?;
        }
        Ok(flow)
    }

    /// Returns the table's rows; `None` if the table was never created.
    pub(super) fn rows(&self, table: &Table) -> Result<Option<Rows>> {
        self.rows_named(table.name())
    }

    pub(super) fn rows_named(&self, table: &str) -> Result<Option<Rows>> {
        let Some(rows) = self.open_rows(table)? else { return Ok(None) };
        let imports = self.imports()?;
        let chunks = match imports {
            [] => None,
            _ => absent_as_none(self.txn.open_table(STAGED))?,
        };
        Ok(Some(Rows::new(table, rows, imports, chunks)?))
    }

    /// Opens the redb table of rows, which lacks staged rows.
    fn open_rows(&self, table: &str) -> Result<Option<RowsTable>> {
        absent_as_none(self.txn.open_table(rows_named(table)))
    }

    /// Returns the number of staged rows that are not in the redb table yet.
    pub(super) fn pending_rows(&self, table: &str) -> Result<u64> {
        let of_table = self.imports()?.iter().filter(|import| import.table == table);
        Ok(of_table.map(Import::pending_rows).sum())
    }

    /// Whether any import has staged rows.
    pub(super) fn has_imports(&self) -> Result<bool> {
        self.guard(|| Ok(!self.imports()?.is_empty()))
    }

    /// Returns the imports with staged rows.
    fn imports(&self) -> Result<&[Import]> {
        if let Some(imports) = self.imports.get() {
            return Ok(imports);
        }
        let imports = match absent_as_none(self.txn.open_table(IMPORTS))? {
            Some(imports) => Import::read_all(&imports)?,
            None => Vec::new(),
        };
        Ok(self.imports.get_or_init(|| imports))
    }
}

pub(super) fn absent_as_none<T>(opened: Result<T, TableError>) -> Result<Option<T>> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
