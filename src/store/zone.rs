//! Zones: the row count and time range of a block of rows, stored beside the rows. Each has a
//! [`checksum`] of the rows next to it, which also tells whether the zone can be trusted.
//!
//! A block is 1,024 ids. Its zone has the number of its rows and the range of their times, and is
//! written in the transaction that writes the rows. Rows need not arrive in time order: a late one
//! widens its block's zone. A watermark stores the highest id covered by zones and the number of
//! rows up to it. Rows past it come from another program; they are scanned until netsky's next
//! write catches up. If the number of rows up to the watermark differs from its count, another
//! program has removed or inserted some: then no zone is used, and the next write rebuilds them
//! all.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::TimestampNanosecondType;
use redb::{ReadableTable, Table as RedbTable, TableDefinition, WriteTransaction};

use crate::error::{Error, Result};
use crate::row::Decoder;
use crate::store::checksum::{self, Checksum, ChecksumsTable, Entry, Expected, Noted};
use crate::table::{Table, reserved};

/// By table and block: rows, smallest time, largest time. If the times are not known, the smallest
/// is larger than the largest.
pub(super) const ZONES: TableDefinition<'_, (&str, i64), (u64, i64, i64)> =
    TableDefinition::new(reserved::ZONES);
/// By table: the highest id covered by zones, and the number of rows up to it.
pub(super) const MARKS: TableDefinition<'_, &str, (i64, u64)> =
    TableDefinition::new(reserved::ZONE_MARKS);

const BLOCK_BITS: u32 = 10;

/// A block of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block(i64);

impl Block {
    /// The first possible block.
    pub(super) const FIRST: Self = Self(i64::MIN >> BLOCK_BITS);

    pub(super) fn of(id: i64) -> Self {
        Self(id >> BLOCK_BITS)
    }

    pub(super) fn ids(self) -> RangeInclusive<i64> {
        let first = self.0 << BLOCK_BITS;
        first..=first + ((1 << BLOCK_BITS) - 1)
    }

    /// Returns the next block; `None` for the last possible one.
    pub(super) fn next(self) -> Option<Self> {
        (self != Self::of(i64::MAX)).then(|| Self(self.0 + 1))
    }

    pub(super) fn from_key(block: i64) -> Self {
        Self(block)
    }

    pub(super) fn key(self) -> i64 {
        self.0
    }
}

/// The row count and time range of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Zone {
    pub(crate) rows: u64,
    /// The smallest and the largest time, in nanoseconds. `None` if there are no rows, if the table
    /// has no time column, or if a row's time is unreadable.
    pub(crate) times: Option<(i64, i64)>,
}

impl Zone {
    pub(super) fn of_row(time: Option<i64>) -> Self {
        Self { rows: 1, times: time.map(|time| (time, time)) }
    }

    /// Adds the rows of another zone.
    pub(crate) fn add(&mut self, other: Self) {
        let times = match (self.rows, self.times, other.times) {
            (_, times, _) if other.rows == 0 => times,
            (0, _, times) => times,
            (_, Some((low, high)), Some((other_low, other_high))) => {
                Some((low.min(other_low), high.max(other_high)))
            }
            _ => None,
        };
        *self = Self { rows: self.rows.saturating_add(other.rows), times };
    }

    pub(super) fn stored(self) -> (u64, i64, i64) {
        let (low, high) = self.times.unwrap_or((i64::MAX, i64::MIN));
        (self.rows, low, high)
    }

    pub(super) fn from_stored((rows, low, high): (u64, i64, i64)) -> Self {
        Self { rows, times: (low <= high).then_some((low, high)) }
    }
}

