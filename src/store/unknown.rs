//! Tables in the file whose columns are not known: a program that uses the library has declared them.

use std::ops::ControlFlow;

use redb::{ReadableTableMetadata, TableHandle};

use crate::error::Result;
use crate::store::tables::is_own;
use crate::store::{Snapshot, Store};
use crate::table::Table;

/// A table in the file whose columns this [`Db`](crate::Db) does not know, so that it cannot be queried.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownTable {
    /// Its name in the file.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// The bytes of its rows as they are stored.
    pub row_bytes: u64,
    /// The bytes of the pages that the rows lie in.
    pub page_bytes: u64,
}

impl Store {
    /// The tables of rows in the file that are not among `known`, by name.
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

    /// Gives the rows of any table to `visit` as they are stored, by id, until it breaks.
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
