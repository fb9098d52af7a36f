//! Tables in the file whose columns are not known. A program that uses the library has declared
//! them.

use std::ops::ControlFlow;

use redb::{ReadableTableMetadata, TableHandle};

use crate::error::Result;
use crate::store::tables::is_own;
use crate::store::{Snapshot, Store};
use crate::table::Table;

/// A table in the file that this [`Db`](crate::Db) cannot query, because it does not know the
/// table's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownTable {
    /// Its name in the file.
    pub name: String,
    /// The number of its rows.
    pub rows: u64,
    /// The size of its rows as stored, in bytes.
    pub row_bytes: u64,
    /// The size of the pages that hold the rows, in bytes.
    pub page_bytes: u64,
}

impl Store {
    /// Returns the tables of rows in the file that are not in `known`, by name.
    pub(crate) fn unknown_tables(&self, known: &[&'static Table]) -> Result<Vec<UnknownTable>> {
        self.snapshot()?.unknown_tables(known)
    }
}

impl Snapshot {
    fn unknown_tables(&self, known: &[&'static Table]) -> Result<Vec<UnknownTable>> {
        self.guard(|| {
            let mut unknown = Vec::new();
            for table in self.txn.list_tables()? {
                let name = table.name().to_owned();
                if is_own(&name) || known.iter().any(|table| table.name() == name) {
                    continue;
                }
                let table = self.txn.open_untyped_table(table)?;
                let tree = table.stats()?;
                let row_bytes = tree.stored_bytes();
                unknown.push(UnknownTable {
                    rows: table.len()? + self.pending_rows(&name)?,
                    name,
                    row_bytes,
                    page_bytes: row_bytes + tree.metadata_bytes() + tree.fragmented_bytes(),
                });
            }
            unknown.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(unknown)
        })
    }

    /// Passes the stored rows of any table to `visit`, by id, until it breaks.
    pub(crate) fn stored_rows(
        &self,
        table: &str,
        mut visit: impl FnMut(i64, &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        let _ = self.guard(|| match self.rows_named(table)? {
            Some(rows) => rows.visit(i64::MIN..=i64::MAX, false, |id, json| Ok(visit(id, json))),
            None => Ok(ControlFlow::Continue(())),
        })?;
        Ok(())
    }
}
