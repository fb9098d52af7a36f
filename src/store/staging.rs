//! Imports that are too large for one transaction.
//!
//! redb has one writer at a time, and writing a million rows in one transaction takes seconds
//! during which no other process can record. So a large import takes many short transactions, and
//! is still visible completely or not at all:
//!
//! 1. It **stages** its rows, encoded but without ids, 2 MiB per transaction. They are not visible
//!    to readers.
//! 2. It **publishes** them in one small transaction: they get the ids after the last one, and
//!    belong to their table from then on. [`Rows`](super::rows::Rows) reads them where they are.
//!    This is the commit of the import, so ids are in commit order and without gaps.
//! 3. It **moves** them into their redb table, some thousands per transaction.
//!
//! An importer that is killed before it publishes leaves rows that are never read; other processes
//! delete them a minute later. If it is killed afterwards, other processes move the remaining rows:
//! a few with each append, all of them before a prune, a repair or a compaction. Version 0.3.0 sees
//! a row once it has been moved, and does not assign its id to another row.
//!
//! An importer sleeps for 2 ms between two of its transactions. The file lock goes to whichever
//! process asks first when it is free, and without the pause the importer takes it again before a
//! waiting process has woken up: others then waited for 1.2 s beside transactions of 0.1 s, and for
//! 0.25 s with the pause. Staging costs no time overall: 3,000,000 rows took 11.6 s in one
//! transaction, and a sixth less in many.

use std::mem;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use redb::{ReadableTable, WriteTransaction};

use crate::clock;
use crate::duplicates::Duplicates;
use crate::error::{Error, Result};
use crate::row::RowSpool;
use crate::store::Store;
use crate::store::append::{Completed, TableAppender, append, completes_segment, last_id};
use crate::store::staged::{Chunk, IMPORTS, Import, STAGED, rows_of_chunk, unreadable};
use crate::store::tables::{IDS, rows_of};
use crate::table::{Table, reserved};

/// Imports with more rows or bytes than this are staged. One transaction of this size takes about
/// 0.2 s.
const MAX_ROWS_AT_ONCE: u64 = 50_000;
const MAX_BYTES_AT_ONCE: u64 = 8 << 20;

/// The size of a chunk. A lookup by id reads a complete chunk. Tests use small ones, so that there
/// are many.
const CHUNK_BYTES: usize = if cfg!(test) { 8 << 10 } else { 256 << 10 };
/// The amount staged per transaction.
const STAGED_BYTES: usize = 8 * CHUNK_BYTES;
/// The limits of what is moved per transaction, whichever is reached first.
const MOVED_ROWS: u64 = 8_000;
const MOVED_FOR: Duration = Duration::from_millis(50);
/// The number of rows that an append moves for an importer that was killed.
const HELPED_ROWS: u64 = 2_000;
/// The number of chunks of an import deleted per transaction.
const DELETED_CHUNKS: usize = 64;
/// The pause between two transactions.
const PAUSE: Duration = Duration::from_millis(2);

/// If an importer has not updated the state of its import for this long, it has been killed, or
/// loses nothing if other processes continue its work.
const IDLE_BEFORE_OTHERS_MOVE: Duration = Duration::from_secs(2);
const IDLE_BEFORE_OTHERS_DELETE: Duration = Duration::from_secs(60);

impl Store {
    /// Appends the rows durably, all of them or none, and returns their ids.
    pub(crate) fn append_rows(&self, table: &'static Table, rows: RowSpool) -> Result<Range<i64>> {
        Ok(self.append_rows_with(table, rows, Duplicates::Allow)?.ids)
    }

    /// Whether the rows are too many for one transaction.
    pub(super) fn is_staged(rows: &RowSpool) -> bool {
        rows.count() > MAX_ROWS_AT_ONCE || rows.json_bytes() > MAX_BYTES_AT_ONCE
    }

    /// Stages, publishes and moves the rows. Returns `None` and stores nothing if `is_outdated` is true
    /// in the transaction that publishes them.
    pub(super) fn import_unless(
        &self,
        table: &'static Table,
        rows: &mut RowSpool,
        is_outdated: impl Fn(&WriteTransaction) -> Result<bool> + Send + 'static,
    ) -> Result<Option<Range<i64>>> {
        let number = self.write(move |txn| begin(txn, table)).map_err(nothing_stored)?;
        let publish_unless = move |txn: &WriteTransaction| match is_outdated(txn)? {
            true => Ok(None),
            false => publish(txn, number, table).map(Some),
        };
        let staged = self.stage(number, rows).map_err(nothing_stored);
        let published = staged.and_then(|()| self.write(publish_unless));
        if let Ok(Some(ids)) = published {
            // The rows are committed and visible. Rows that are not moved now are moved by others.
            let _ = self.finish_import(number, table);
            self.sealer.wait();
            return Ok(Some(ids));
        }
        let _ = self.abandon(number);
        published
    }

