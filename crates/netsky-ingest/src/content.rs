//! Finds the row of a model call whose sources do not share an id.
//!
//! Calls with equal content are counted. The row of the first one is in slot 1, and so on, and each source has
//! a count of its own: its first such call is that in slot 1. So a call that two sources have seen is one row,
//! and two equal calls of one source are two.

use netsky_db::Result;
use netsky_db::internal::{Key, UpsertTransaction};

use crate::key::key;
use crate::sighting::Content;
use crate::via::Via;

/// No session has this many calls with equal token counts. It bounds the search.
const MAX_SLOTS: i64 = 10_000;

/// Returns the row of a call that none of its keys has found.
pub(crate) fn find(
    txn: &UpsertTransaction<'_>,
    content: &Content,
    via: Via,
) -> Result<Option<i64>> {
    if !content.has_shared_id {
        let slot = count(txn, content, via)?.saturating_add(1);
        return Ok(slot_of(txn, content, slot)?.map(|slot| slot.row));
    }
    // Only a row of another source, which does not know the id, can be that of the call.
    for slot in 1..=MAX_SLOTS {
        match slot_of(txn, content, slot)? {
            None => break,
            Some(found) if !found.has_shared_id && found.via != via => return Ok(Some(found.row)),
            Some(_) => {}
        }
    }
    Ok(None)
}

/// Notes that a source has seen the call in a row. `was_known` means that a key had found the row: the source
/// may have told of the call before.
pub(crate) fn note(
    txn: &mut UpsertTransaction<'_>,
    content: &Content,
    via: Via,
    row: i64,
    was_known: bool,
) -> Result<()> {
    let mut free = 1;
    while free <= MAX_SLOTS {
        match slot_of(txn, content, free)? {
            None => break,
            Some(found) if found.row == row => {
                if content.has_shared_id && !found.has_shared_id {
                    set_slot(txn, content, free, Slot { has_shared_id: true, ..found })?;
                }
                if !was_known && !content.has_shared_id {
                    set_count(txn, content, via, free)?;
                }
                return Ok(());
            }
            Some(_) => free += 1,
        }
    }
    let slot = Slot { row, via, has_shared_id: content.has_shared_id };
    set_slot(txn, content, free, slot)?;
    if !content.has_shared_id {
        set_count(txn, content, via, free)?;
    }
    Ok(())
}

/// A row with the content.
#[derive(Debug, Clone, Copy)]
struct Slot {
    row: i64,
    /// The source that told of the row first.
    via: Via,
    /// Whether a source has told an id that others may know.
    has_shared_id: bool,
}

impl Slot {
    fn number(self) -> i64 {
        self.row << 3 | i64::from(self.has_shared_id) << 2 | self.via as i64
    }

    fn from_number(number: i64) -> Self {
        let via = match number & 3 {
            0 => Via::Hook,
            1 => Via::Otlp,
            _ => Via::Transcript,
        };
        Self { row: number >> 3, via, has_shared_id: number & 4 != 0 }
    }
}

fn slot_of(txn: &UpsertTransaction<'_>, content: &Content, slot: i64) -> Result<Option<Slot>> {
    Ok(txn.number(&slot_key(content, slot))?.map(Slot::from_number))
}

fn set_slot(txn: &mut UpsertTransaction<'_>, content: &Content, slot: i64, to: Slot) -> Result<()> {
    txn.set_number(&slot_key(content, slot), to.number())
}

fn count(txn: &UpsertTransaction<'_>, content: &Content, via: Via) -> Result<i64> {
    Ok(txn.number(&count_key(content, via))?.unwrap_or(0))
}

fn set_count(txn: &mut UpsertTransaction<'_>, content: &Content, via: Via, to: i64) -> Result<()> {
    txn.set_number(&count_key(content, via), to)
}

fn slot_key(content: &Content, slot: i64) -> Key {
    key("content.slot", &[&hex(&content.key), &slot.to_string()])
}

fn count_key(content: &Content, via: Via) -> Key {
    key("content.count", &[&hex(&content.key), via.name()])
}

fn hex(key: &Key) -> String {
    format!("{:032x}", u128::from_le_bytes(*key))
}
