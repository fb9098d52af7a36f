//! Keys of rows, and small named states: what recording exactly once needs besides the rows.
//!
//! # Format
//!
//! Two redb tables, which have the type of a table of rows because `netsky backup` of version 0.3.0
//! copies redb tables of that type and refuses all others.
//!
//! `.keys` maps the first half of a key to the entries that share it, nearly always one: the second half
//! of the key and a number, little-endian 64-bit integers. `.states` maps the hash of a name to the states
//! that share it: the length of the name in 32 bits, the name, the length of the value in 32 bits, and the
//! value. Before the entries stands a hash of them and of the redb key (see [`hash_under`]), because redb
//! verifies its own checksums only in a check.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table as RedbTable, TableDefinition, WriteTransaction};

use crate::error::{Error, Result};
use crate::hash::{HASH_BYTES, hash, hash_under, put_hash, verified};
use crate::table::reserved;

pub(super) const KEYS: TableDefinition<'_, i64, &[u8]> = TableDefinition::new(reserved::KEYS);
pub(super) const STATES: TableDefinition<'_, i64, &[u8]> = TableDefinition::new(reserved::STATES);

/// The beginning of the names of states that say something of the store itself. A backup does not get them, because
/// it is another store once something is recorded in it.
pub const OWN_STATE: &str = "own.";

/// The key of a row: a hash of what identifies it. Two keys must be as unlikely to collide as two random
/// numbers of 128 bits.
pub type Key = [u8; 16];

/// Keys and states, in a transaction.
pub(super) struct KeyWriter<'txn> {
    keys: RedbTable<'txn, i64, &'static [u8]>,
    states: RedbTable<'txn, i64, &'static [u8]>,
    /// The numbers that were set, by the halves of their keys. They are written in the end, in the order of the
    /// redb table: keys are random, and in any other order nearly each would be written to another page than
    /// the one before.
    numbers: BTreeMap<(i64, i64), i64>,
}

impl<'txn> KeyWriter<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self> {
        let (keys, states) = (txn.open_table(KEYS)?, txn.open_table(STATES)?);
        Ok(Self { keys, states, numbers: BTreeMap::new() })
    }

    pub(super) fn number(&self, key: &Key) -> Result<Option<i64>> {
        match self.numbers.get(&halves(key)) {
            Some(number) => Ok(Some(*number)),
            None => number(&self.keys, key),
        }
    }

    pub(super) fn set_number(&mut self, key: &Key, number: i64) {
        self.numbers.insert(halves(key), number);
    }

    /// Writes the numbers that were set.
    pub(super) fn finish(mut self) -> Result<()> {
        let numbers: Vec<_> = self.numbers.into_iter().collect();
        for same_place in numbers.chunk_by(|((one, _), _), ((other, _), _)| one == other) {
            let Some(((place, _), _)) = same_place.first() else { continue };
            let entries: Vec<_> =
                same_place.iter().map(|((_, rest), number)| (*rest, *number)).collect();
            let before = match self.keys.insert(place, encode_keys(*place, &entries).as_slice())? {
                Some(before) => decode_keys(*place, before.value()).ok_or_else(damaged)?,
                None => continue,
            };
            let is_set = |rest: i64| entries.iter().any(|(set, _)| *set == rest);
            let others: Vec<_> = before.into_iter().filter(|(rest, _)| !is_set(*rest)).collect();
            if !others.is_empty() {
                let all = [others, entries].concat();
                self.keys.insert(place, encode_keys(*place, &all).as_slice())?;
            }
        }
        Ok(())
    }

    pub(super) fn state(&self, name: &str) -> Result<Option<Vec<u8>>> {
        state(&self.states, name)
    }

    pub(super) fn set_state(&mut self, name: &str, value: &[u8]) -> Result<()> {
        let place = place_of(name);
        let mut entries = read_states(&self.states, place)?;
        entries.retain(|(other, _)| other != name);
        entries.push((name.to_owned(), value.to_vec()));
        self.set_states(place, &entries)
    }

    fn set_states(&mut self, place: i64, entries: &[(String, Vec<u8>)]) -> Result<()> {
        let mut bytes = vec![0; HASH_BYTES];
        for (name, value) in entries {
            for part in [name.as_bytes(), value] {
                let length = u32::try_from(part.len())
                    .map_err(|_| Error::Storage("a state exceeds 4 GiB".into()))?;
                bytes.extend_from_slice(&length.to_le_bytes());
                bytes.extend_from_slice(part);
            }
        }
        put_hash(&mut bytes, |bytes| hash_under(place, bytes));
        self.states.insert(place, bytes.as_slice())?;
        Ok(())
    }
}

/// Returns the number of a key.
pub(super) fn number(
    keys: &impl ReadableTable<i64, &'static [u8]>,
    key: &Key,
) -> Result<Option<i64>> {
    let (place, rest) = halves(key);
    let entries = read_keys(keys, place)?;
    Ok(entries.into_iter().find(|(other, _)| *other == rest).map(|(_, number)| number))
}

