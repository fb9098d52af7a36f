//! What the server and a process that answers one query after another tell each other: a tag, the length with its own
//! four bytes, and the body, as in PostgreSQL's protocol.

use std::io::{self, ErrorKind, Read, Write};

/// A query: the arguments of `netsky query`, as JSON.
pub const QUERY: u8 = b'q';
/// Some bytes of the answer.
pub const DATA: u8 = b'd';
/// The answer has ended.
pub const DONE: u8 = b'Z';
/// The query has failed: the object that `--json` prints.
pub const FAILURE: u8 = b'E';

/// No body is longer.
const MAX_BYTES: usize = 64 << 20;

/// A tag and what it is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub tag: u8,
    /// What is said.
    pub body: Vec<u8>,
}

/// Reads a frame. There is none at the end of the input.
///
/// # Errors
///
/// The input fails, or its next bytes are no frame.
pub fn read(input: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut tag = [0];
    if input.read(&mut tag)? == 0 {
        return Ok(None);
    }
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok().and_then(|it| it.checked_sub(4));
    let length = length.filter(|length| *length <= MAX_BYTES).ok_or(ErrorKind::InvalidData)?;
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some(Frame { tag: tag[0], body }))
}

/// Writes a frame.
///
/// # Errors
///
/// The output fails, or the body is too long.
pub fn write(tag: u8, body: &[u8], output: &mut impl Write) -> io::Result<()> {
    let length =
        u32::try_from(body.len().saturating_add(4)).map_err(|_| ErrorKind::InvalidInput)?;
    output.write_all(&[tag])?;
    output.write_all(&length.to_be_bytes())?;
    output.write_all(body)
}
