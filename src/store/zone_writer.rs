//! Writes zones and checksums in the transaction that writes their rows.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table as RedbTable, WriteTransaction};

use crate::columnar::Segment;
use crate::error::{Error, Result};
use crate::row::TimeReader;
use crate::store::block::Block;
use crate::store::checksum::{self, BlockMeta, Checksum, ChecksumsTable, Entry};
use crate::store::segment_rows::SegmentRows;
use crate::store::watermark::{WATERMARKS, Watermark, WatermarkState};
use crate::store::zone::{ZONES, Zone};
use crate::table::Table;

/// Writes a table's zones and checksums beside its rows.
pub(super) struct ZoneWriter<'txn> {
    table: &'static Table,
    zones: RedbTable<'txn, (&'static str, i64), (u64, i64, i64)>,
    watermarks: RedbTable<'txn, &'static str, (i64, u64)>,
    checksums: ChecksumsTable<'txn>,
    watermark: Watermark,
    /// What was added to the current block since it was last written.
    pending: Option<(Block, Entry)>,
}

impl<'txn> ZoneWriter<'txn> {
    /// Opens the zones and updates them to cover all rows.
    pub(super) fn open(
        txn: &'txn WriteTransaction,
        table: &'static Table,
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<Self> {
        let (mut writer, has_watermark) = Self::of(txn, table)?;
        match writer.watermark.check(rows)? {
            WatermarkState::Current | WatermarkState::Behind { .. } if !has_watermark => {
                writer.clear()?
            }
            WatermarkState::Current => return Ok(writer),
            WatermarkState::Behind { .. } => {}
            WatermarkState::Stale => writer.clear()?,
        }
        writer.catch_up(table, rows)?;
        Ok(writer)
    }

    /// Rebuilds the zones, whatever they contain.
    pub(super) fn rebuild(
        txn: &'txn WriteTransaction,
        table: &'static Table,
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<()> {
        let (mut writer, _) = Self::of(txn, table)?;
        writer.clear()?;
        writer.catch_up(table, rows)
    }

    /// Opens the zones as they are. Also returns whether there is a watermark.
    fn of(txn: &'txn WriteTransaction, table: &'static Table) -> Result<(Self, bool)> {
        let (zones, watermarks) = (txn.open_table(ZONES)?, txn.open_table(WATERMARKS)?);
        let found = Watermark::read(&watermarks, table)?;
        let watermark = found.unwrap_or(Watermark::NONE);
        let checksums = checksum::open(txn, table.name())?;
        let writer = Self { table, zones, watermarks, checksums, watermark, pending: None };
        Ok((writer, found.is_some()))
    }

    fn catch_up(
        &mut self,
        table: &'static Table,
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<()> {
        for (block, (entry, last_id)) in zones_of_rows(table, rows, self.watermark)? {
            self.add_entry(block, entry, last_id, rows)?;
        }
        self.write(rows)
    }

    /// Adds an inserted row. Its id need not be the highest: the rows of an import have lower ids
    /// than rows that are recorded while the import is moved.
    pub(super) fn add(
        &mut self,
        id: i64,
        time: Option<i64>,
        json: &[u8],
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<()> {
        let entry = Entry { zone: Zone::of_row(time), checksum: Checksum::of_row(id, json) };
        self.add_entry(Block::of(id), entry, id, rows)
    }

    fn add_entry(
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
        let id = self.watermark.id.max(last_id);
        self.watermark = Watermark { id, rows: self.watermark.rows + entry.zone.rows };
        Ok(())
    }

    /// Writes what was added. Without this call, the zones fall behind.
    pub(super) fn write(&mut self, rows: &impl ReadableTable<i64, &'static [u8]>) -> Result<()> {
        self.write_block(rows)?;
        self.watermarks.insert(self.table.name(), (self.watermark.id, self.watermark.rows))?;
        Ok(())
    }

    fn write_block(&mut self, rows: &impl ReadableTable<i64, &'static [u8]>) -> Result<()> {
        let Some((block, pending)) = self.pending.take() else { return Ok(()) };
        let before = self.block_meta(block)?;
        let entry = match (before.zone, before.checksum()) {
            (None, _) => pending,
            (Some(mut zone), Some(mut checksum)) => {
                zone.add(pending.zone);
                checksum.add(pending.checksum);
                Entry { zone, checksum }
            }
            // Another version of netsky wrote to the block, or its zone is damaged.
            (Some(_), None) => self.read_block(block, rows)?,
        };
        self.insert(block, entry)
    }

    /// Returns the stored zone and checksum of a block.
    pub(super) fn block_meta(&self, block: Block) -> Result<BlockMeta> {
        let zone = self.zones.get((self.table.name(), block.key()))?;
        let zone = zone.map(|zone| Zone::from_stored(zone.value()));
        let entry = self.checksums.get(block.key())?;
        let entry = entry.and_then(|entry| Entry::from_stored(entry.value()));
        Ok(BlockMeta { block, zone, entry })
    }

    /// Returns the number and the checksum of a segment's rows; `None` if those of a block are unknown.
    pub(super) fn segment_rows(&self, segment: Segment) -> Result<Option<SegmentRows>> {
        let mut rows = SegmentRows { segment, rows: 0, checksum: 0 };
        let (first, last) = segment.ids().into_inner();
        for block in Block::of(first).key()..=Block::of(last).key() {
            let meta = self.block_meta(Block::from_key(block))?;
            if meta.zone.is_none() && meta.entry.is_none() {
                continue;
            }
            let Some((zone, checksum)) = meta.zone.zip(meta.checksum()) else { return Ok(None) };
            rows.rows = rows.rows.saturating_add(zone.rows);
            rows.checksum = rows.checksum.wrapping_add(checksum.value());
        }
        Ok(Some(rows))
    }

    /// Updates the block of a row that was replaced by `new`, its time and JSON, or removed. The rest of the
    /// block is not read for the checksum, so that a row of it that is damaged does not get a right one.
    pub(super) fn replace(
        &mut self,
        id: i64,
        old: &[u8],
        new: Option<(Option<i64>, &[u8])>,
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<()> {
        self.write_block(rows)?;
        let block = Block::of(id);
        let meta = self.block_meta(block)?;
        let mut times = TimeReader::new(self.table);
        let old_time = times.as_mut().and_then(|times| times.read(old).ok());
        let entry = match meta.zone.zip(meta.checksum()) {
            Some((mut zone, mut checksum)) => {
                checksum.remove(Checksum::of_row(id, old));
                if let Some((_, json)) = new {
                    checksum.add(Checksum::of_row(id, json));
                }
                // Only another time can make the block's range of times another one.
                if new.map(|(time, _)| time) != Some(old_time) {
                    zone = self.read_block(block, rows)?.zone;
                }
                Entry { zone, checksum }
            }
            None => self.read_block(block, rows)?,
        };
        match new {
            Some(_) => self.insert(block, entry),
            None => self.remove_rows(block, 1, entry),
        }
    }

    /// Computes the zone and the checksum of a block from its rows up to the watermark, at most 1,024.
    fn read_block(
        &self,
        block: Block,
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<Entry> {
        let mut reader = ZoneReader::new(self.table);
        for row in rows.range(*block.ids().start()..=self.watermark.id.min(*block.ids().end()))? {
            let (id, json) = row?;
            reader.push(id.value(), json.value());
        }
        Ok(reader.finish().0)
    }

    fn insert(&mut self, block: Block, entry: Entry) -> Result<()> {
        self.zones.insert((self.table.name(), block.key()), entry.zone.stored())?;
        self.checksums.insert(block.key(), entry.stored().as_slice())?;
        Ok(())
    }

    /// Returns the first blocks from `from` on that may have rows before the cutoff, at most
    /// `at_most`.
    pub(super) fn blocks_before(
        &self,
        cutoff: i64,
        from: Block,
        at_most: usize,
    ) -> Result<Vec<BlockMeta>> {
        let (zones, checksums) = (&self.zones, Some(&self.checksums));
        let blocks = checksum::block_metas(self.table.name(), zones, checksums, from)?;
        let blocks = blocks.ok_or_else(|| Error::Storage("the zones are out of order".into()))?;
        let is_old = |zone: Zone| zone.rows > 0 && zone.times.is_none_or(|(low, _)| low < cutoff);
        let may_be_old = |meta: &BlockMeta| meta.trusted_zone().is_none_or(is_old);
        Ok(blocks.into_iter().filter(may_be_old).take(at_most).collect())
    }

    /// Updates a block after `removed` of its rows were deleted. `left` describes the remaining
    /// rows.
    pub(super) fn remove_rows(&mut self, block: Block, removed: u64, left: Entry) -> Result<()> {
        if left.zone.rows == 0 {
            self.zones.remove((self.table.name(), block.key()))?;
            self.checksums.remove(block.key())?;
        } else {
            self.insert(block, left)?;
        }
        self.watermark.rows = self.watermark.rows.saturating_sub(removed);
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        let of_table = (self.table.name(), i64::MIN)..=(self.table.name(), i64::MAX);
        self.zones.retain_in(of_table, |_, _| false)?;
        self.checksums.retain(|_, _| false)?;
        self.watermark = Watermark::NONE;
        Ok(())
    }
}

/// Returns the zones and checksums of the rows past the watermark, with the last id in each block.
fn zones_of_rows(
    table: &'static Table,
    rows: &impl ReadableTable<i64, &'static [u8]>,
    watermark: Watermark,
) -> Result<BTreeMap<Block, (Entry, i64)>> {
    let mut zones = BTreeMap::new();
    let mut open: Option<(Block, ZoneReader)> = None;
    for row in rows.range(watermark.past())? {
        let (id, json) = row?;
        let (id, block) = (id.value(), Block::of(id.value()));
        if let Some((finished, reader)) = open.take_if(|(open, _)| *open != block) {
            zones.insert(finished, reader.finish());
        }
        let (_, reader) = match &mut open {
            Some(open) => open,
            None => open.insert((block, ZoneReader::new(table))),
        };
        reader.push(id, json.value());
    }
    if let Some((finished, reader)) = open {
        zones.insert(finished, reader.finish());
    }
    Ok(zones)
}

/// Computes the zone and the checksum of a block from its rows.
struct ZoneReader {
    entry: Entry,
    last_id: i64,
    /// `None` if the table has no time column.
    times: Option<TimeReader>,
}

impl ZoneReader {
    fn new(table: &'static Table) -> Self {
        Self { entry: Entry::default(), last_id: i64::MIN, times: TimeReader::new(table) }
    }

    fn push(&mut self, id: i64, json: &[u8]) {
        let time = self.times.as_mut().and_then(|times| times.read(json).ok());
        self.entry.zone.add(Zone::of_row(time));
        self.entry.checksum.add(Checksum::of_row(id, json));
        self.last_id = id;
    }

    fn finish(self) -> (Entry, i64) {
        (self.entry, self.last_id)
    }
}