/// The redb table of zones, in a snapshot or a transaction.
pub(super) trait ZonesTable: ReadableTable<(&'static str, i64), (u64, i64, i64)> {}

impl<T: ReadableTable<(&'static str, i64), (u64, i64, i64)>> ZonesTable for T {}

/// The highest id covered by zones, and the number of rows that they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watermark {
    id: i64,
    rows: u64,
}

impl Watermark {
    const NONE: Self = Self { id: i64::MIN, rows: 0 };

    pub(super) fn read(
        marks: &impl ReadableTable<&'static str, (i64, u64)>,
        table: &Table,
    ) -> Result<Option<Self>> {
        let mark = marks.get(table.name())?.map(|mark| mark.value());
        Ok(mark.map(|(id, rows)| Self { id, rows }))
    }

    /// Whether zones must include the row with that id.
    pub(super) fn covers(self, id: i64) -> bool {
        self != Self::NONE && id <= self.id
    }

    pub(super) fn rows(self) -> u64 {
        self.rows
    }

    /// Returns the ids past the watermark.
    fn past(self) -> std::ops::RangeFrom<i64> {
        match self {
            Self::NONE => i64::MIN..,
            Self { id, .. } => id.saturating_add(1)..,
        }
    }

    /// Compares the number of rows up to the watermark with its count, and looks for rows past it.
    fn check(self, rows: &impl ReadableTable<i64, &'static [u8]>) -> Result<WatermarkState> {
        let all = rows.len()?;
        let highest = rows.last()?.map_or(i64::MIN, |(id, _)| id.value());
        if highest <= self.id {
            return Ok(if all == self.rows {
                WatermarkState::Current
            } else {
                WatermarkState::Stale
            });
        }
        let mut past = 0;
        for row in rows.range(self.past())? {
            row?;
            past += 1;
        }
        let counted = self.rows.checked_add(past);
        Ok(if counted == Some(all) {
            WatermarkState::Behind { past }
        } else {
            WatermarkState::Stale
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WatermarkState {
    Current,
    /// There are `past` rows past the watermark.
    Behind {
        past: u64,
    },
    Stale,
}

/// Whether zones cover all rows of a table, without reading the rows.
pub(super) fn is_complete(
    table: &Table,
    rows: &impl ReadableTable<i64, &'static [u8]>,
    marks: &impl ReadableTable<&'static str, (i64, u64)>,
) -> Result<bool> {
    match Watermark::read(marks, table)? {
        Some(mark) => Ok(mark.check(rows)? == WatermarkState::Current),
        None => Ok(false),
    }
}

/// The zones of a table in a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct ZoneMap {
    runs: Vec<ZoneRun>,
}

/// A range of ids, and the zone of its rows; `None` if it is not known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ZoneRun {
    pub(crate) ids: RangeInclusive<i64>,
    pub(crate) zone: Option<Zone>,
    /// What a scan of the complete range must find.
    pub(crate) expected: Option<Expected>,
}

impl ZoneMap {
    pub(super) fn read<R: ReadableTable<i64, &'static [u8]>>(
        table: &Table,
        rows: &R,
        zones: &impl ZonesTable,
        marks: &impl ReadableTable<&'static str, (i64, u64)>,
        checksums: Option<&R>,
    ) -> Result<Self> {
        let Some(mark) = Watermark::read(marks, table)? else { return Self::unknown(rows) };
        let state = mark.check(rows)?;
        if state == WatermarkState::Stale {
            let expected = Expected::rows_that_state_ids(rows.len()?);
            return Ok(Self::of_one_run(expected));
        }
        let noted = checksum::noted(table.name(), zones, checksums, Block::FIRST)?;
        // A damaged key loses a zone, or moves it to a block without rows.
        let counts = |noted: &Vec<Noted>| {
            let rows = noted.iter().filter_map(|noted| noted.zone).map(|zone| zone.rows);
            rows.fold(0, u64::saturating_add) == mark.rows
        };
        let Some(noted) = noted.filter(counts) else { return Self::unknown(rows) };
        // If so, each zone without a checksum may be one that belongs to another block.
        let moved = noted.iter().any(|noted| noted.zone.is_none());
        let mut runs: Vec<ZoneRun> = noted
            .iter()
            .map(|noted| {
                let (first, last) = noted.block.ids().into_inner();
                let doubted = moved && noted.entry.is_none();
                ZoneRun {
                    ids: first..=last.min(mark.id),
                    zone: noted.believed().filter(|_| !doubted),
                    expected: noted.expected().filter(|_| !doubted),
                }
            })
            .filter(|run| !run.ids.is_empty())
            .collect();
        if let WatermarkState::Behind { past } = state {
            let ids = mark.past().start..=i64::MAX;
            runs.push(ZoneRun { ids, zone: None, expected: Some(Expected::rows(past)) });
        }
        Ok(Self { runs })
    }

    /// Adds the ranges of rows that an import still has staged. Their times are not known.
    pub(super) fn with_pending(
        self,
        pending: impl Iterator<Item = RangeInclusive<i64>> + Clone,
    ) -> Self {
        if pending.clone().next().is_none() {
            return self;
        }
        let mut runs = Vec::with_capacity(self.runs.len());
        for run in self.runs {
            let mut parts = Vec::new();
            let (first, last) = run.ids.into_inner();
            let mut next = first;
            for ids in pending.clone().filter(|ids| first <= *ids.end() && *ids.start() <= last) {
                parts.extend(ids.start().checked_sub(1).map(|before| next..=before));
                next = ids.end().saturating_add(1);
            }
            parts.push(next..=last);
            parts.retain(|ids| !ids.is_empty());
            // If all rows of the block are in one part, the block's zone applies to that part.
            let is_whole = parts.len() == 1;
            let (zone, expected) =
                (run.zone.filter(|_| is_whole), run.expected.filter(|_| is_whole));
            runs.extend(parts.into_iter().map(|ids| ZoneRun { ids, zone, expected }));
        }
        for ids in pending {
            // Split into blocks like other rows, so that several partitions can scan them.
            for block in Block::of(*ids.start()).0..=Block::of(*ids.end()).0 {
                let (first, last) = Block(block).ids().into_inner();
                let part = first.max(*ids.start())..=last.min(*ids.end());
                let rows = part.end().abs_diff(*part.start()) + 1;
                let (zone, expected) = (Zone { rows, times: None }, Expected::rows(rows));
                runs.push(ZoneRun { ids: part, zone: Some(zone), expected: Some(expected) });
            }
        }
        runs.sort_unstable_by_key(|run| *run.ids.start());
        Self { runs }
    }

    /// Returns a zone map of one range, of which only the number of rows is known.
    pub(super) fn unknown(rows: &impl ReadableTable<i64, &'static [u8]>) -> Result<Self> {
        Ok(Self::of_one_run(Expected::rows(rows.len()?)))
    }

    fn of_one_run(expected: Expected) -> Self {
        let ids = i64::MIN..=i64::MAX;
        Self { runs: vec![ZoneRun { ids, zone: None, expected: Some(expected) }] }
    }

    /// Returns the id ranges that make up the table, ascending: one per block, then one for
    /// everything that zones do not cover.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &ZoneRun> + '_ {
        self.runs.iter()
    }
}

/// Writes a table's zones and checksums beside its rows.
pub(super) struct ZoneWriter<'txn> {
    table: &'static Table,
    zones: RedbTable<'txn, (&'static str, i64), (u64, i64, i64)>,
    marks: RedbTable<'txn, &'static str, (i64, u64)>,
    checksums: ChecksumsTable<'txn>,
    mark: Watermark,
    /// The additions to the current block that have not been written yet.
    pending: Option<(Block, Entry)>,
}

