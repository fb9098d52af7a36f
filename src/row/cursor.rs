//! A place in a row, and the values that can stand there.
//!
//! An answer of `None` is no verdict: the row may be corrupt there, or only unusual.

use std::ops::Range;

use crate::row::stops::Stops;
use crate::row::token::Token;

/// So many digits fit in 64 bits without a sign, whatever they are.
const MAX_DIGITS: usize = 19;

/// A place in a row.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    json: &'a [u8],
    /// Those of the row.
    stops: &'a Stops,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The row's beginning.
    pub(super) fn new(json: &'a [u8], stops: &'a Stops) -> Self {
        Self { json, stops, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    /// The whole row.
    pub(super) fn json(&self) -> &'a [u8] {
        self.json
    }

    /// What has not been passed.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.json.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn token(&mut self, token: &Token) -> Option<()> {
        token.begins(self.rest()).then(|| self.at += token.len())
    }

    /// Passes `null`, `true` or `false`.
    #[inline]
    pub(super) fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest().starts_with(word).then(|| self.at += word.len())
    }

    /// Passes an integer of 64 bits with a sign.
    #[inline]
    pub(super) fn int(&mut self) -> Option<i64> {
        let rest = self.rest();
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

    /// Passes a text, quotes and all, and gives the place of what is between them. `piece` gets
    /// the place of each run without escapes, with the byte that the escape after it stands for.
    #[inline]
    pub(super) fn text(
        &mut self,
        mut piece: impl FnMut(Range<usize>, Option<u8>),
    ) -> Option<Range<usize>> {
        let start = self.at + 1;
        let mut run = start;
        loop {
            let stop = self.stops.next(run)?;
            if *self.json.get(stop)? == b'"' {
                piece(run..stop, None);
                self.at = stop + 1;
                return Some(start..stop);
            }
            let (byte, length) = unescape(self.json.get(stop + 1..)?)?;
            piece(run..stop, Some(byte));
            run = stop + 1 + length;
        }
    }
}

/// The byte that an escape stands for, and the escape's length, both without the `\`. Only the
/// escapes that a writer needs are read; all of those stand for one byte.
#[inline]
fn unescape(escape: &[u8]) -> Option<(u8, usize)> {
    let byte = match *escape.first()? {
        byte if matches!(byte, b'"' | b'\\' | b'/') => byte,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'u' => {
            let [_, b'0', b'0', high @ b'0'..=b'7', low] = *escape.first_chunk()? else {
                return None;
            };
            let low = u8::try_from(char::from(low).to_digit(16)?).ok()?;
            return Some(((high - b'0') << 4 | low, 5));
        }
        _ => return None,
    };
    Some((byte, 1))
}
