//! Records rows exactly once: rows with keys are inserted, amended in place, or removed, and the keys and
//! states change in the same durable transaction.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table as RedbTable, WriteTransaction};

use crate::columnar::Segment;
use crate::error::Result;
use crate::row::{self, EncodedRow};
use crate::store::append::{Completed, TableAppender, completes_segment, last_id};
use crate::store::keys::{self, KEYS, Key, KeyWriter, STATES};
use crate::store::segments;
use crate::store::snapshot::absent_as_none;
use crate::store::tables::{IDS, rows_of};
use crate::store::{Snapshot, Store};
use crate::table::Table;

impl Store {
    /// Passes a transaction to `work` and durably commits what it did, all or nothing. `work` runs again if
    /// another job of the same redb transaction fails.
    pub(crate) fn upsert<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut UpsertTransaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_and_help(move |txn, completed| {
            let mut upsert = UpsertTransaction::new(txn)?;
            let value = work(&mut upsert)?;
            upsert.finish(completed)?;
            Ok(value)
        })
    }
}

/// A transaction that changes rows, keys and states.
pub struct UpsertTransaction<'txn> {
    txn: &'txn WriteTransaction,
    keys: KeyWriter<'txn>,
    tables: BTreeMap<&'static str, Changes<'txn>>,
}

impl std::fmt::Debug for UpsertTransaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UpsertTransaction")
    }
}

/// What changes in a table. The rows are written in the end, because only one table's zones can be open at
/// a time.
struct Changes<'txn> {
    table: &'static Table,
    rows: RedbTable<'txn, i64, &'static [u8]>,
    last_id: i64,
    /// The rows with the ids after `last_id`.
    pushed: Vec<Option<EncodedRow>>,
    /// By id: the new row; `None` if it is removed.
    changed: BTreeMap<i64, Option<EncodedRow>>,
}

impl<'txn> UpsertTransaction<'txn> {
    fn new(txn: &'txn WriteTransaction) -> Result<Self> {
        Ok(Self { txn, keys: KeyWriter::open(txn)?, tables: BTreeMap::new() })
    }

    /// Returns the number of a key: by convention, the id of its row.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn number(&self, key: &Key) -> Result<Option<i64>> {
        self.keys.number(key)
    }

    /// Sets the number of a key.
    pub fn set_number(&mut self, key: &Key, number: i64) {
        self.keys.set_number(key, number);
    }

    /// Returns a state.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn state(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.keys.state(name)
    }

    /// Sets a state.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn set_state(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.keys.set_state(name, value)
    }

    /// Returns a row's JSON with its id; `None` if there is no such row.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn row(&mut self, table: &'static Table, id: i64) -> Result<Option<Vec<u8>>> {
        let changes = self.changes(table)?;
        let row = match changes.changed(id) {
            Some(row) => row.as_ref(),
            None => return Ok(changes.rows.get(id)?.map(|row| row.value().to_vec())),
        };
        Ok(row.map(|row| {
            let mut json = Vec::with_capacity(row.json().len() + 16);
            row::id_prefix(id, &mut json);
            json.extend_from_slice(row.json());
            json
        }))
    }

    /// Appends a row and returns its id.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn push(&mut self, table: &'static Table, row: EncodedRow) -> Result<i64> {
        let changes = self.changes(table)?;
        changes.pushed.push(Some(row));
        let pushed = i64::try_from(changes.pushed.len()).unwrap_or(i64::MAX);
        Ok(changes.last_id.saturating_add(pushed))
    }

    /// Replaces a row, which keeps its id. Does nothing if there is no such row.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn amend(&mut self, table: &'static Table, id: i64, row: EncodedRow) -> Result<()> {
        self.change(table, id, Some(row))
    }

    /// Removes a row. Its id is not assigned again. Does nothing if there is no such row.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub fn remove(&mut self, table: &'static Table, id: i64) -> Result<()> {
        self.change(table, id, None)
    }

    fn change(&mut self, table: &'static Table, id: i64, row: Option<EncodedRow>) -> Result<()> {
        let changes = self.changes(table)?;
        match changes.pushed_at(id) {
            // The id may yet be given to a row that is pushed later.
            Some(at) => {
                if let Some(pushed) = changes.pushed.get_mut(at) {
                    *pushed = row;
                }
            }
            None => drop(changes.changed.insert(id, row)),
        }
        Ok(())
    }

    fn changes(&mut self, table: &'static Table) -> Result<&mut Changes<'txn>> {
        use std::collections::btree_map::Entry;
        Ok(match self.tables.entry(table.name()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let last_id = last_id(self.txn, table)?;
                let rows = self.txn.open_table(rows_of(table))?;
                let (pushed, changed) = (Vec::new(), BTreeMap::new());
                entry.insert(Changes { table, rows, last_id, pushed, changed })
            }
        })
    }

    /// Writes the keys and the rows.
    fn finish(self, completed: &mut Completed) -> Result<()> {
        let Self { txn, keys, tables } = self;
        keys.finish()?;
        for changes in tables.into_values() {
            changes.write(txn, completed)?;
        }
        Ok(())
    }
}

