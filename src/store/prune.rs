//! Old rows taken out of a table, a few blocks at a time.

use std::ops::ControlFlow;
use std::path::Path;

use redb::{ReadableTable, WriteTransaction};

use crate::error::{Error, Result};
use crate::store::block::Block;
use crate::store::checksum::{Checksum, Entry, Verifier};
use crate::store::row_cursor::RowCursor;
use crate::store::tables::{IDS, rows_of};
use crate::store::times::{RowTimes, zone_of};
use crate::store::zone_map::ZoneRun;
use crate::store::zone_writer::ZoneWriter;
use crate::store::{Snapshot, Store};
use crate::table::Table;

/// So many blocks are looked at in a transaction, some thousands of rows. Between two of them other
/// writers get their turn.
const BLOCKS_A_TRANSACTION: usize = 4;

/// How many rows are older than a moment, and of how many nobody can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OldRows {
    pub(crate) rows: u64,
    /// Rows in the blocks that were looked at whose time cannot be read.
    pub(crate) undated: u64,
}

impl OldRows {
    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.undated += other.undated;
    }

    fn of(times: &[(i64, Option<i64>)], before: i64) -> Self {
        let count =
            |is: fn(Option<i64>, i64) -> bool| times.iter().filter(|(_, t)| is(*t, before)).count();
        Self {
            rows: count(|time, before| time.is_some_and(|time| time < before)) as u64,
            undated: count(|time, _| time.is_none()) as u64,
        }
    }
}

impl Store {
    /// Deletes the table's rows whose time, in nanoseconds, is before the moment. A row goes by its
    /// own time: of a zone, only the word that nothing in its block is old is taken.
    pub(crate) fn prune(&self, table: &'static Table, before: i64) -> Result<OldRows> {
        if self.is_read_only() {
            return Err(Error::ReadOnlyStore { path: self.path().to_owned() });
        }
        self.finish_imports(&[table])?;
        let mut pruned = OldRows::default();
        // Without this look, a table that has nothing old would cost a transaction.
        let mut from = match self.snapshot()?.old_rows(table, before)? {
            OldRows { rows: 0, undated } => return Ok(OldRows { rows: 0, undated }),
            _ => Some(Block::FIRST),
        };
        while let Some(block) = from {
            let path = self.path().to_owned();
            let (old, next) =
                self.write(move |txn| prune_blocks(txn, &path, table, before, block))?;
            pruned.add(old);
            from = next;
        }
        Ok(pruned)
    }
}

/// Prunes the first blocks from `from` on that may have old rows. Returns what became of them, and
/// where to go on.
fn prune_blocks(
    txn: &WriteTransaction,
    path: &Path,
    table: &'static Table,
    before: i64,
    from: Block,
) -> Result<(OldRows, Option<Block>)> {
    let mut rows = txn.open_table(rows_of(table))?;
    let mut ids = txn.open_table(IDS)?;
    let given_out = ids.get(table.name())?.map_or(0, |id| id.value());
    // Another program may have written the highest row and not its id, which must not be given out
    // once the row is gone.
    let highest = rows.last()?.map_or(0, |(id, _)| id.value());
    if highest > given_out {
        ids.insert(table.name(), highest)?;
    }
    let mut zones = ZoneWriter::open(txn, table, &rows)?;
    let blocks = zones.blocks_before(before, from, BLOCKS_A_TRANSACTION)?;
    let mut pruned = OldRows::default();
    for noted in &blocks {
        let block = noted.block;
        let mut times = RowTimes::new(table);
        let mut verifier = noted.expected().map(Verifier::new);
        for row in rows.range(block.ids())? {
            let (id, json) = row?;
            let (id, json) = (id.value(), json.value());
            times.push(id, json);
            if let Some(verifier) = &mut verifier {
                verifier.push(id, json);
            }
        }
        // What is deleted cannot be had back, so no row is deleted for a time that may be damaged.
        if let Some(verifier) = verifier {
            verifier.finish(path, table, block.ids())?;
        }
        let times = times.finish();
        let old = OldRows::of(&times, before);
        pruned.add(old);
        if old.rows == 0 {
            continue;
        }
        let is_old = |time: Option<i64>| time.is_some_and(|time| time < before);
        let time_of = |id| times.binary_search_by_key(&id, |(id, _)| *id).map(|at| times[at].1);
        rows.retain_in(block.ids(), |id, _| !time_of(id).is_ok_and(is_old))?;
        let zone = zone_of(times.iter().map(|(_, time)| *time).filter(|time| !is_old(*time)));
        let checksum = Checksum::of_rows(&rows, block.ids())?;
        zones.remove_rows(block, old.rows, Entry { zone, checksum })?;
    }
    zones.write(&rows)?;
    let last = blocks.last().filter(|_| blocks.len() == BLOCKS_A_TRANSACTION);
    Ok((pruned, last.and_then(|noted| noted.block.next())))
}

impl Snapshot {
    /// How many rows of the table are before the moment.
    pub(crate) fn old_rows(&self, table: &'static Table, before: i64) -> Result<OldRows> {
        let mut old = OldRows::default();
        for run in self.zones(table)?.runs() {
            match run.zone.map(|zone| (zone, zone.times)) {
                Some((_, Some((low, _)))) if low >= before => continue,
                Some((zone, Some((_, high)))) if high < before => {
                    old.rows += zone.rows;
                    continue;
                }
                _ => {}
            }
            self.for_times(table, run, |times| old.add(OldRows::of(times, before)))?;
        }
        Ok(old)
    }

    /// Gives the times of the rows in a run of ids to `visit`, a few at a time.
    pub(super) fn for_times(
        &self,
        table: &'static Table,
        run: &ZoneRun,
        mut visit: impl FnMut(&[(i64, Option<i64>)]),
    ) -> Result<()> {
        let mut times = RowTimes::new(table);
        let mut cursor = RowCursor::new(run.ids.clone(), run.expected, false);
        let _ = self.scan(table, &mut cursor, |id, json| {
            times.push(id, json);
            if times.is_full() {
                visit(&times.finish());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        visit(&times.finish());
        Ok(())
    }
}
