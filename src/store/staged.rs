//! The format of the rows that an import has staged and that are not in their table yet.
//!
//! They are in two redb tables, which have the type of a table of rows because `netsky backup` of
//! version 0.3.0 copies redb tables of that type and refuses all others.
//!
//! `.imports` maps an import's number to its state: a hash of the rest (see [`hash`]),
//! then four little-endian 64-bit integers and the name of the table. The integers are the time of
//! the last change in milliseconds since 1970, the id of the first row (the smallest integer if the
//! import is not published), the number of staged rows, and the number of rows already moved.
//! Numbers are assigned from `ids`, like row ids, so none is used twice.
//!
//! `.staged` maps an import's number and the position of a row in the import to a chunk: a hash of
//! the rest, then that row and those after it. Each row is the length of its JSON in 32 bits, its
//! time in 64 bits, and the JSON without its id. redb verifies its own checksums only in a check,
//! so the hash of each chunk is verified when it is read.

use std::ops::RangeInclusive;

use redb::{ReadableTable, TableDefinition};

use crate::error::{Error, Result};
use crate::hash::{HASH_BYTES, hash, put_hash, verified};
use crate::table::reserved;

/// By number: the imports that have rows in [`STAGED`].
pub(super) const IMPORTS: TableDefinition<'_, i64, &[u8]> = TableDefinition::new(reserved::IMPORTS);
/// By import and position: chunks of rows.
pub(super) const STAGED: TableDefinition<'_, i64, &[u8]> = TableDefinition::new(reserved::STAGED);

/// The number of bits of a chunk's key that hold the position.
const POSITION_BITS: u32 = 40;
/// The limit on rows per import.
const MAX_ROWS: u64 = 1 << POSITION_BITS;
/// Marks a row without a time, and the missing first id of an unpublished import.
const NONE: i64 = i64::MIN;

/// The state of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) number: i64,
    /// The time of its last change, in milliseconds since 1970.
    pub(super) changed: i64,
    /// The id of its first row, once it is published. From then on its rows belong to the table.
    pub(super) first_id: Option<i64>,
    /// The number of its rows, both staged and moved.
    pub(super) rows: u64,
    /// The number of its rows that have been moved to the redb table.
    pub(super) moved: u64,
    pub(super) table: String,
}

impl Import {
    pub(super) fn stored(&self) -> Vec<u8> {
        let first_id = self.first_id.unwrap_or(NONE);
        let numbers = [self.changed, first_id, self.rows.cast_signed(), self.moved.cast_signed()];
        let mut bytes = vec![0; HASH_BYTES];
        bytes.extend(numbers.into_iter().flat_map(i64::to_le_bytes));
        bytes.extend_from_slice(self.table.as_bytes());
        put_hash(&mut bytes, hash);
        bytes
    }

    fn from_stored(number: i64, bytes: &[u8]) -> Option<Self> {
        let (numbers, table) = verified(bytes, hash)?.split_at_checked(4 * 8)?;
        let (numbers, []) = numbers.as_chunks::<8>() else { return None };
        let [changed, first_id, rows, moved] = *numbers else { return None };
        let (rows, moved) = (u64::from_le_bytes(rows), u64::from_le_bytes(moved));
        let first_id = Some(i64::from_le_bytes(first_id)).filter(|id| *id != NONE);
        let table = std::str::from_utf8(table).ok()?.to_owned();
        let changed = i64::from_le_bytes(changed);
        let import = Self { number, changed, first_id, rows, moved, table };
        let last_id = first_id.map_or(Some(0), |id| id.checked_add_unsigned(rows));
        (rows < MAX_ROWS && moved <= rows && last_id.is_some()).then_some(import)
    }

    /// Reads the import with that number.
    pub(super) fn read(imports: &impl ImportsTable, number: i64) -> Result<Option<Self>> {
        let Some(stored) = imports.get(number)? else { return Ok(None) };
        let import = Self::from_stored(number, stored.value());
        import.map(Some).ok_or_else(|| unreadable(number))
    }

    /// Reads all imports, in the order of their numbers.
    pub(super) fn read_all(imports: &impl ImportsTable) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for item in imports.iter()? {
            let (number, stored) = item?;
            let import = Self::from_stored(number.value(), stored.value());
            all.push(import.ok_or_else(|| unreadable(number.value()))?);
        }
        Ok(all)
    }

    /// Returns the ids of its rows that belong to the table and are still staged; `None` if there
    /// are none.
    pub(super) fn pending(&self) -> Option<RangeInclusive<i64>> {
        let first = self.first_id?;
        let [from, until] = [self.moved, self.rows].map(|rows| first.saturating_add_unsigned(rows));
        (from < until).then(|| from..=until - 1)
    }

    /// Returns the number of rows that belong to the table and are still staged.
    pub(super) fn pending_rows(&self) -> u64 {
        self.first_id.map_or(0, |_| self.rows - self.moved)
    }

    /// Returns the position in the import of the row with that id.
    pub(super) fn position_of(&self, id: i64) -> u64 {
        self.first_id.map_or(0, |first| id.abs_diff(first))
    }

    /// Returns the key of the chunk that begins at a position.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the import has 2^40 rows (a trillion), or its number is past eight
    /// million.
    pub(super) fn key(&self, position: u64) -> Result<i64> {
        let number = self.number.checked_mul(1 << POSITION_BITS);
        let position = i64::try_from(position).ok().filter(|at| at.cast_unsigned() < MAX_ROWS);
        let key = number.zip(position).map(|(number, position)| number | position);
        key.ok_or_else(|| Error::Storage("the import has too many rows".into()))
    }

    /// Returns the key range of all its chunks.
    pub(super) fn keys(&self) -> Result<RangeInclusive<i64>> {
        Ok(self.key(0)?..=self.key(MAX_ROWS - 1)?)
    }

    /// Returns the position of the first row of a chunk.
    pub(super) fn position_at(&self, key: i64) -> u64 {
        key.cast_unsigned() & (MAX_ROWS - 1)
    }
}

