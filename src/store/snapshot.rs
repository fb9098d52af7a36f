//! What was committed at one moment, to read for as long as one likes while others write.

use std::ops::{ControlFlow, RangeInclusive};
use std::path::Path;
use std::sync::Arc;

use redb::{
    AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, TableError,
    TableHandle,
};

use crate::error::{Error, Result};
use crate::store::checksum::{self, Expected, Noted, Verifier};
use crate::store::handle::Handle;
use crate::store::unwind::{self, Guarded};
use crate::store::zone::{self, Block, MARKS, Mark, ZONES, ZoneMap};
use crate::store::{META, rows_of};
use crate::table::Table;

/// One redb read transaction. As long as it lives, the file keeps the pages it sees.
pub(crate) struct Snapshot {
    pub(super) txn: Guarded<ReadTransaction>,
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
        Ok(Self { txn: handle.begin_read()?, handle })
    }

    /// The store, for errors to name.
    pub(super) fn path(&self) -> &Path {
        self.handle.path()
    }

    pub(super) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// Calls into redb to read what the snapshot has.
    pub(super) fn guard<T>(&self, call: impl FnOnce() -> Result<T>) -> Result<T> {
        self.handle.guard(call)
    }

    /// The names of all tables, other programs' too.
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

    /// Whether the store has all of the tables, and zones of all their rows.
    pub(super) fn is_complete(&self, tables: &[&'static Table]) -> Result<bool> {
        self.guard(|| {
            let Some(marks) = absent_as_none(self.txn.open_table(MARKS))? else { return Ok(false) };
            for table in tables {
                let Some(rows) = self.rows(table)? else { return Ok(false) };
                if !zone::is_complete(table, &rows, &marks)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// What is known of the table's rows without reading them.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if the table is not there although it had rows.
    pub(crate) fn zones(&self, table: &'static Table) -> Result<ZoneMap> {
        self.guard(|| {
            let Some(rows) = self.rows(table)? else {
                self.refuse_lost(table)?;
                return Ok(ZoneMap::default());
            };
            let zones = absent_as_none(self.txn.open_table(ZONES))?;
            let marks = absent_as_none(self.txn.open_table(MARKS))?;
            match zones.zip(marks) {
                Some((zones, marks)) => {
                    let checksums = self.checksums(table)?;
                    ZoneMap::read(table, &rows, &zones, &marks, checksums.as_ref())
                }
                None => ZoneMap::unknown(&rows),
            }
        })
    }

    /// What is noted of the table's blocks.
    pub(super) fn noted(&self, table: &Table) -> Result<Vec<Noted>> {
        self.guard(|| {
            let Some(zones) = absent_as_none(self.txn.open_table(ZONES))? else {
                return Ok(Vec::new());
            };
            let checksums = self.checksums(table)?;
            let noted = checksum::noted(table.name(), &zones, checksums.as_ref(), Block::FIRST)?;
            Ok(noted.unwrap_or_default())
        })
    }

    /// The checksums of the table's blocks.
    fn checksums(&self, table: &Table) -> Result<Option<ReadOnlyTable<i64, &'static [u8]>>> {
        let name = checksum::name_for(table.name());
        absent_as_none(self.txn.open_table(checksum::named(&name)))
    }

    /// Refuses a table that is not there although its mark counts rows. A byte of its name may have
    /// changed in the file, and to make the table anew would hide that.
    pub(super) fn refuse_lost(&self, table: &Table) -> Result<()> {
        self.guard(|| {
            if self.rows(table)?.is_some() {
                return Ok(());
            }
            let Some(marks) = absent_as_none(self.txn.open_table(MARKS))? else { return Ok(()) };
            match Mark::read(&marks, table)? {
                Some(mark) if mark.rows() > 0 => {
                    let (name, rows) = (table.name(), mark.rows());
                    let reason = format!("the table {name} is gone, with {rows} rows");
                    Err(Error::Damaged { path: self.path().to_owned(), reason })
                }
                _ => Ok(()),
            }
        })
    }

    /// How many rows the table has. Takes no longer for more.
    pub(crate) fn count(&self, table: &Table) -> Result<u64> {
        self.guard(|| Ok(self.rows(table)?.map_or(Ok(0), |rows| rows.len())?))
    }

    /// Gives the row of the lowest id and the row of the highest to `read`; nothing if there is none.
    pub(crate) fn first_and_last<T>(
        &self,
        table: &Table,
        mut read: impl FnMut(i64, &[u8]) -> Result<T>,
    ) -> Result<Option<(T, T)>> {
        let ends = self.guard(|| {
            let Some(rows) = self.rows(table)? else { return Ok(None) };
            let (Some(first), Some(last)) = (rows.first()?, rows.last()?) else { return Ok(None) };
            Ok(Some([first, last].map(|(id, json)| (id.value(), json.value().to_vec()))))
        })?;
        let Some([(first_id, first), (last_id, last)]) = ends else { return Ok(None) };
        let first = read(first_id, &first)?;
        Ok(Some((first, read(last_id, &last)?)))
    }

    /// The lowest and the highest id in a run of ids; `None` if there is no row.
    pub(crate) fn first_and_last_id(
        &self,
        table: &Table,
        ids: RangeInclusive<i64>,
    ) -> Result<Option<(i64, i64)>> {
        self.guard(|| {
            let Some(rows) = self.rows(table)? else { return Ok(None) };
            let mut range = rows.range(ids)?;
            let Some(first) = range.next() else { return Ok(None) };
            let first = first?.0.value();
            let last = match range.next_back() {
                Some(last) => last?.0.value(),
                None => first,
            };
            Ok(Some((first, last)))
        })
    }

    /// Gives the table's rows in a run of ids to `visit`, ids rising or falling, until it breaks. A
    /// store that never had the table has no rows of it.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if it is known what the run must hold, and after its last row that is not what
    /// was read; and those of `visit`.
    pub(crate) fn scan(
        &self,
        table: &Table,
        ids: RangeInclusive<i64>,
        expected: Option<Expected>,
        falling: bool,
        mut visit: impl FnMut(i64, &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut verifier = expected.map(Verifier::new);
        let ended = self.guard(|| {
            let Some(rows) = self.rows(table)? else { return Ok(false) };
            let mut range = Guarded::new(rows.range(ids.clone())?);
            while let Some(row) = if falling { range.next_back() } else { range.next() } {
                let (id, json) = row?;
                let (id, json) = (id.value(), json.value());
                if let Some(verifier) = &mut verifier {
                    verifier.push(id, json);
                }
                if unwind::outside(|| visit(id, json))?.is_break() {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        let verifier = verifier.filter(|_| ended);
        verifier.map_or(Ok(()), |verifier| verifier.finish(self.path(), table, ids))
    }

    pub(super) fn rows(&self, table: &Table) -> Result<Option<ReadOnlyTable<i64, &'static [u8]>>> {
        absent_as_none(self.txn.open_table(rows_of(table)))
    }
}

/// A row where redb found it.
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) json: AccessGuard<'static, &'static [u8]>,
}

impl Row {
    /// Reads the id, and finds the JSON once, so that doing it again cannot panic.
    pub(super) fn new(
        (id, json): (AccessGuard<'static, i64>, AccessGuard<'static, &'static [u8]>),
    ) -> Self {
        let _found = json.value();
        Self { id: id.value(), json }
    }
}

pub(super) fn absent_as_none<T>(opened: Result<T, TableError>) -> Result<Option<T>> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
