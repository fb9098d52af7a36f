//! Where a row has `"` and `\`: the bytes that a text ends at, or goes on differently.

/// How many bytes are looked at together.
const WORD: usize = 8;

/// The places of one row after another.
///
/// They are found for the whole row at once, in a loop that compiles to vector instructions. To
/// search from the beginning of each text, eight bytes at a time, takes a tenth longer.
#[derive(Debug, Default)]
pub(super) struct Stops {
    /// 1 for each such byte of the row, 0 for each other. What follows is of longer rows before; it
    /// is a word at least, so that every byte of a row begins a whole word.
    marks: Vec<u8>,
}

impl Stops {
    /// Finds the places in a row. `None` if it has control characters, or is not UTF-8.
    pub(super) fn find(&mut self, json: &[u8]) -> Option<()> {
        let room = json.len() + WORD;
        if self.marks.len() < room {
            self.marks.resize(room, 0);
        }
        let (mut lowest, mut all) = (u8::MAX, 0);
        for (mark, &byte) in self.marks.iter_mut().zip(json) {
            *mark = u8::from(byte == b'"') | u8::from(byte == b'\\');
            lowest = byte.min(lowest);
            all |= byte;
        }
        (lowest >= b' ' && (all.is_ascii() || std::str::from_utf8(json).is_ok())).then_some(())
    }

    /// The first place that is not before `at`. If the row has none, there is none, or it is past
    /// the row's end.
    #[inline]
    pub(super) fn next(&self, mut at: usize) -> Option<usize> {
        loop {
            let word = u64::from_le_bytes(*self.marks.get(at..)?.first_chunk::<WORD>()?);
            if word != 0 {
                return Some(at + word.trailing_zeros() as usize / 8);
            }
            at += WORD;
        }
    }
}
