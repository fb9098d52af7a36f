//! Finds the row of a model call whose sources do not share an id.
//!
//! The rows of calls with equal content are in slots, each with the sources that have told of it. The next such
//! call of a source is that in the first slot of which it has not told. So a call that two sources have seen is
//! one row, and two equal calls of one source are two.

use netsky_db::internal::{Key, UpsertTransaction};
use netsky_db::{Result, Table};

use crate::key::key;
use crate::sighting::Content;
use crate::via::{Via, Vias};

/// No session has this many calls with equal token counts. It bounds the search: more are not joined.
const MAX_SLOTS: i64 = 1_000;

/// Returns the row of a call that none of its keys has found.
pub(crate) fn find(
    txn: &UpsertTransaction<'_>,
    content: &Content,
    via: Via,
) -> Result<Option<i64>> {
    for place in 1..=MAX_SLOTS {
        match slot(txn, content, place)? {
            None => break,
            Some(slot) if slot.is_free_for(content, via) => return Ok(Some(slot.row)),
            Some(_) => {}
        }
    }
    Ok(None)
}

/// Returns the row of another source that turns out to be that of the same call as `row`, which a key has found.
///
/// It happens if the row was made before it was known to be of this session: a forked session has copies of the
/// calls of the one that it was forked from.
pub(crate) fn find_twin(
    txn: &UpsertTransaction<'_>,
    content: &Content,
    via: Via,
    row: i64,
) -> Result<Option<i64>> {
    let mut twin = None;
    for place in 1..=MAX_SLOTS {
        match slot(txn, content, place)? {
            None => break,
            Some(slot) if slot.row == row => return Ok(None),
            Some(slot) if slot.is_free_for(content, via) => twin = twin.or(Some(slot.row)),
            Some(_) => {}
        }
    }
    Ok(twin)
}

/// Notes that a source has seen the call in a row.
pub(crate) fn note(
    txn: &mut UpsertTransaction<'_>,
    content: &Content,
    via: Via,
    row: i64,
) -> Result<()> {
    note_in_place_of(txn, content, via, row, row)
}

/// Notes that a source has seen the call in a row, which takes the place of its twin.
pub(crate) fn note_in_place_of(
    txn: &mut UpsertTransaction<'_>,
    content: &Content,
    via: Via,
    row: i64,
    twin: i64,
) -> Result<()> {
    for place in 1..=MAX_SLOTS {
        let before = slot(txn, content, place)?;
        if before.is_some_and(|slot| slot.row != twin) {
            continue;
        }
        let Slot { has_shared_id, vias, .. } =
            before.unwrap_or(Slot { row, has_shared_id: false, vias: Vias::default() });
        let has_shared_id = has_shared_id || content.has_shared_id;
        let after = Slot { row, has_shared_id, vias: vias.with(via) };
        if before != Some(after) {
            txn.set_number(&slot_key(content, place), after.number());
        }
        break;
    }
    Ok(())
}

/// Returns the row that a row was joined to, or the row itself. Keys that its source has told still lead to it.
pub(crate) fn joined(txn: &UpsertTransaction<'_>, table: &Table, row: i64) -> Result<i64> {
    Ok(txn.number(&joined_key(table, row))?.unwrap_or(row))
}

/// Notes that a row was joined to another one.
pub(crate) fn set_joined(txn: &mut UpsertTransaction<'_>, table: &Table, row: i64, to: i64) {
    txn.set_number(&joined_key(table, row), to);
}

/// A row with the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    row: i64,
    /// Whether a source has told an id that others may know.
    has_shared_id: bool,
    /// The sources that have told of it.
    vias: Vias,
}

impl Slot {
    /// Whether the next call of a source may be that of the row. One with an id is another than one with
    /// another id.
    fn is_free_for(self, content: &Content, via: Via) -> bool {
        !(self.vias.contains(via) || content.has_shared_id && self.has_shared_id)
    }

    fn number(self) -> i64 {
        self.row << 4 | i64::from(self.has_shared_id) << 3 | i64::from(self.vias.bits())
    }

    fn from_number(number: i64) -> Self {
        let vias = Vias::from_bits((number & 0b111) as u8);
        Self { row: number >> 4, has_shared_id: number & 0b1000 != 0, vias }
    }
}

fn slot(txn: &UpsertTransaction<'_>, content: &Content, place: i64) -> Result<Option<Slot>> {
    Ok(txn.number(&slot_key(content, place))?.map(Slot::from_number))
}

fn joined_key(table: &Table, row: i64) -> Key {
    key("content.joined", &[table.name(), &row.to_string()])
}

fn slot_key(content: &Content, place: i64) -> Key {
    key("content.slot", &[&hex(&content.key), &place.to_string()])
}

fn hex(key: &Key) -> String {
    format!("{:032x}", u128::from_le_bytes(*key))
}
