//! Recording exactly once, for the crates that read the history of agents.

use std::ops::{ControlFlow, RangeInclusive};

use crate::db::Db;
use crate::error::Result;
use crate::store::{Key, RowCursor, UpsertTransaction};
use crate::table::Table;

#[doc(hidden)]
impl Db {
    /// Passes a transaction to `work` and commits what it did durably, all or nothing. `work` may run more
    /// than once, so it must start from the same state each time.
    ///
    /// # Errors
    ///
    /// Those of [`record`](Self::record), and of `work`.
    pub fn upsert<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut UpsertTransaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store()?.upsert(work)
    }

    /// Returns the number of a key.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`](crate::Error::Storage).
    pub fn key_number(&self, key: &Key) -> Result<Option<i64>> {
        self.store()?.snapshot()?.key_number(key)
    }

    /// Returns a state.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`](crate::Error::Storage).
    pub fn state(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.store()?.snapshot()?.state(name)
    }

    /// Returns all states whose name begins with `prefix`, in no order.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`](crate::Error::Storage).
    pub fn states_with(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
        self.store()?.snapshot()?.states_with(prefix)
    }

    /// Calls `visit` with the id and the JSON of each row of a table, in the order of the ids.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`](crate::Error::Damaged) and [`Error::Storage`](crate::Error::Storage).
    pub fn visit_rows(
        &self,
        table: &'static Table,
        mut visit: impl FnMut(i64, &[u8]),
    ) -> Result<()> {
        let mut cursor = RowCursor::new(i64::MIN..=i64::MAX, None, false);
        let _ = self.store()?.snapshot()?.scan(table, &mut cursor, |id, json| {
            visit(id, json);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }

    /// Returns the highest id that a row of a table has; 0 if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`](crate::Error::Damaged) and [`Error::Storage`](crate::Error::Storage).
    pub fn highest_id(&self, table: &'static Table) -> Result<i64> {
        let ends = self.store()?.snapshot()?.first_and_last_id(table, i64::MIN..=i64::MAX)?;
        Ok(ends.map_or(0, |(_, highest)| highest))
    }

    /// Returns the highest id that was given to a row of a table; 0 if there was none. It never falls.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`](crate::Error::Damaged) and [`Error::Storage`](crate::Error::Storage).
    pub fn last_id(&self, table: &'static Table) -> Result<i64> {
        self.store()?.snapshot()?.last_id(table)
    }

    /// Calls `visit` with the id and the JSON of the rows with an id in `ids`, in the order of the ids, until it
    /// breaks.
    ///
    /// # Errors
    ///
    /// Those of [`visit_rows`](Self::visit_rows).
    pub fn visit_rows_in(
        &self,
        table: &'static Table,
        ids: RangeInclusive<i64>,
        mut visit: impl FnMut(i64, &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut cursor = RowCursor::new(ids, None, false);
        let rows = self.store()?.snapshot()?;
        rows.scan(table, &mut cursor, |id, json| Ok(visit(id, json))).map(drop)
    }
}
