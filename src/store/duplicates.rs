//! Finds those of the rows to be stored that their table has already.
//!
//! The rows are compared with a snapshot, outside any transaction, so that others need not wait. Most
//! imports cost nothing: only blocks whose zones overlap the times of the rows are read, and the rows are
//! only hashed if there are such blocks. The hashes take 24 bytes per row to be stored. Rows of the table
//! take no memory: each is read once, and looked up.
//!
//! The transaction that stores the rows (of a staged import: that publishes them) then compares the rows
//! that were recorded since the snapshot. If it finds an equal one, or many rows, it stores nothing, and
//! a newer snapshot is compared. So two imports of the same file at the same time store it once.

use std::mem;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{ReadableTable, WriteTransaction};

use crate::duplicates::{Committed, Duplicates};
use crate::error::{Error, Result};
use crate::hash::hash_128;
use crate::row::{EncodedRow, RowNormalizer, RowSpool};
use crate::store::append::last_id;
use crate::store::row_cursor::RowCursor;
use crate::store::staging::append_spool;
use crate::store::tables::rows_of;
use crate::store::{Snapshot, Store};
use crate::table::Table;

/// The number of newer rows that the transaction compares. More are left to another snapshot, because
/// others wait for the transaction.
const MAX_COMPARED_IN_TRANSACTION: u64 = 10_000;

impl Store {
    /// Appends the rows durably, all of them or none. Unless duplicates are allowed, compares them with
    /// the rows of the table first.
    pub(crate) fn append_rows_with(
        &self,
        table: &'static Table,
        rows: RowSpool,
        duplicates: Duplicates,
    ) -> Result<Committed> {
        let shared = Shared(Arc::new(Mutex::new(Comparison::new(table, rows))));
        let mut skipped = 0;
        loop {
            match duplicates {
                Duplicates::Allow => shared.lock().compared = i64::MAX,
                Duplicates::Refuse | Duplicates::Skip => {
                    skipped += shared.lock().compare(&self.snapshot()?, duplicates)?;
                }
            }
            if let Some(ids) = self.append_compared(table, &shared)? {
                return Ok(Committed { ids, skipped });
            }
        }
    }

    /// Appends the rows; returns `None` and stores nothing if rows recorded since the comparison must be
    /// compared.
    fn append_compared(
        &self,
        table: &'static Table,
        shared: &Shared,
    ) -> Result<Option<Range<i64>>> {
        let in_transaction = shared.clone();
        let is_staged = Self::is_staged(&shared.lock().rows);
        if is_staged {
            // The lock must be free while they are staged: the publishing transaction needs it, on
            // another thread.
            let mut rows = mem::replace(&mut shared.lock().rows, RowSpool::new());
            let is_outdated = move |txn: &WriteTransaction| in_transaction.lock().is_outdated(txn);
            let ids = self.import_unless(table, &mut rows, is_outdated);
            shared.lock().rows = rows;
            return ids;
        }
        self.write_and_help(move |txn, completed| {
            let mut comparison = in_transaction.lock();
            if comparison.is_outdated(txn)? {
                return Ok(None);
            }
            append_spool(txn, table, completed, &mut comparison.rows).map(Some)
        })
    }
}

