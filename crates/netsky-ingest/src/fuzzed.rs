//! What the fuzz targets need and nobody else: lines with limits that short inputs reach.

use std::io::{self, Read};

use crate::lines::Lines;

/// A line of an input: its bytes, unless it is too long, where it begins and ends, and whether it has a line break.
pub type AnyLine = (Option<Vec<u8>>, u64, u64, bool);

/// Reads all lines of an input, with these limits on a line and on a text.
///
/// # Errors
///
/// Those of the input.
pub fn lines(input: impl Read, limit: usize, text_limit: usize) -> io::Result<Vec<AnyLine>> {
    let mut lines = Lines::with_limits(input, limit, text_limit);
    let mut all = Vec::new();
    while let Some(line) = lines.next()? {
        all.push((line.bytes.map(<[u8]>::to_vec), line.offset, line.end, line.is_whole));
    }
    Ok(all)
}
