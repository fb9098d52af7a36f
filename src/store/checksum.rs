//! Checksums of rows, so that a scan detects bytes that changed in the file.
//!
//! redb keeps a checksum of each page, but verifies it only in a check, not when a query reads the
//! page. So each block of rows has a checksum of its own beside its zone: the wrapping sum of a
//! hash of every row's key and JSON. A sum does not depend on the order of the rows. A scan can
//! compute it in either direction, and appending rows does not require reading the others.
//!
//! # Format
//!
//! The redb table `<table>.checksums` maps a block to 32 bytes, four little-endian 64-bit integers:
//! the three values of the block's zone, and the sum. There is one such redb table per table of
//! rows, and it has the type of a table of rows, because `netsky backup` of version 0.3.0 copies
//! redb tables of that type and refuses all others.
//!
//! Version 0.3.0 writes rows and zones but no checksums. That is why the entry repeats the zone: if
//! the two differ, another version has written to the block, or one of them is damaged. Then both
//! are ignored and the block is read as if neither existed. The next append to the block, or
//! `netsky check --repair`, computes its checksum from its rows.

use std::ops::RangeInclusive;
use std::path::Path;

use redb::{ReadableTable, Table as RedbTable, TableDefinition, WriteTransaction};

use crate::error::{Error, Result};
use crate::hash::hash;
use crate::store::block::Block;
use crate::store::zone::{Zone, ZonesTable};
use crate::table::Table;

/// Maps a block to its zone and checksum.
pub(super) type ChecksumsTable<'txn> = RedbTable<'txn, i64, &'static [u8]>;

/// The suffix of the names of these redb tables. A table of rows cannot have a dot in its name.
const SUFFIX: &str = ".checksums";

pub(super) const NOT_RECORDED: &str = "differ from what was recorded";

/// Returns the name of the redb table that holds a table's checksums.
pub(super) fn name_for(table: &str) -> String {
    format!("{table}{SUFFIX}")
}

/// Whether a redb table holds checksums, judging by its name.
pub(super) fn is_name(redb_table: &str) -> bool {
    redb_table.ends_with(SUFFIX)
}

/// Returns the definition of the redb table of checksums with that name.
pub(super) fn named(name: &str) -> TableDefinition<'_, i64, &'static [u8]> {
    TableDefinition::new(name)
}

pub(super) fn open<'txn>(txn: &'txn WriteTransaction, table: &str) -> Result<ChecksumsTable<'txn>> {
    Ok(txn.open_table(named(&name_for(table)))?)
}

/// The checksum of a set of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Checksum(u64);

impl Checksum {
    pub(super) fn of_row(id: i64, json: &[u8]) -> Self {
        // The id is mixed in afterwards, because hashing with another seed needs other secrets. The
        // multiplication ensures that two rows with swapped keys change the sum.
        let hash = hash(json) ^ id.cast_unsigned();
        let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self(hash ^ (hash >> 29))
    }

    pub(super) fn value(self) -> u64 {
        self.0
    }

    /// Adds the checksum of other rows.
    pub(super) fn add(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    /// Takes away the checksum of some of the rows.
    pub(super) fn remove(&mut self, other: Self) {
        self.0 = self.0.wrapping_sub(other.0);
    }

    /// Computes the checksum of all rows in a range of ids.
    pub(super) fn of_rows(
        rows: &impl ReadableTable<i64, &'static [u8]>,
        ids: RangeInclusive<i64>,
    ) -> Result<Self> {
        let mut sum = Self::default();
        for row in rows.range(ids)? {
            let (id, json) = row?;
            sum.add(Self::of_row(id.value(), json.value()));
        }
        Ok(sum)
    }
}

/// A block's checksum, and the block's zone at the time it was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Entry {
    pub(super) zone: Zone,
    pub(super) checksum: Checksum,
}