    pub(super) fn stage(&self, number: i64, rows: &mut RowSpool) -> Result<()> {
        let (mut chunks, mut open, mut bytes) = (Vec::new(), Chunk::new(), 0);
        rows.read(|row| {
            open.push(row.time(), row.json())?;
            if open.byte_count() >= CHUNK_BYTES {
                bytes += open.byte_count();
                chunks.push(mem::replace(&mut open, Chunk::new()));
            }
            if bytes >= STAGED_BYTES {
                bytes = 0;
                self.stage_chunks(number, mem::take(&mut chunks))?;
            }
            Ok(())
        })?;
        chunks.push(open);
        self.stage_chunks(number, chunks)
    }

    fn stage_chunks(&self, number: i64, chunks: Vec<Chunk>) -> Result<()> {
        let chunks = chunks.into_iter().filter(|chunk| chunk.rows > 0);
        let chunks: Vec<_> = chunks.map(|chunk| (chunk.rows, chunk.stored())).collect();
        self.write(move |txn| stage(txn, number, &chunks))?;
        thread::sleep(PAUSE);
        Ok(())
    }

    /// Moves the remaining rows of a published import. Others may do so at the same time.
    fn finish_import(&self, number: i64, table: &'static Table) -> Result<()> {
        let step = move |txn: &WriteTransaction| match state_of(txn, number)? {
            Some(import) => advance(txn, &import, table, MOVED_ROWS),
            None => Ok(Moved::NOTHING),
        };
        self.write_in_steps(step, |moved| {
            if moved.completes_segment {
                self.start_sealing(table);
            }
            moved.are_left
        })
    }

    /// Deletes the staged rows of an unpublished import.
    fn abandon(&self, number: i64) -> Result<()> {
        let step = move |txn: &WriteTransaction| match state_of(txn, number)? {
            Some(import) if import.first_id.is_none() => delete(txn, &import),
            _ => Ok(false),
        };
        self.write_in_steps(step, |are_left| are_left)
    }

