//! What a server asks: messages of a client, up to a Sync.
//!
//! Decoded here, because the decoder of `pgwire` 0.41 panics if a message ends early.

use std::io::{self, ErrorKind, Read};

/// No message that a server passes on is as long.
const MAX_BYTES: usize = 64 << 20;

/// What a server asks of one statement.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub sql: String,
    /// The types that the client has declared for its parameters. 0 is any.
    pub parameter_types: Vec<u32>,
    pub bind: Option<Bind>,
    pub describe: Option<Describe>,
    pub execute: bool,
}

/// The values of parameters, and the formats of the answer's columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bind {
    pub formats: Vec<i16>,
    pub values: Vec<Option<Vec<u8>>>,
    pub result_formats: Vec<i16>,
}

/// What is described: the statement, with its parameters, or the answer of its portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Describe {
    Statement,
    Portal,
}

impl Request {
    /// Reads the next request. There is none at the end of the input.
    ///
    /// # Errors
    ///
    /// The input fails, or is no request.
    pub fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut request = Self::default();
        let mut is_first = true;
        loop {
            let mut tag = [0];
            if input.read(&mut tag)? == 0 {
                return if is_first { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            is_first = false;
            let mut length = [0; 4];
            input.read_exact(&mut length)?;
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            let length = length.checked_sub(4).filter(|length| *length <= MAX_BYTES);
            let mut body = vec![0; length.ok_or_else(|| invalid("a length"))?];
            input.read_exact(&mut body)?;
            if tag == *b"S" {
                return Ok(Some(request));
            }
            let tag = tag[0];
            let read = request.add(tag, &mut Body(&body));
            read.ok_or_else(|| invalid(&format!("a message '{}'", tag.escape_ascii())))?;
        }
    }

    fn add(&mut self, tag: u8, body: &mut Body<'_>) -> Option<()> {
        match tag {
            b'P' => {
                body.text()?;
                self.sql = body.text()?;
                let count = body.u16()?;
                self.parameter_types = (0..count).map(|_| body.u32()).collect::<Option<_>>()?;
            }
            b'B' => {
                body.text()?;
                body.text()?;
                let formats = body.formats()?;
                let count = body.u16()?;
                let values = (0..count).map(|_| body.value()).collect::<Option<_>>()?;
                self.bind = Some(Bind { formats, values, result_formats: body.formats()? });
            }
            b'D' => {
                self.describe = Some(match body.take(1)? {
                    b"S" => Describe::Statement,
                    b"P" => Describe::Portal,
                    _ => return None,
                });
            }
            b'E' => self.execute = true,
            _ => return None,
        }
        Some(())
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{what} that is no part of a request"))
}

/// The bytes of a message that are left.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(count)?;
        self.0 = left;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = std::str::from_utf8(self.take(end)?).ok()?.to_owned();
        self.take(1)?;
        Some(text)
    }

    fn formats(&mut self) -> Option<Vec<i16>> {
        let count = self.u16()?;
        (0..count).map(|_| self.array().map(i16::from_be_bytes)).collect()
    }

    /// A value, or NULL.
    fn value(&mut self) -> Option<Option<Vec<u8>>> {
        match self.array().map(i32::from_be_bytes)? {
            -1 => Some(None),
            length => Some(Some(self.take(usize::try_from(length).ok()?)?.to_vec())),
        }
    }
}

/// The format of a value: the codes are none, one for all, or one for each.
pub fn format_of(codes: &[i16], index: usize) -> Result<Format, i16> {
    let code = match codes {
        [] => 0,
        [one] => *one,
        each => each.get(index).copied().unwrap_or_default(),
    };
    match code {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        other => Err(other),
    }
}

/// How a value is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Binary,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::read(&mut bytes.as_slice());
        }

        #[test]
        fn any_end_of_a_request_is_refused(cut in 1_usize..70) {
            let whole = b"P\0\0\0\x11\0SELECT 1\0\0\x01\0\0\0\x17B\0\0\0\x19\0\0\0\x01\0\x01\0\x01\0\0\0\x04\0\0\0\x07\0\0\
                          D\0\0\0\x06P\0E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04";
            let mut input: &[u8] = &whole[..cut.min(whole.len() - 1)];
            prop_assert!(Request::read(&mut input).is_err());
        }
    }
}
