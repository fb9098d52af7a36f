//! Pruning: deletes the old rows of a table, a few blocks per transaction.

use std::ops::ControlFlow;
use std::path::Path;

use redb::{ReadableTable, WriteTransaction};

use crate::columnar::Segment;
use crate::error::{Error, Result};
use crate::store::block::Block;
use crate::store::checksum::{Checksum, Entry, Verifier};
use crate::store::row_cursor::RowCursor;
use crate::store::segments;
use crate::store::tables::{IDS, rows_of};
use crate::store::times::{RowTimes, zone_of};
use crate::store::zone_map::ZoneRun;
use crate::store::zone_writer::ZoneWriter;
use crate::store::{Snapshot, Store};
use crate::table::Table;

/// The number of blocks examined per transaction, which is some thousands of rows. Other writers
/// get their turn between two transactions.
const BLOCKS_A_TRANSACTION: usize = 4;

/// The number of rows older than a cutoff, and of those whose time is unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OldRows {
    pub(crate) rows: u64,
    /// Rows with an unreadable time in the blocks that were examined.
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
    /// Deletes the table's rows whose time, in nanoseconds, is before the cutoff. Each row is
    /// judged by its own time; a zone is used only to skip blocks without old rows.
    pub(crate) fn prune(&self, table: &'static Table, before: i64) -> Result<OldRows> {
        if self.is_read_only() {
            return Err(Error::ReadOnlyStore { path: self.path().to_owned() });
        }
        self.finish_imports(&[table])?;
        let mut pruned = OldRows::default();
        // Without this read, a table without old rows would cost a write transaction.
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

/// Prunes the first blocks from `from` on that may have old rows. Returns the counts and the block
/// to continue with.
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
    // Another program may have written the highest row without raising the id counter. Its id must
    // not be assigned again once the row is deleted.
    let highest = rows.last()?.map_or(0, |(id, _)| id.value());
    if highest > given_out {
        ids.insert(table.name(), highest)?;
    }
    let mut zones = ZoneWriter::open(txn, table, &rows)?;
    let blocks = zones.blocks_before(before, from, BLOCKS_A_TRANSACTION)?;
    let mut pruned = OldRows::default();
    for meta in &blocks {
        let block = meta.block;
        let mut times = RowTimes::new(table);
        let mut verifier = meta.expected().map(Verifier::new);
        for row in rows.range(block.ids())? {
            let (id, json) = row?;
            let (id, json) = (id.value(), json.value());
            times.push(id, json);
            if let Some(verifier) = &mut verifier {
                verifier.push(id, json);
            }
        }
        // Deleted rows cannot be recovered, so no row is deleted because of a time that may be
        // damaged.
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
        // Its rows have changed, so it would not be used any more.
        segments::delete(txn, table, Segment::of(*block.ids().start()))?;
    }
    zones.write(&rows)?;
    let last = blocks.last().filter(|_| blocks.len() == BLOCKS_A_TRANSACTION);
    Ok((pruned, last.and_then(|meta| meta.block.next())))
}

impl Snapshot {
    /// Counts the table's rows before the cutoff.
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
            self.visit_times(table, run, |times| old.add(OldRows::of(times, before)))?;
        }
        Ok(old)
    }

    /// Passes the times of the rows in a range of ids to `visit`, a few at a time.
    pub(super) fn visit_times(
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
