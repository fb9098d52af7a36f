//! A position in a row, and functions that read the value there.
//!
//! `None` does not mean that the row is corrupt: its JSON may only be unusual there.

use std::ops::Range;

use crate::row::structural::{StructuralIndex, WORD, first};
use crate::row::token::Token;

/// Any number with this many digits fits in an unsigned 64-bit integer.
const MAX_DIGITS: usize = 19;

/// A position in a row.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    json: &'a [u8],
    /// The index of the row.
    index: &'a StructuralIndex,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Creates a cursor at the beginning of the row.
    pub(super) fn new(json: &'a [u8], index: &'a StructuralIndex) -> Self {
        Self { json, index, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    /// Returns the whole row.
    pub(super) fn json(&self) -> &'a [u8] {
        self.json
    }

    /// Returns the bytes from the position on.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.json.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn token(&mut self, token: &Token) -> Option<()> {
        token.begins(self.json.get(self.at..)?).then(|| self.at += token.len())
    }

    /// Moves past `null`, `true` or `false`.
    #[inline]
    pub(super) fn word(&mut self, word: &[u8]) -> Option<()> {
        self.json.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// Reads a signed 64-bit integer.
    #[inline]
    pub(super) fn int(&mut self) -> Option<i64> {
        let rest = self.json.get(self.at..)?;
        let negative = rest.first() == Some(&b'-');
        let digits = rest.get(usize::from(negative)..)?;
        let (mut number, mut count) = (0_u64, 0);
        while let Some(byte @ b'0'..=b'9') = digits.get(count) {
            number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            count += 1;
        }
        let leading_zero = digits.first() == Some(&b'0') && count > 1;
        if count == 0 || count > MAX_DIGITS || leading_zero {
            return None;
        }
        self.at += usize::from(negative) + count;
        if negative { 0_i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() }
    }

    /// Reads a number with a fraction or an exponent, which every stored float has. Whole numbers
    /// are left to the parser.
    #[inline]
    pub(super) fn float(&mut self) -> Option<f64> {
        let rest = self.rest();
        let fraction_at = usize::from(rest.first() == Some(&b'-'));
        let mut end = digits(rest, fraction_at)?;
        // JSON does not allow leading zeros.
        if rest.get(fraction_at) == Some(&b'0') && end > fraction_at + 1 {
            return None;
        }
        let whole_end = end;
        if rest.get(end) == Some(&b'.') {
            end = digits(rest, end + 1)?;
        }
        if let Some(b'e' | b'E') = rest.get(end) {
            let signed = matches!(rest.get(end + 1), Some(b'+' | b'-'));
            end = digits(rest, end + 1 + usize::from(signed))?;
        }
        let text = std::str::from_utf8(rest.get(..end)?).ok()?;
        // This gives the nearest float. The parser refuses numbers that are too large for a float.
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
        (end > whole_end).then(|| {
            self.at += end;
            number
        })
    }

    /// Moves past a number of either kind.
    #[inline]
    pub(super) fn number(&mut self) -> Option<()> {
        let start = self.at;
        let is_whole = self.int().is_some() && !matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        if is_whole {
            return Some(());
        }
        self.at = start;
        self.float().map(|_| ())
    }

    /// Moves past a string without escapes, and returns the range between its quotes.
    #[inline]
    pub(super) fn plain_text(&mut self) -> Option<Range<usize>> {
        let start = self.at + 1;
        let end = self.index.next(start)?;
        (*self.json.get(end)? == b'"').then(|| {
            self.at = end + 1;
            start..end
        })
    }

    /// Moves past any string.
    #[inline]
    pub(super) fn skip_text(&mut self) -> Option<()> {
        let mut at = self.at + 1;
        let mut escaped = 0;
        loop {
            let mut marks = self.index.word(at)? & !escaped;
            escaped = 0;
            while marks != 0 {
                let place = at + first(marks);
                if *self.json.get(place)? == b'"' {
                    self.at = place + 1;
                    return Some(());
                }
                unescape(self.json, place + 1)?;
                // An escaped `"` or `\` does not count, whether it is in this word or the next.
                let mark = marks & marks.wrapping_neg();
                marks &= !(mark | mark << 8);
                escaped = mark >> (u64::BITS - 8);
            }
            at += WORD;
        }
    }

    /// Moves past a string, writes it to `text` without escapes, and returns its length. `text`
    /// must have room for a [`WORD`] more than that.
    pub(super) fn unescape_text(&mut self, text: &mut [u8]) -> Option<usize> {
        let mut at = self.at + 1;
        let mut length = 0;
        loop {
            let run = first(self.index.word(at)?);
            // Copy a whole word even if fewer bytes are needed, because a call of `memcpy` takes
            // longer.
            *text.get_mut(length..)?.first_chunk_mut()? = self.word_at(at)?;
            (at, length) = (at + run, length + run);
            if run == WORD {
                continue;
            }
            if *self.json.get(at)? == b'"' {
                self.at = at + 1;
                return Some(length);
            }
            let (byte, end) = unescape(self.json, at + 1)?;
            *text.get_mut(length)? = byte;
            (at, length) = (end, length + 1);
        }
    }

    /// Returns the bytes from `at` on, with zeros after the row's end.
    #[inline]
    fn word_at(&self, at: usize) -> Option<[u8; WORD]> {
        let rest = self.json.get(at..)?;
        let padded = || std::array::from_fn(|index| rest.get(index).copied().unwrap_or_default());
        Some(rest.first_chunk().copied().unwrap_or_else(padded))
    }
}

/// Returns the end of the digits that begin at `from`; `None` if there are none.
#[inline]
fn digits(text: &[u8], from: usize) -> Option<usize> {
    let count = text.get(from..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count > 0).then_some(from + count)
}

/// By letter: the byte that an escape of one letter stands for; 0 for any other letter.
const UNESCAPED: [u8; 256] = {
    let mut bytes = [0; 256];
    bytes[b'"' as usize] = b'"';
    bytes[b'\\' as usize] = b'\\';
    bytes[b'/' as usize] = b'/';
    bytes[b'n' as usize] = b'\n';
    bytes[b'r' as usize] = b'\r';
    bytes[b't' as usize] = b'\t';
    bytes[b'b' as usize] = 0x08;
    bytes[b'f' as usize] = 0x0c;
    bytes
};

/// Returns the byte that the escape after a `\` stands for, and the escape's end. Only escapes that
/// a JSON writer needs are read, and each of them stands for one byte.
#[inline]
fn unescape(json: &[u8], at: usize) -> Option<(u8, usize)> {
    match UNESCAPED[usize::from(*json.get(at)?)] {
        0 => Some((unescape_hex(json.get(at..)?)?, at + 5)),
        byte => Some((byte, at + 1)),
    }
}

#[cold]
fn unescape_hex(escape: &[u8]) -> Option<u8> {
    let [b'u', b'0', b'0', high @ b'0'..=b'7', low] = *escape.first_chunk()? else {
        return None;
    };
    let low = u8::try_from(char::from(low).to_digit(16)?).ok()?;
    Some((high - b'0') << 4 | low)
}
