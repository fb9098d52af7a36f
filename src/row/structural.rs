//! Where a row has `"` and `\`: the bytes that a text ends at, or goes on differently.

use std::ops::Range;

/// How many bytes are looked at together to find the places.
const BLOCK: usize = 32;
/// How many bytes are looked at together to go through the places.
pub(super) const WORD: usize = 8;

/// The places of one row after another.
///
/// They are found for the whole row at once, in a loop that compiles to vector instructions. To
/// search from the beginning of each text, eight bytes at a time, takes a tenth longer.
#[derive(Debug, Default)]
pub(super) struct StructuralIndex {
    /// 1 for each such byte of the row, 0 for each other. What follows is of longer rows before; it
    /// is a word at least, so that every byte of a row begins a whole word.
    marks: Vec<u8>,
}

/// What there is among a row's bytes.
struct Seen {
    lowest: u8,
    /// Each bit that one of them has.
    all: u8,
}

impl StructuralIndex {
    /// Finds the places in a row. `None` if it has control characters, or is not UTF-8.
    pub(super) fn find(&mut self, json: &[u8]) -> Option<()> {
        let room = json.len() + WORD;
        if self.marks.len() < room {
            self.marks.resize(room, 0);
        }
        // The last block overlaps the whole ones. Else the bytes that are left over are looked at
        // one by one, of which fifteen take as long as two hundred that are not.
        let (whole, last) = (json.len() / BLOCK * BLOCK, json.len().saturating_sub(BLOCK));
        let seen = [self.mark(json, 0..whole), self.mark(json, last..json.len())];
        let lowest = seen[0].lowest.min(seen[1].lowest);
        let is_ascii = (seen[0].all | seen[1].all).is_ascii();
        (lowest >= b' ' && (is_ascii || std::str::from_utf8(json).is_ok())).then_some(())
    }

    /// Marks the places in a part of a row.
    #[inline]
    fn mark(&mut self, json: &[u8], part: Range<usize>) -> Seen {
        let (mut lowest, mut all) = (u8::MAX, 0);
        for (mark, &byte) in self.marks[part.clone()].iter_mut().zip(&json[part]) {
            *mark = u8::from(byte == b'"') | u8::from(byte == b'\\');
            lowest = byte.min(lowest);
            all |= byte;
        }
        Seen { lowest, all }
    }

    /// The marks of the bytes from `at` on, the first in the lowest byte.
    #[inline]
    pub(super) fn word(&self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(*self.marks.get(at..)?.first_chunk()?))
    }

    /// The first place that is not before `at`. If the row has none, there is none, or it is past
    /// the row's end.
    #[inline]
    pub(super) fn next(&self, mut at: usize) -> Option<usize> {
        loop {
            match self.word(at)? {
                0 => at += WORD,
                word => return Some(at + first(word)),
            }
        }
    }
}

/// The place of the first mark in a word that has one.
#[inline]
pub(super) fn first(word: u64) -> usize {
    word.trailing_zeros() as usize / 8
}