impl<'txn> ZoneWriter<'txn> {
    /// Opens the zones and catches up with existing rows.
    pub(super) fn open(
        txn: &'txn WriteTransaction,
        table: &'static Table,
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<Self> {
        let (mut writer, is_marked) = Self::of(txn, table)?;
        match writer.mark.check(rows)? {
            WatermarkState::Current | WatermarkState::Behind { .. } if !is_marked => {
                writer.clear()?
            }
            WatermarkState::Current => return Ok(writer),
            WatermarkState::Behind { .. } => {}
            WatermarkState::Stale => writer.clear()?,
        }
        writer.catch_up(table, rows)?;
        Ok(writer)
    }

    /// Rebuilds the zones from the rows, whatever their state.
    pub(super) fn rebuild(
        txn: &'txn WriteTransaction,
        table: &'static Table,
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<()> {
        let (mut writer, _) = Self::of(txn, table)?;
        writer.clear()?;
        writer.catch_up(table, rows)
    }

    /// Opens the zones as they are. Also returns whether the table has a watermark.
    fn of(txn: &'txn WriteTransaction, table: &'static Table) -> Result<(Self, bool)> {
        let (zones, marks) = (txn.open_table(ZONES)?, txn.open_table(MARKS)?);
        let found = Watermark::read(&marks, table)?;
        let mark = found.unwrap_or(Watermark::NONE);
        let checksums = checksum::open(txn, table.name())?;
        let writer = Self { table, zones, marks, checksums, mark, pending: None };
        Ok((writer, found.is_some()))
    }

    fn catch_up(
        &mut self,
        table: &'static Table,
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<()> {
        for (block, (entry, last_id)) in zones_of_rows(table, rows, self.mark)? {
            self.gain(block, entry, last_id, rows)?;
        }
        self.write(rows)
    }

    /// Adds an inserted row. It need not be the last one: the rows of an import have lower ids than
    /// those recorded while it was being moved.
    pub(super) fn add(
        &mut self,
        id: i64,
        time: Option<i64>,
        json: &[u8],
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<()> {
        let entry = Entry { zone: Zone::of_row(time), checksum: Checksum::of_row(id, json) };
        self.gain(Block::of(id), entry, id, rows)
    }

    fn gain(
        &mut self,
        block: Block,
        entry: Entry,
        last_id: i64,
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<()> {
        if self.pending.is_some_and(|(open, _)| open != block) {
            self.write_block(rows)?;
        }
        let (_, pending) = self.pending.get_or_insert((block, Entry::default()));
        pending.zone.add(entry.zone);
        pending.checksum.add(entry.checksum);
        let id = self.mark.id.max(last_id);
        self.mark = Watermark { id, rows: self.mark.rows + entry.zone.rows };
        Ok(())
    }

    /// Writes the additions. Without this call, the zones fall behind.
    pub(super) fn write(&mut self, rows: &impl ReadableTable<i64, &'static [u8]>) -> Result<()> {
        self.write_block(rows)?;
        self.marks.insert(self.table.name(), (self.mark.id, self.mark.rows))?;
        Ok(())
    }

    fn write_block(&mut self, rows: &impl ReadableTable<i64, &'static [u8]>) -> Result<()> {
        let Some((block, pending)) = self.pending.take() else { return Ok(()) };
        let before = self.noted(block)?;
        let entry = match (before.zone, before.checksum()) {
            (None, _) => pending,
            (Some(mut zone), Some(mut checksum)) => {
                zone.add(pending.zone);
                checksum.add(pending.checksum);
                Entry { zone, checksum }
            }
            // Another version of netsky wrote to the block, or its zone is damaged. Its rows are
            // read once, at most 1,024.
            (Some(_), None) => {
                let mut reader = ZoneReader::new(self.table)?;
                for row in rows.range(*block.ids().start()..=self.mark.id)? {
                    let (id, json) = row?;
                    reader.push(id.value(), json.value());
                }
                reader.finish()?.0
            }
        };
        self.insert(block, entry)
    }

    /// Returns the stored zone and checksum of a block.
    pub(super) fn noted(&self, block: Block) -> Result<Noted> {
        let zone = self.zones.get((self.table.name(), block.0))?;
        let zone = zone.map(|zone| Zone::from_stored(zone.value()));
        let entry = self.checksums.get(block.0)?;
        let entry = entry.and_then(|entry| Entry::from_stored(entry.value()));
        Ok(Noted { block, zone, entry })
    }

    fn insert(&mut self, block: Block, entry: Entry) -> Result<()> {
        self.zones.insert((self.table.name(), block.0), entry.zone.stored())?;
        self.checksums.insert(block.0, entry.stored().as_slice())?;
        Ok(())
    }

    /// Returns the first `at_most` blocks from `from` on that may have rows before the cutoff.
    pub(super) fn blocks_before(
        &self,
        moment: i64,
        from: Block,
        at_most: usize,
    ) -> Result<Vec<Noted>> {
        let noted = checksum::noted(self.table.name(), &self.zones, Some(&self.checksums), from)?;
        let noted = noted.ok_or_else(|| Error::Storage("the zones are out of order".into()))?;
        let is_old = |zone: Zone| zone.rows > 0 && zone.times.is_none_or(|(low, _)| low < moment);
        let may_be_old = |noted: &Noted| noted.believed().is_none_or(is_old);
        Ok(noted.into_iter().filter(may_be_old).take(at_most).collect())
    }

    /// Records that `gone` rows of a block were deleted and what is left.
    pub(super) fn remove_rows(&mut self, block: Block, gone: u64, left: Entry) -> Result<()> {
        if left.zone.rows == 0 {
            self.zones.remove((self.table.name(), block.0))?;
            self.checksums.remove(block.0)?;
        } else {
            self.insert(block, left)?;
        }
        self.mark.rows = self.mark.rows.saturating_sub(gone);
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        let of_table = (self.table.name(), i64::MIN)..=(self.table.name(), i64::MAX);
        self.zones.retain_in(of_table, |_, _| false)?;
        self.checksums.retain(|_, _| false)?;
        self.mark = Watermark::NONE;
        Ok(())
    }
}

/// Computes the zones and checksums of the rows past the watermark, with the last id in each block.
fn zones_of_rows(
    table: &'static Table,
    rows: &impl ReadableTable<i64, &'static [u8]>,
    mark: Watermark,
) -> Result<BTreeMap<Block, (Entry, i64)>> {
    let mut zones = BTreeMap::new();
    let mut open: Option<(Block, ZoneReader)> = None;
    for row in rows.range(mark.past())? {
        let (id, json) = row?;
        let (id, block) = (id.value(), Block::of(id.value()));
        if let Some((finished, reader)) = open.take_if(|(open, _)| *open != block) {
            zones.insert(finished, reader.finish()?);
        }
        let (_, reader) = match &mut open {
            Some(open) => open,
            None => open.insert((block, ZoneReader::new(table)?)),
        };
        reader.push(id, json.value());
    }
    if let Some((finished, reader)) = open {
        zones.insert(finished, reader.finish()?);
    }
    Ok(zones)
}

/// Computes the zone of a block from its rows.
struct ZoneReader {
    rows: u64,
    checksum: Checksum,
    last_id: i64,
    /// `None` if the table has no times, or one of them is unreadable.
    times: Option<Decoder>,
}

impl ZoneReader {
    fn new(table: &'static Table) -> Result<Self> {
        let times = match table.time_index() {
            Some(index) => Some(Decoder::new(table, &[index])?),
            None => None,
        };
        Ok(Self { rows: 0, checksum: Checksum::default(), last_id: i64::MIN, times })
    }

    fn push(&mut self, id: i64, json: &[u8]) {
        self.rows += 1;
        self.checksum.add(Checksum::of_row(id, json));
        self.last_id = id;
        if self.times.as_mut().is_some_and(|times| times.push(id, json).is_err()) {
            self.times = None;
        }
    }

    fn finish(self) -> Result<(Entry, i64)> {
        let times = match self.times {
            None => None,
            Some(mut decoder) => {
                let times = decoder.finish()?;
                let times = times.column(0).as_primitive::<TimestampNanosecondType>();
                min(times).zip(max(times))
            }
        };
        let zone = Zone { rows: self.rows, times };
        Ok((Entry { zone, checksum: self.checksum }, self.last_id))
    }
}