impl Changes<'_> {
    fn pushed_at(&self, id: i64) -> Option<usize> {
        usize::try_from(id.checked_sub(self.last_id)?.checked_sub(1)?).ok()
    }

    /// Returns the new row; `None` if it has not changed.
    fn changed(&self, id: i64) -> Option<&Option<EncodedRow>> {
        self.changed.get(&id).or_else(|| self.pushed.get(self.pushed_at(id)?))
    }

    fn write(self, txn: &WriteTransaction, completed: &mut Completed) -> Result<()> {
        let Self { table, rows, last_id: before, pushed, changed } = self;
        drop(rows);
        if pushed.is_empty() && changed.is_empty() {
            return Ok(());
        }
        let mut appender = TableAppender::after(txn, table, before)?;
        for row in &pushed {
            match row {
                Some(row) => drop(appender.push(row)?),
                None => appender.skip_id(),
            }
        }
        let mut amended = None;
        for (id, row) in &changed {
            if appender.change(*id, row.as_ref())? {
                amended = Some(Segment::of(*id));
                segments::delete(txn, table, Segment::of(*id))?;
            }
        }
        let last = appender.finish()?;
        if last != before {
            txn.open_table(IDS)?.insert(table.name(), last)?;
        }
        // A copy that was deleted is made anew.
        let open = Segment::of(last.saturating_add(1));
        if completes_segment(before, last) || amended.is_some_and(|segment| segment != open) {
            completed.push(table);
        }
        Ok(())
    }
}

impl Snapshot {
    /// Returns the number of a key.
    pub(crate) fn key_number(&self, key: &Key) -> Result<Option<i64>> {
        self.guard(|| match absent_as_none(self.txn.open_table(KEYS))? {
            Some(keys) => keys::number(&keys, key),
            None => Ok(None),
        })
    }

    /// Returns a state.
    pub(crate) fn state(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.guard(|| match absent_as_none(self.txn.open_table(STATES))? {
            Some(states) => keys::state(&states, name),
            None => Ok(None),
        })
    }

    /// Returns all states whose name begins with `prefix`, in no order.
    pub(crate) fn states_with(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
        self.guard(|| match absent_as_none(self.txn.open_table(STATES))? {
            Some(states) => keys::states_with(&states, prefix),
            None => Ok(Vec::new()),
        })
    }

    /// Returns the number of damaged keys and states.
    pub(super) fn damaged_keys(&self) -> Result<u64> {
        self.guard(|| {
            let keys = absent_as_none(self.txn.open_table(KEYS))?;
            let states = absent_as_none(self.txn.open_table(STATES))?;
            match keys.zip(states) {
                Some((keys, states)) => keys::count_damaged(&keys, &states),
                None => Ok(0),
            }
        })
    }
}

/// Deletes the damaged keys and states.
pub(super) fn repair_keys(txn: &WriteTransaction) -> Result<()> {
    keys::delete_damaged(txn)
}