/// Returns the value of a state.
pub(super) fn state(
    states: &impl ReadableTable<i64, &'static [u8]>,
    name: &str,
) -> Result<Option<Vec<u8>>> {
    let entries = read_states(states, place_of(name))?;
    Ok(entries.into_iter().find(|(other, _)| other == name).map(|(_, value)| value))
}

/// Returns all states whose name begins with `prefix`, in no order.
pub(super) fn states_with(
    states: &impl ReadableTable<i64, &'static [u8]>,
    prefix: &str,
) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for item in states.iter()? {
        let (place, stored) = item?;
        found.extend(decode_states(place.value(), stored.value()).ok_or_else(damaged)?);
    }
    found.retain(|(name, _)| name.starts_with(prefix));
    Ok(found)
}

/// Deletes the states that say something of the store itself, in a copy of it.
pub(super) fn delete_own_states(txn: &WriteTransaction) -> Result<()> {
    let mut writer = KeyWriter::open(txn)?;
    let mut changed = Vec::new();
    for item in writer.states.iter()? {
        let (place, stored) = item?;
        let mut states = decode_states(place.value(), stored.value()).unwrap_or_default();
        if states.iter().any(|(name, _)| name.starts_with(OWN_STATE)) {
            states.retain(|(name, _)| !name.starts_with(OWN_STATE));
            changed.push((place.value(), states));
        }
    }
    for (place, states) in changed {
        match states.is_empty() {
            true => drop(writer.states.remove(place)?),
            false => writer.set_states(place, &states)?,
        }
    }
    Ok(())
}

/// Returns the number of entries of the two tables that cannot be read.
pub(super) fn count_damaged(
    keys: &impl ReadableTable<i64, &'static [u8]>,
    states: &impl ReadableTable<i64, &'static [u8]>,
) -> Result<u64> {
    let mut count = 0;
    for item in keys.iter()? {
        let (place, stored) = item?;
        count += u64::from(decode_keys(place.value(), stored.value()).is_none());
    }
    for item in states.iter()? {
        let (place, stored) = item?;
        count += u64::from(decode_states(place.value(), stored.value()).is_none());
    }
    Ok(count)
}

/// Deletes the entries that cannot be read.
pub(super) fn delete_damaged(txn: &WriteTransaction) -> Result<()> {
    let mut writer = KeyWriter::open(txn)?;
    writer.keys.retain(|place, stored| decode_keys(place, stored).is_some())?;
    writer.states.retain(|place, stored| decode_states(place, stored).is_some())?;
    Ok(())
}

fn halves(key: &Key) -> (i64, i64) {
    let (halves, _) = key.as_chunks::<8>();
    match halves {
        [first, second] => (i64::from_le_bytes(*first), i64::from_le_bytes(*second)),
        _ => (0, 0),
    }
}

fn place_of(name: &str) -> i64 {
    hash(name.as_bytes()).cast_signed()
}

fn read_keys(keys: &impl ReadableTable<i64, &'static [u8]>, place: i64) -> Result<Vec<(i64, i64)>> {
    let Some(stored) = keys.get(place)? else { return Ok(Vec::new()) };
    decode_keys(place, stored.value()).ok_or_else(damaged)
}

fn encode_keys(place: i64, entries: &[(i64, i64)]) -> Vec<u8> {
    let mut bytes = vec![0; HASH_BYTES];
    for (rest, number) in entries {
        bytes.extend_from_slice(&rest.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    put_hash(&mut bytes, |bytes| hash_under(place, bytes));
    bytes
}

fn decode_keys(place: i64, stored: &[u8]) -> Option<Vec<(i64, i64)>> {
    let (numbers, []) = verified(stored, |bytes| hash_under(place, bytes))?.as_chunks::<16>()
    else {
        return None;
    };
    Some(numbers.iter().map(halves).collect())
}

fn read_states(
    states: &impl ReadableTable<i64, &'static [u8]>,
    place: i64,
) -> Result<Vec<(String, Vec<u8>)>> {
    let Some(stored) = states.get(place)? else { return Ok(Vec::new()) };
    decode_states(place, stored.value()).ok_or_else(damaged)
}

fn decode_states(place: i64, stored: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut rest = verified(stored, |bytes| hash_under(place, bytes))?;
    let mut take = || {
        let (length, after) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (part, after) = after.split_at_checked(length)?;
        rest = after;
        Some(part)
    };
    let mut states = Vec::new();
    while let Some(name) = take() {
        let value = take()?;
        states.push((String::from_utf8(name.to_vec()).ok()?, value.to_vec()));
    }
    rest.is_empty().then_some(states)
}

fn damaged() -> Error {
    Error::Storage(
        "what is noted of ingested rows is damaged; `netsky check --repair` drops the damaged notes".into(),
    )
}