/// A comparison that the thread of the transaction uses, too.
#[derive(Clone)]
struct Shared(Arc<Mutex<Comparison>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Comparison> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows to be stored, and how far they have been compared with the table.
struct Comparison {
    table: &'static Table,
    rows: RowSpool,
    /// The first and the last time of the rows; `None` if a row has no time.
    times: Option<(i64, i64)>,
    /// The rows of the table with ids up to this have been compared.
    compared: i64,
    /// The hashes of the rows; `None` until they are needed.
    hashes: Option<Hashes>,
    normalizer: RowNormalizer,
}

impl Comparison {
    fn new(table: &'static Table, rows: RowSpool) -> Self {
        let (times, normalizer) = (rows.times(), RowNormalizer::new(table));
        Self { table, rows, times, compared: i64::MIN, hashes: None, normalizer }
    }

    /// Compares the rows of the snapshot that have not been compared. Removes the rows to be stored that
    /// are among them, and returns their number.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateRows`] if there are any that are to be refused.
    fn compare(&mut self, snapshot: &Snapshot, duplicates: Duplicates) -> Result<u64> {
        let last = snapshot.last_id(self.table)?;
        let mut existing = 0;
        for run in snapshot.zones(self.table)?.runs() {
            let first = self.compared.saturating_add(1).max(*run.ids.start());
            let ids = first..=*run.ids.end();
            let times = run.zone.and_then(|zone| zone.times);
            if ids.is_empty() || times.is_some_and(|times| !self.may_have_rows_in(times)) {
                continue;
            }
            // A checksum is that of the whole range.
            let expected = run.expected.filter(|_| first == *run.ids.start());
            let mut cursor = RowCursor::new(ids, expected, false);
            let hashes = match &mut self.hashes {
                Some(hashes) => hashes,
                none => none.insert(Hashes::of(&mut self.rows)?),
            };
            let _ = snapshot.scan(self.table, &mut cursor, |_, json| {
                let row = self.normalizer.encode(json);
                existing += u64::from(row.is_some_and(|row| hashes.take(row)));
                Ok(ControlFlow::Continue(()))
            })?;
        }
        self.compared = self.compared.max(last);
        match (existing, duplicates) {
            (0, _) => {}
            (_, Duplicates::Skip) => self.remove_existing()?,
            _ => {
                let (table, rows) = (self.table.name().to_owned(), self.rows.count());
                return Err(Error::DuplicateRows { table, existing, rows });
            }
        }
        Ok(existing)
    }

    /// Whether rows to be stored may be equal to rows with times in this range. These may be finer than
    /// the milliseconds that are stored of the others.
    fn may_have_rows_in(&self, (low, high): (i64, i64)) -> bool {
        let low = low.saturating_sub(999_999);
        self.times.is_none_or(|(first, last)| first <= high && low <= last)
    }

    /// Removes the rows that have been found in the table.
    fn remove_existing(&mut self) -> Result<()> {
        // Drops the counts, too: keeping the rows uses them up.
        let Some(mut hashes) = self.hashes.take() else { return Ok(()) };
        let mut kept = RowSpool::new();
        self.rows.read(|row| if hashes.take(row) { kept.push(row) } else { Ok(()) })?;
        self.times = kept.times();
        self.rows = kept;
        Ok(())
    }

    /// Whether rows that were recorded since the comparison may be equal to rows to be stored.
    fn is_outdated(&mut self, txn: &WriteTransaction) -> Result<bool> {
        let last = last_id(txn, self.table)?;
        if last <= self.compared {
            return Ok(false);
        }
        let newer = last.abs_diff(self.compared);
        if newer > MAX_COMPARED_IN_TRANSACTION {
            return Ok(true);
        }
        let rows = txn.open_table(rows_of(self.table))?;
        let mut read = 0;
        for row in rows.range(self.compared.saturating_add(1)..=last)? {
            let (_, json) = row?;
            read += 1;
            let Some(row) = self.normalizer.encode(json.value()) else { continue };
            let may_be_equal = match (&self.hashes, row.time()) {
                (Some(hashes), _) => hashes.contains(row),
                (None, Some(time)) => self.may_have_rows_in((time, time)),
                (None, None) => true,
            };
            if may_be_equal {
                return Ok(true);
            }
        }
        // Rows that are missing have been pruned, or an import still has them staged. A snapshot knows.
        Ok(read < newer)
    }
}

/// The hashes of rows, each with the number of its rows that no row of the table was found for.
struct Hashes {
    /// Ascending.
    hashes: Vec<u128>,
    left: Vec<u64>,
}

impl Hashes {
    fn of(rows: &mut RowSpool) -> Result<Self> {
        let mut hashes = Vec::with_capacity(usize::try_from(rows.count()).unwrap_or(0));
        rows.read(|row| {
            hashes.push(hash_128(row.json()));
            Ok(())
        })?;
        hashes.sort_unstable();
        let left = hashes.chunk_by(|one, next| one == next).map(|same| same.len() as u64).collect();
        hashes.dedup();
        Ok(Self { hashes, left })
    }

    /// Takes a row that is equal to this one, if any is left.
    fn take(&mut self, row: &EncodedRow) -> bool {
        let found = self.hashes.binary_search(&hash_128(row.json())).ok();
        let left = found.and_then(|at| self.left.get_mut(at)).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    }

    /// Whether a row that is equal to this one is left.
    fn contains(&self, row: &EncodedRow) -> bool {
        let found = self.hashes.binary_search(&hash_128(row.json())).ok();
        found.and_then(|at| self.left.get(at)).is_some_and(|left| *left > 0)
    }
}
