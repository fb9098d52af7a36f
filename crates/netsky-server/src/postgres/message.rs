//! What clients send.
//!
//! Not by pgwire's decoders, which panic on a body that ends too early and replace what is not UTF-8.

use super::sql_error::{SqlError, protocol_violation};

/// The longest start-up packet, as in PostgreSQL.
pub(crate) const MAX_STARTUP_BYTES: usize = 10_000;

/// The longest body of a message.
pub(crate) const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// A longer body than this is not even read to be thrown away.
pub(crate) const MAX_DISCARDED_BYTES: usize = 64 << 20;

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// The first packet of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Startup {
    /// The client asks for TLS or for GSSAPI's encryption.
    Encryption,
    Cancel {
        id: i32,
        key: Vec<u8>,
    },
    Session {
        minor: u16,
        parameters: Vec<(String, String)>,
    },
}

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Statement,
    Portal,
}

/// The values for a statement's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bind {
    pub(crate) portal: String,
    pub(crate) statement: String,
    /// Formats and values, encoded as in the message.
    pub(crate) values: Vec<u8>,
    /// Formats of the columns: none, one for all, or one for each.
    pub(crate) formats: Vec<i16>,
}

/// A message of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    Query(String),
    Parse {
        name: String,
        sql: String,
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe(Target, String),
    Execute {
        portal: String,
        max_rows: u32,
    },
    Close(Target, String),
    Flush,
    Sync,
    FunctionCall,
    /// Of a COPY that is not there, perhaps because it has failed.
    Copy,
    Terminate,
}

/// What there is of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// More bytes must come.
    Incomplete,
    /// The body begins after 5 bytes, and has this length.
    Message { tag: u8, length: usize },
    /// As a message, but with a body that must be thrown away.
    TooLong { tag: u8, length: usize },
}

/// Looks at the beginning of a message. An error ends the connection, because nothing after it can be understood.
pub(crate) fn frame(bytes: &[u8]) -> Result<Frame, SqlError> {
    let Some(&tag) = bytes.first() else { return Ok(Frame::Incomplete) };
    if !b"QPBDECHSFdcfpX".contains(&tag) {
        return Err(protocol_violation(format!("invalid frontend message type {tag}")));
    }
    let Some(length) = bytes.get(1..5) else { return Ok(Frame::Incomplete) };
    let length = Reader(length).u32().map_or(0, |length| length as usize);
    match length.checked_sub(4) {
        Some(length) if length <= MAX_MESSAGE_BYTES => Ok(Frame::Message { tag, length }),
        Some(length) if length <= MAX_DISCARDED_BYTES => Ok(Frame::TooLong { tag, length }),
        _ => Err(protocol_violation("invalid message length")),
    }
}

/// Reads the length of a start-up packet's rest from its first four bytes.
pub(crate) fn startup_length(bytes: [u8; 4]) -> Result<usize, SqlError> {
    let length = u32::from_be_bytes(bytes) as usize;
    match length.checked_sub(4) {
        Some(rest) if rest >= 4 && length <= MAX_STARTUP_BYTES => Ok(rest),
        _ => Err(protocol_violation("invalid length of startup packet")),
    }
}

impl Startup {
    /// Decodes what comes after the length.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, SqlError> {
        let broken = || protocol_violation("invalid startup packet layout");
        let mut body = Reader(body);
        let code = body.u32().ok_or_else(broken)?;
        match code {
            SSL_REQUEST | GSS_REQUEST => {
                return if body.0.is_empty() { Ok(Self::Encryption) } else { Err(broken()) };
            }
            CANCEL_REQUEST => {
                let id = body.u32().ok_or_else(broken)?.cast_signed();
                return match body.0.len() {
                    4..=256 => Ok(Self::Cancel { id, key: body.0.to_vec() }),
                    _ => Err(broken()),
                };
            }
            _ => {}
        }
        let (major, minor) = (code >> 16, (code & 0xffff) as u16);
        if major != 3 {
            return Err(SqlError::new(
                "0A000",
                format!(
                    "unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2"
                ),
            ));
        }
        let mut parameters = Vec::new();
        loop {
            let name = body.text()?.ok_or_else(broken)?;
            if name.is_empty() {
                break;
            }
            parameters.push((name, body.text()?.ok_or_else(broken)?));
        }
        if body.0.is_empty() { Ok(Self::Session { minor, parameters }) } else { Err(broken()) }
    }
}

/// Decodes the password, which ends with a zero byte.
pub(crate) fn password(body: &[u8]) -> Result<&[u8], SqlError> {
    match body.split_last() {
        Some((0, password)) if !password.contains(&0) => Ok(password),
        _ => Err(protocol_violation("invalid password packet")),
    }
}