impl Entry {
    pub(super) fn stored(self) -> [u8; 32] {
        let (rows, low, high) = self.zone.stored();
        let numbers = [rows, low.cast_unsigned(), high.cast_unsigned(), self.checksum.0];
        let mut bytes = [0; 32];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// Returns `None` if the bytes are not a valid entry.
    pub(super) fn from_stored(bytes: &[u8]) -> Option<Self> {
        let (numbers, []) = bytes.as_chunks::<8>() else { return None };
        let [rows, low, high, sum] = *numbers else { return None };
        let signed = i64::from_le_bytes;
        let zone = Zone::from_stored((u64::from_le_bytes(rows), signed(low), signed(high)));
        Some(Self { zone, checksum: Checksum(u64::from_le_bytes(sum)) })
    }
}

/// What a range of ids must contain. A scan of the complete range can verify it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    rows: u64,
    /// `None` if the checksum of the rows is not known.
    checksum: Option<Checksum>,
    /// Whether each row whose JSON has an id must have the id of its key. This replaces the
    /// checksum if the last row has a higher id than it should: another program has removed and
    /// inserted rows, or the key is damaged.
    states_ids: bool,
}

impl Expected {
    pub(super) fn rows(rows: u64) -> Self {
        Self { rows, checksum: None, states_ids: false }
    }

    /// Returns the number of rows and their checksum, if that is known.
    pub(super) fn sum(self) -> Option<(u64, Checksum)> {
        self.checksum.map(|checksum| (self.rows, checksum))
    }

    pub(super) fn rows_that_state_ids(rows: u64) -> Self {
        Self { states_ids: true, ..Self::rows(rows) }
    }
}

/// Compares the rows of a range of ids with what the range must contain.
#[derive(Debug)]
pub(super) struct Verifier {
    expected: Expected,
    rows: u64,
    checksum: Checksum,
    stated_ids_differ: bool,
}

impl Verifier {
    pub(super) fn new(expected: Expected) -> Self {
        Self { expected, rows: 0, checksum: Checksum::default(), stated_ids_differ: false }
    }

    #[inline]
    pub(super) fn push(&mut self, id: i64, json: &[u8]) {
        self.rows += 1;
        if self.expected.checksum.is_some() {
            self.checksum.add(Checksum::of_row(id, json));
        }
        if self.expected.states_ids {
            self.stated_ids_differ |= stated_id(json).is_some_and(|stated| stated != id);
        }
    }

    /// Compares the totals after the last row of the range.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if the rows are not those that the range must contain.
    pub(super) fn finish(
        &self,
        path: &Path,
        table: &Table,
        ids: RangeInclusive<i64>,
    ) -> Result<()> {
        let expected = self.expected;
        let reason = if self.rows != expected.rows {
            format!("number {}, not {}", self.rows, expected.rows)
        } else if expected.checksum.is_some_and(|checksum| checksum != self.checksum) {
            NOT_RECORDED.to_owned()
        } else if self.stated_ids_differ {
            "include one whose id in the JSON differs from its key".to_owned()
        } else {
            return Ok(());
        };
        Err(changed(path, table, ids, &reason))
    }
}

/// Returns the id in a row's JSON, if the JSON begins as netsky writes it.
fn stated_id(json: &[u8]) -> Option<i64> {
    let rest = json.strip_prefix(b"{\"id\":")?;
    let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'-'))?;
    std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
}

/// Returns the error for rows that differ from what was recorded. `reason` continues the phrase
/// "the rows".
pub(super) fn changed(path: &Path, table: &Table, ids: RangeInclusive<i64>, reason: &str) -> Error {
    let rows = match ids.into_inner() {
        (i64::MIN, i64::MAX) => format!("the rows of {}", table.name()),
        (first, i64::MAX) => format!("the rows of {} with ids from {first}", table.name()),
        (first, last) => format!("the rows of {} with ids {first} to {last}", table.name()),
    };
    Error::Damaged {
        path: path.to_owned(),
        reason: format!(
            "{rows} {reason}; run `netsky check` to find the cause, and if another program changed \
             them, `netsky check --repair` to accept them as they are"
        ),
    }
}

