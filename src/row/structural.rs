//! An index of the `"` and `\` in a row: the bytes that end a string or begin an escape.

use std::ops::Range;

/// The number of bytes that are examined together to find the places.
const BLOCK: usize = 32;
/// The number of bytes that are examined together to iterate over the places.
pub(super) const WORD: usize = 8;

/// The places in a row. The buffer is reused for the next row.
///
/// They are found for the whole row at once, in a loop that compiles to vector instructions.
/// Searching from the beginning of each string, eight bytes at a time, takes a tenth longer.
#[derive(Debug, Default)]
pub(super) struct StructuralIndex {
    /// 1 for each such byte of the row, 0 for any other. The rest is left over from longer rows. It
    /// has at least one word, so that a whole word can be read from every byte of a row.
    marks: Vec<u8>,
}

/// A summary of a row's bytes.
struct Seen {
    lowest: u8,
    /// The bitwise OR of all bytes.
    all: u8,
}

impl StructuralIndex {
    /// Finds the places in a row. Returns `None` if the row has control characters or is not UTF-8.
    pub(super) fn find(&mut self, json: &[u8]) -> Option<()> {
        let room = json.len() + WORD;
        if self.marks.len() < room {
            self.marks.resize(room, 0);
        }
        // The last block overlaps the whole ones. Otherwise the remaining bytes would be examined
        // one by one, and fifteen of those take as long as two hundred in blocks.
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

    /// Returns the marks of the bytes from `at` on, the first in the lowest byte.
    #[inline]
    pub(super) fn word(&self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(*self.marks.get(at..)?.first_chunk()?))
    }

    /// Returns the first place from `at` on. If the row has none, returns `None` or a place past
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

/// Returns the position of the first mark in a word, which must have one.
#[inline]
pub(super) fn first(word: u64) -> usize {
    word.trailing_zeros() as usize / 8
}