impl Message {
    /// Decodes a whole message. An error ends what the message asks for, and not the connection.
    pub(crate) fn decode(tag: u8, body: &[u8]) -> Result<Self, SqlError> {
        let mut body = Reader(body);
        let message = Self::read(tag, &mut body)?;
        let is_whole = message.is_some() && (body.0.is_empty() || tag == b'F');
        message.filter(|_| is_whole).ok_or_else(|| protocol_violation("invalid message format"))
    }

    fn read(tag: u8, body: &mut Reader<'_>) -> Result<Option<Self>, SqlError> {
        Ok(match tag {
            b'Q' => body.text()?.map(Self::Query),
            b'P' => {
                let (name, sql) = (body.text()?, body.text()?);
                let types = body.list(Reader::u32);
                match (name, sql, types) {
                    (Some(name), Some(sql), Some(types)) => Some(Self::Parse { name, sql, types }),
                    _ => None,
                }
            }
            b'B' => Self::bind(body)?,
            b'D' => body.target()?.map(|(target, name)| Self::Describe(target, name)),
            b'C' => body.target()?.map(|(target, name)| Self::Close(target, name)),
            b'E' => match (body.text()?, body.u32()) {
                // Less than one row means all, as in PostgreSQL.
                (Some(portal), Some(max_rows)) => {
                    let max_rows = u32::try_from(max_rows.cast_signed()).unwrap_or(0);
                    Some(Self::Execute { portal, max_rows })
                }
                _ => None,
            },
            b'H' => Some(Self::Flush),
            b'S' => Some(Self::Sync),
            b'X' => {
                body.0 = &[];
                Some(Self::Terminate)
            }
            b'F' => Some(Self::FunctionCall),
            b'd' | b'c' | b'f' => {
                body.0 = &[];
                Some(Self::Copy)
            }
            _ => None,
        })
    }

    fn bind(body: &mut Reader<'_>) -> Result<Option<Self>, SqlError> {
        let (Some(portal), Some(statement)) = (body.text()?, body.text()?) else { return Ok(None) };
        let before = body.0;
        let Some(formats) = body.list(Reader::i16) else { return Ok(None) };
        let Some(number) = body.u16() else { return Ok(None) };
        if formats.len() > 1 && formats.len() != usize::from(number) {
            let message = format!(
                "bind message has {} parameter formats but {number} parameters",
                formats.len()
            );
            return Err(protocol_violation(message));
        }
        for place in 0..usize::from(number) {
            let Some(length) = body.u32() else { return Ok(None) };
            // -1 is NULL.
            if length == u32::MAX {
                continue;
            }
            let Some(value) = body.take(length as usize) else { return Ok(None) };
            let format = formats.get(place).or(formats.first()).copied().unwrap_or(0);
            if format == 0 {
                utf8(value)?;
            }
        }
        let length = before.len() - body.0.len();
        let values = before.get(..length).unwrap_or_default().to_vec();
        let Some(columns) = body.list(Reader::i16) else { return Ok(None) };
        if let Some(format) = formats.iter().chain(&columns).find(|it| !(0..=1).contains(*it)) {
            return Err(SqlError::new("22023", format!("unsupported format code: {format}")));
        }
        Ok(Some(Self::Bind(Bind { portal, statement, values, formats: columns })))
    }
}

/// Checks that bytes are text.
fn utf8(bytes: &[u8]) -> Result<&str, SqlError> {
    let broken = |bytes: &[u8]| {
        let bytes: Vec<_> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
        let bytes = bytes.join(" ");
        SqlError::new("22021", format!("invalid byte sequence for encoding \"UTF8\": {bytes}"))
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => Err(broken(&[0])),
        Ok(text) => Ok(text),
        Err(error) => {
            let start = error.valid_up_to();
            let end = error.error_len().map_or(bytes.len(), |length| start + length);
            Err(broken(bytes.get(start..end).unwrap_or_default()))
        }
    }
}