/// The zone and the checksum that are stored for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockMeta {
    pub(super) block: Block,
    pub(super) zone: Option<Zone>,
    pub(super) entry: Option<Entry>,
}

impl BlockMeta {
    /// Returns the zone, unless the checksum's entry contradicts it.
    pub(super) fn trusted_zone(&self) -> Option<Zone> {
        self.zone.filter(|zone| self.entry.is_none_or(|entry| entry.zone == *zone))
    }

    /// Returns the checksum, if the zone matches its entry.
    pub(super) fn checksum(&self) -> Option<Checksum> {
        self.entry.filter(|entry| self.zone == Some(entry.zone)).map(|entry| entry.checksum)
    }

    /// Returns what the block must contain, if that is known.
    pub(super) fn expected(&self) -> Option<Expected> {
        let rows = self.trusted_zone()?.rows;
        Some(Expected { checksum: self.checksum(), ..Expected::rows(rows) })
    }
}

/// Returns the stored zones and checksums of a table's blocks, ascending from `from`. `None` if
/// redb returns keys out of order, as it does from a damaged page.
pub(super) fn block_metas<R: ReadableTable<i64, &'static [u8]>>(
    table: &str,
    zones: &impl ZonesTable,
    checksums: Option<&R>,
    from: Block,
) -> Result<Option<Vec<BlockMeta>>> {
    let mut entries = Vec::new();
    if let Some(checksums) = checksums {
        for item in checksums.range(from.key()..)? {
            let (block, entry) = item?;
            let block = Block::from_key(block.value());
            // An invalid entry becomes one that contradicts any zone, so the block is read.
            entries.push((block, Entry::from_stored(entry.value()).unwrap_or_default()));
        }
    }
    let mut zoned = Vec::new();
    for item in zones.range((table, from.key())..=(table, i64::MAX))? {
        let (key, zone) = item?;
        let (_, block) = key.value();
        zoned.push((Block::from_key(block), Zone::from_stored(zone.value())));
    }
    if !entries.is_sorted_by(|a, b| a.0 < b.0) || !zoned.is_sorted_by(|a, b| a.0 < b.0) {
        return Ok(None);
    }
    Ok(Some(merge(&zoned, &entries)))
}

fn merge(zones: &[(Block, Zone)], entries: &[(Block, Entry)]) -> Vec<BlockMeta> {
    let mut all = Vec::with_capacity(zones.len().max(entries.len()));
    let (mut zones, mut entries) = (zones.iter().peekable(), entries.iter().peekable());
    loop {
        let next = [zones.peek().map(|zone| zone.0), entries.peek().map(|entry| entry.0)];
        let Some(block) = next.into_iter().flatten().min() else { return all };
        let zone = zones.next_if(|zone| zone.0 == block).map(|zone| zone.1);
        let entry = entries.next_if(|entry| entry.0 == block).map(|entry| entry.1);
        all.push(BlockMeta { block, zone, entry });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_keys_change_the_checksum() {
        let sum = |rows: [(i64, &[u8]); 2]| {
            let mut sum = Checksum::default();
            rows.iter().for_each(|(id, json)| sum.add(Checksum::of_row(*id, json)));
            sum
        };
        assert_eq!(sum([(1, b"a"), (2, b"b")]), sum([(2, b"b"), (1, b"a")]));
        assert_ne!(sum([(1, b"a"), (2, b"b")]), sum([(2, b"a"), (1, b"b")]));
    }

    #[test]
    fn entries_round_trip() {
        let zone = Zone { rows: 7, times: Some((-3, i64::MAX)) };
        let entry = Entry { zone, checksum: Checksum::of_row(1, b"{}") };
        assert_eq!(Entry::from_stored(&entry.stored()), Some(entry));
        assert_eq!(Entry::from_stored(&entry.stored()[..31]), None);
        assert_eq!(stated_id(b"{\"id\":-12,\"a\":1}"), Some(-12));
        assert_eq!(stated_id(b"{\"a\":1}"), None);
    }
}