    /// Repeats a step, each time in its own transaction, until `is_more_left` is false for its result.
    fn write_in_steps<T: Send + 'static>(
        &self,
        step: impl Fn(&WriteTransaction) -> Result<T> + Clone + Send + 'static,
        is_more_left: impl Fn(T) -> bool,
    ) -> Result<()> {
        while is_more_left(self.write(step.clone())?) {
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Does the work like [`write`](Self::write). Then it starts to seal the segments that the work
    /// has completed, and continues the import of a killed importer, if there is one. These are
    /// separate transactions, so their failure does not fail the work.
    pub(super) fn write_and_help<T: Send + 'static>(
        &self,
        work: impl FnMut(&WriteTransaction, &mut Completed) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (value, follow_up) = self.write(with_follow_up(work))?;
        follow_up.completed.iter().for_each(|table| self.start_sealing(table));
        if follow_up.import_is_abandoned {
            self.help_abandoned_import();
        }
        Ok(value)
    }

    /// Continues the import of a killed importer.
    pub(super) fn help_abandoned_import(&self) {
        let known = self.connection.tables();
        let _ = self.write(move |txn| help(txn, &known, HELPED_ROWS, is_abandoned));
    }

    /// Moves all rows of published imports into their tables, and deletes the unpublished rows of
    /// killed importers.
    pub(super) fn finish_imports(&self, tables: &[&'static Table]) -> Result<()> {
        // A store without imports costs no transaction.
        if !self.snapshot()?.has_imports()? {
            return Ok(());
        }
        let known = tables.to_vec();
        let step = move |txn: &WriteTransaction| {
            let published = |import: &Import| import.first_id.is_some();
            help(txn, &known, MOVED_ROWS, |import| published(import) || is_abandoned(import))
        };
        self.write_in_steps(step, |are_left| are_left)
    }
}

/// What remains to be done after a transaction.
pub(super) struct FollowUp {
    pub(super) completed: Completed,
    pub(super) import_is_abandoned: bool,
}

/// The work, with what remains to be done after it.
pub(super) fn with_follow_up<T>(
    mut work: impl FnMut(&WriteTransaction, &mut Completed) -> Result<T>,
) -> impl FnMut(&WriteTransaction) -> Result<(T, FollowUp)> {
    move |txn| {
        let mut completed = Completed::new();
        let value = work(txn, &mut completed)?;
        let import_is_abandoned = has_abandoned_import(txn).unwrap_or(false);
        Ok((value, FollowUp { completed, import_is_abandoned }))
    }
}

/// Appends rows to a table in one transaction, and returns their ids.
pub(super) fn append_spool(
    txn: &WriteTransaction,
    table: &'static Table,
    completed: &mut Completed,
    rows: &mut RowSpool,
) -> Result<Range<i64>> {
    append(txn, table, completed, |appender| {
        let first = appender.next_id();
        rows.read(|row| appender.push(row).map(|_| ()))?;
        Ok(first..appender.next_id())
    })
}

/// Whether there is an import whose importer seems to have been killed. This check costs an append
/// about a microsecond in a store that never had an import, and two in others.
fn has_abandoned_import(txn: &WriteTransaction) -> Result<bool> {
    if txn.open_table(IDS)?.get(reserved::IMPORTS)?.is_none() {
        return Ok(false);
    }
    Ok(Import::read_all(&txn.open_table(IMPORTS)?)?.iter().any(is_abandoned))
}

/// Does one step of the remaining work for the first import that `wanted` accepts. Returns whether
/// there was one.
fn help(
    txn: &WriteTransaction,
    known: &[&'static Table],
    at_most: u64,
    wanted: impl Fn(&Import) -> bool,
) -> Result<bool> {
    let all = Import::read_all(&txn.open_table(IMPORTS)?)?;
    for import in all.iter().filter(|import| wanted(import)) {
        let table = known.iter().copied().find(|table| table.name() == import.table);
        match (import.first_id, table) {
            (None, _) => {
                delete(txn, import)?;
            }
            (Some(_), Some(table)) => {
                advance(txn, import, table, at_most)?;
            }
            // Only a program that knows the table can move its rows, because zones need their
            // times.
            (Some(_), None) => continue,
        }
        return Ok(true);
    }
    Ok(false)
}

/// Whether an import has been idle long enough to conclude that its importer was killed.
fn is_abandoned(import: &Import) -> bool {
    let limit = match import.first_id {
        Some(_) => IDLE_BEFORE_OTHERS_MOVE,
        None => IDLE_BEFORE_OTHERS_DELETE,
    };
    // A time in the future means that the clock was set back.
    u128::from(now().abs_diff(import.changed)) > limit.as_millis()
}

fn now() -> i64 {
    clock::now().timestamp_millis()
}

pub(super) fn state_of(txn: &WriteTransaction, number: i64) -> Result<Option<Import>> {
    Import::read(&txn.open_table(IMPORTS)?, number)
}

/// Creates the state of a new import, and returns its number.
pub(super) fn begin(txn: &WriteTransaction, table: &Table) -> Result<i64> {
    let (mut ids, mut imports) = (txn.open_table(IDS)?, txn.open_table(IMPORTS)?);
    txn.open_table(STAGED)?;
    let last = ids.get(reserved::IMPORTS)?.map_or(0, |number| number.value());
    // If the counter is lost, no number in use is assigned again.
    let highest = imports.last()?.map_or(0, |(number, _)| number.value());
    let number = last.max(highest).saturating_add(1);
    let table = table.name().to_owned();
    let import = Import { number, changed: now(), first_id: None, rows: 0, moved: 0, table };
    import.key(0)?;
    ids.insert(reserved::IMPORTS, number)?;
    imports.insert(number, import.stored().as_slice())?;
    Ok(number)
}

fn stage(txn: &WriteTransaction, number: i64, chunks: &[(u64, Vec<u8>)]) -> Result<()> {
    let mut import = state_of(txn, number)?.filter(|import| import.first_id.is_none());
    let import = import.as_mut().ok_or_else(deleted_by_others)?;
    let mut staged = txn.open_table(STAGED)?;
    for (rows, bytes) in chunks {
        staged.insert(import.key(import.rows)?, bytes.as_slice())?;
        import.rows += rows;
    }
    save(txn, import)
}

/// Writes the state of an import with the current time.
fn save(txn: &WriteTransaction, import: &mut Import) -> Result<()> {
    import.changed = now();
    txn.open_table(IMPORTS)?.insert(import.number, import.stored().as_slice())?;
    Ok(())
}

pub(super) fn publish(
    txn: &WriteTransaction,
    number: i64,
    table: &'static Table,
) -> Result<Range<i64>> {
    let mut import = state_of(txn, number)?.filter(|import| import.first_id.is_none());
    let import = import.as_mut().ok_or_else(deleted_by_others)?;
    let first = assign_ids(txn, table, import.rows)?;
    import.first_id = Some(first);
    save(txn, import)?;
    Ok(first..first.saturating_add_unsigned(import.rows))
}

/// Assigns `count` ids and returns the first.
fn assign_ids(txn: &WriteTransaction, table: &Table, count: u64) -> Result<i64> {
    let before = last_id(txn, table)?;
    // The largest integer is never assigned, as in `TableAppender::insert`.
    let last = before.checked_add_unsigned(count).filter(|last| *last < i64::MAX);
    let last = last.ok_or_else(|| Error::Storage("the table has no ids left".into()))?;
    txn.open_table(IDS)?.insert(table.name(), last)?;
    Ok(before + 1)
}

/// What a step has done for a published import.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    /// Whether more rows are to be moved.
    pub(super) are_left: bool,
    /// Whether a segment is complete now that was not before.
    pub(super) completes_segment: bool,
}

impl Moved {
    const NOTHING: Self = Self { are_left: false, completes_segment: false };
}

/// Moves the next rows of a published import into their table.
pub(super) fn advance(
    txn: &WriteTransaction,
    import: &Import,
    table: &'static Table,
    at_most: u64,
) -> Result<Moved> {
    let mut import = import.clone();
    let Some(pending) = import.pending() else {
        return Ok(Moved { are_left: delete(txn, &import)?, ..Moved::NOTHING });
    };
    if txn.open_table(rows_of(table))?.range(pending)?.next().is_some() {
        // Another program has used ids that were already assigned. Its rows stay, and the remaining
        // rows of the import get other ids.
        let first = assign_ids(txn, table, import.pending_rows())?;
        import.first_id = Some(first.saturating_sub_unsigned(import.moved));
    }
    let Some(pending) = import.pending() else { return Ok(Moved::NOTHING) };
    let before = pending.start() - 1;
    let mut appender = TableAppender::after(txn, table, before)?;
    let mut staged = txn.open_table(STAGED)?;
    let until = import.rows.min(import.moved.saturating_add(at_most));
    let begun = Instant::now();
    while import.moved < until && begun.elapsed() < MOVED_FOR {
        let chunk = staged.range(import.key(0)?..=import.key(import.moved)?)?.next_back();
        let (key, bytes) = match chunk.transpose()? {
            Some((key, bytes)) => (key.value(), bytes.value().to_vec()),
            None => return Err(unreadable(import.number)),
        };
        let start = import.position_at(key);
        let rows = rows_of_chunk(&bytes).ok_or_else(|| unreadable(import.number))?;
        let left = usize::try_from(import.moved - start).ok().and_then(|moved| rows.get(moved..));
        let Some(left @ [_, ..]) = left else {
            return Err(unreadable(import.number));
        };
        for row in left {
            if import.moved == until {
                break;
            }
            appender.insert(row.time, row.json)?;
            import.moved += 1;
        }
        if import.moved == start + rows.len() as u64 {
            staged.remove(key)?;
        }
    }
    let last_id = appender.finish()?;
    let are_left = import.moved < import.rows;
    if are_left {
        save(txn, &mut import)?;
    } else {
        txn.open_table(IMPORTS)?.remove(import.number)?;
    }
    Ok(Moved { are_left, completes_segment: completes_segment(before, last_id) })
}

/// Deletes the next chunks of an import, and its state together with the last. Returns whether any
/// are left.
pub(super) fn delete(txn: &WriteTransaction, import: &Import) -> Result<bool> {
    let mut staged = txn.open_table(STAGED)?;
    for _ in 0..DELETED_CHUNKS {
        let first = staged.range(import.keys()?)?.next().transpose()?;
        let Some(key) = first.map(|(key, _)| key.value()) else {
            txn.open_table(IMPORTS)?.remove(import.number)?;
            return Ok(false);
        };
        staged.remove(key)?;
    }
    Ok(true)
}

/// Returns the error for an import that another process deleted because its importer seemed to be
/// killed.
fn deleted_by_others() -> Error {
    Error::Storage(
        "the import made no progress for a minute, so another process deleted it; nothing was stored"
            .into(),
    )
}

/// Wraps the error of a transaction that only stages rows: nothing was imported.
fn nothing_stored(error: Error) -> Error {
    match error {
        Error::CommitUncertain(error) => Error::Storage(error),
        error => error,
    }
}