/// The redb table of imports or of chunks, in a snapshot or a transaction.
pub(super) trait ImportsTable: ReadableTable<i64, &'static [u8]> {}

impl<T: ReadableTable<i64, &'static [u8]>> ImportsTable for T {}

/// Rows encoded as one chunk.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    pub(super) rows: u64,
}

impl Chunk {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; HASH_BYTES], rows: 0 }
    }

    /// Adds a row: its time in nanoseconds, and its JSON without the id.
    pub(super) fn push(&mut self, time: Option<i64>, json: &[u8]) -> Result<()> {
        let length = u32::try_from(json.len());
        let length = length.map_err(|_| Error::Storage("a row is larger than 4 GiB".into()))?;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&time.unwrap_or(NONE).to_le_bytes());
        self.bytes.extend_from_slice(json);
        self.rows += 1;
        Ok(())
    }

    pub(super) fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn stored(mut self) -> Vec<u8> {
        put_hash(&mut self.bytes, hash);
        self.bytes
    }
}

/// A row decoded from a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StagedRow<'a> {
    pub(super) time: Option<i64>,
    /// The JSON without the id.
    pub(super) json: &'a [u8],
}

/// Decodes the rows of a stored chunk; `None` if the bytes do not match their hash.
pub(super) fn rows_of_chunk(bytes: &[u8]) -> Option<Vec<StagedRow<'_>>> {
    let mut rest = verified(bytes, hash)?;
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let (row, after) = first_row(rest)?;
        rows.push(row);
        rest = after;
    }
    Some(rows)
}

fn first_row(bytes: &[u8]) -> Option<(StagedRow<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (time, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (json, rest) = rest.split_at_checked(length)?;
    let time = Some(i64::from_le_bytes(*time)).filter(|time| *time != NONE);
    Some((StagedRow { time, json }, rest))
}

/// Returns an error that becomes [`Error::Damaged`] when the call into redb ends.
pub(super) fn damaged(reason: &str) -> Error {
    Error::Storage(Box::new(redb::Error::Corrupted(reason.to_owned())))
}

/// Returns the error for an import whose bytes are damaged.
pub(super) fn unreadable(number: i64) -> Error {
    damaged(&format!("the staged rows of import {number} differ from what was written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_round_trip() {
        let rows = [(Some(7), &b",\"a\":1}"[..]), (None, b"}"), (Some(-1), b"")];
        let mut chunk = Chunk::new();
        rows.iter().for_each(|(time, json)| chunk.push(*time, json).unwrap());
        assert_eq!(chunk.rows, 3);
        let stored = chunk.stored();
        let read = rows_of_chunk(&stored).unwrap();
        assert_eq!(read.iter().map(|row| (row.time, row.json)).collect::<Vec<_>>(), rows);
    }

    #[test]
    fn changed_bits_of_chunks_and_states_are_detected() {
        let mut chunk = Chunk::new();
        chunk.push(Some(1), b",\"a\":1}").unwrap();
        let (number, table) = (3, "ticks".to_owned());
        let import = Import { number, changed: 5, first_id: Some(1), rows: 2, moved: 1, table };
        assert_eq!(Import::from_stored(3, &import.stored()), Some(import.clone()));
        for (stored, is_chunk) in [(chunk.stored(), true), (import.stored(), false)] {
            for bit in 0..8 * stored.len() {
                let mut changed = stored.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_chunk || rows_of_chunk(&changed).is_none(), "bit {bit}");
                assert!(is_chunk || Import::from_stored(3, &changed).is_none(), "bit {bit}");
            }
            for length in 0..stored.len() {
                assert!(!is_chunk || rows_of_chunk(&stored[..length]).is_none());
                assert!(is_chunk || Import::from_stored(3, &stored[..length]).is_none());
            }
        }
    }

    #[test]
    fn chunks_are_found_by_position() {
        let (number, table) = (2, "ticks".to_owned());
        let import = Import { number, changed: 0, first_id: Some(10), rows: 9, moved: 4, table };
        assert_eq!(import.pending(), Some(14..=18));
        assert_eq!(import.position_of(14), 4);
        let keys = import.keys().unwrap();
        assert!(keys.contains(&import.key(4).unwrap()));
        assert_eq!(import.position_at(import.key(4).unwrap()), 4);
        assert!(!keys.contains(&Import { number: 3, ..import.clone() }.key(0).unwrap()));
        assert!(import.key(MAX_ROWS).is_err());
        assert_eq!(Import { moved: 9, ..import.clone() }.pending(), None);
        assert_eq!(Import { first_id: None, ..import }.pending(), None);
    }
}
