//! Errors in the form that PostgreSQL gives them.

use crate::backend;
use crate::failure::Failure;

/// An error or a notice: its fields by their letter, without the severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlError {
    fields: Vec<(u8, String)>,
}

/// The longest message of an error of the front's own.
const MAX_CHARACTERS: usize = 1_000;

const CODE: u8 = b'C';
const MESSAGE: u8 = b'M';
const DETAIL: u8 = b'D';
const HINT: u8 = b'H';
const POSITION: u8 = b'P';

impl SqlError {
    /// `code` is an SQLSTATE.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        let mut message = message.into();
        // A name in it can be as long as what the client has sent.
        if let Some((end, _)) = message.char_indices().nth(MAX_CHARACTERS) {
            message.truncate(end);
            message.push('…');
        }
        Self { fields: vec![(CODE, code.to_owned()), (MESSAGE, message)] }
    }

    pub(crate) fn detail(self, detail: impl Into<String>) -> Self {
        self.with(DETAIL, detail.into())
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        self.with(HINT, hint.into())
    }

    /// Says where in the statement it is: the number of a character, from 1.
    pub(crate) fn at(self, position: usize) -> Self {
        self.with(POSITION, position.to_string())
    }

    fn with(mut self, letter: u8, text: String) -> Self {
        self.fields.retain(|(known, _)| *known != letter);
        if !text.is_empty() {
            self.fields.push((letter, text));
        }
        self
    }

    /// The statement begins after so many characters of what the client has sent.
    pub(crate) fn shifted(self, characters: usize) -> Self {
        match self.get(POSITION).and_then(|position| position.parse::<usize>().ok()) {
            Some(position) => self.at(position.saturating_add(characters)),
            None => self,
        }
    }

    fn get(&self, letter: u8) -> Option<&str> {
        self.fields.iter().find(|(known, _)| *known == letter).map(|(_, text)| text.as_str())
    }

    pub(crate) fn code(&self) -> &str {
        self.get(CODE).unwrap_or("XX000")
    }

    pub(crate) fn fields(&self) -> &[(u8, String)] {
        &self.fields
    }

    /// Reads the body of an ErrorResponse or NoticeResponse.
    pub(crate) fn read(mut body: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        loop {
            let (&letter, rest) = body.split_first()?;
            if letter == 0 {
                let has = |letter| fields.iter().any(|(known, _)| *known == letter);
                return (has(CODE) && has(MESSAGE)).then_some(Self { fields });
            }
            let end = rest.iter().position(|&byte| byte == 0)?;
            let (text, after) = rest.split_at(end);
            // The severity depends on what the error ends.
            if !matches!(letter, b'S' | b'V') {
                fields.push((letter, String::from_utf8_lossy(text).into_owned()));
            }
            body = after.get(1..)?;
        }
    }
}

/// A failure of the server as PostgreSQL would say it.
impl From<Failure> for SqlError {
    fn from(failure: Failure) -> Self {
        let code = match (failure.status(), failure.kind()) {
            (413, _) => "54000",
            (429, _) => "53300",
            (_, "timeout") => "57014",
            (_, "resource_limit") => "53200",
            (_, "busy") => "55P03",
            (_, "io") => "58030",
            (_, "damaged") => "XX001",
            (_, "not_found") => "58P01",
            _ => "XX000",
        };
        Self::new(code, failure.message()).hint(failure.hint().unwrap_or_default())
    }
}

/// A backend does not keep to the protocol.
pub(crate) fn garbage() -> SqlError {
    backend::garbage().into()
}

/// The client does not keep to the protocol.
pub(crate) fn protocol_violation(message: impl Into<String>) -> SqlError {
    SqlError::new("08P01", message)
}