/// Reads a body. `None` means that it ends too early.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn i16(&mut self) -> Option<i16> {
        self.u16().map(u16::cast_signed)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.u16()?).map(|_| item(self)).collect()
    }

    fn text(&mut self) -> Result<Option<String>, SqlError> {
        let Some(end) = self.0.iter().position(|&byte| byte == 0) else { return Ok(None) };
        let text = utf8(self.take(end).unwrap_or_default())?.to_owned();
        self.take(1);
        Ok(Some(text))
    }

    fn target(&mut self) -> Result<Option<(Target, String)>, SqlError> {
        let target = match self.take(1) {
            Some(b"S") => Target::Statement,
            Some(b"P") => Target::Portal,
            _ => return Ok(None),
        };
        Ok(self.text()?.map(|name| (target, name)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARSE: &[u8] = b"name\0SELECT $1\0\0\x01\0\0\0\x17";
    const BIND: &[u8] = b"p\0s\0\0\x01\0\0\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\x01\0\x01";

    #[test]
    fn messages_are_decoded() {
        let parse = Message::decode(b'P', PARSE).unwrap();
        let (name, sql) = ("name".to_owned(), "SELECT $1".to_owned());
        assert_eq!(parse, Message::Parse { name, sql, types: vec![23] });
        let Message::Bind(bind) = Message::decode(b'B', BIND).unwrap() else { panic!() };
        assert_eq!((bind.portal.as_str(), bind.statement.as_str()), ("p", "s"));
        assert_eq!((bind.values.len(), bind.formats), (15, vec![1]));
        let execute = Message::decode(b'E', b"\0\xff\xff\xff\xff").unwrap();
        assert_eq!(execute, Message::Execute { portal: String::new(), max_rows: 0 });
    }

    #[test]
    fn truncated_and_longer_messages_are_refused() {
        for (tag, body) in
            [(b'P', PARSE), (b'B', BIND), (b'D', b"Sx\0"), (b'E', b"p\0\0\0\0\x05"), (b'Q', b"x\0")]
        {
            Message::decode(tag, body).unwrap();
            for end in 0..body.len() {
                let error = Message::decode(tag, &body[..end]).unwrap_err();
                assert_eq!(error.code(), "08P01", "{tag} {end}");
            }
            assert_eq!(Message::decode(tag, &[body, b"x"].concat()).unwrap_err().code(), "08P01");
        }
    }

    #[test]
    fn only_utf8_is_text() {
        for (tag, body) in [
            (b'Q', &b"SELECT '\xff'\0"[..]),
            (b'P', b"\0SELECT '\xc3'\0\0\0"),
            (b'B', b"\0\0\0\0\0\x01\0\0\0\x01\xff\0\0"),
            (b'B', b"\0\0\0\0\0\x01\0\0\0\x01\0\0\0"),
        ] {
            let error = Message::decode(tag, body).unwrap_err();
            assert_eq!(error.code(), "22021", "{tag}");
        }
        // A binary value may be anything.
        Message::decode(b'B', b"\0\0\0\x01\0\x01\0\x01\0\0\0\x01\xff\0\0").unwrap();
    }

    #[test]
    fn lengths_have_limits() {
        let head = |length: u32| [&b"Q"[..], &length.to_be_bytes()].concat();
        assert_eq!(frame(b"Q\0\0"), Ok(Frame::Incomplete));
        assert_eq!(frame(&head(9)), Ok(Frame::Message { tag: b'Q', length: 5 }));
        let too_long = Frame::TooLong { tag: b'Q', length: MAX_MESSAGE_BYTES + 1 };
        assert_eq!(frame(&head((1 << 20) + 5)), Ok(too_long));
        for broken in [0, 3, (64 << 20) + 5, u32::MAX] {
            assert_eq!(frame(&head(broken)).unwrap_err().code(), "08P01");
        }
        assert_eq!(frame(b"G").unwrap_err().code(), "08P01");
        for broken in [0_u32, 7, 10_001, u32::MAX] {
            assert!(startup_length(broken.to_be_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn startup_packets_are_decoded() {
        let packet = b"\0\x03\0\x02user\0me\0options\0\0\0";
        let Startup::Session { minor, parameters } = Startup::decode(packet).unwrap() else {
            panic!()
        };
        assert_eq!((minor, parameters.len()), (2, 2));
        for end in 0..packet.len() {
            Startup::decode(&packet[..end]).unwrap_err();
        }
        assert_eq!(Startup::decode(&80_877_103_u32.to_be_bytes()), Ok(Startup::Encryption));
        let cancel = Startup::decode(b"\x04\xd2\x16\x2e\0\0\0\x07abcd").unwrap();
        assert_eq!(cancel, Startup::Cancel { id: 7, key: b"abcd".to_vec() });
        assert_eq!(Startup::decode(b"\0\x02\0\0").unwrap_err().code(), "0A000");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(tag: u8, body: Vec<u8>) {
            let _ = Message::decode(tag, &body);
            let _ = Startup::decode(&body);
            let _ = frame(&body);
        }
    }
}
