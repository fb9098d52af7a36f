//! Messages to a client or to a backend, appended to a buffer.

use super::sql_error::SqlError;

/// The type `text`.
const TEXT: u32 = 25;

/// How bad an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// It ends the connection.
    Fatal,
    /// It ends the statement.
    Error,
    Warning,
}

/// Appends a message.
pub(crate) fn message(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(bytes) = out.get_mut(start..start + 4) {
        bytes.copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends a message whose body is known.
pub(crate) fn raw(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    message(out, tag, |out| out.extend_from_slice(body));
}

/// Appends a text and its end. A zero byte would end it earlier.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    let text = text.split('\0').next().unwrap_or_default();
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

/// Appends a count of 16 bits. No list is longer.
pub(crate) fn count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
}

pub(crate) fn error(out: &mut Vec<u8>, severity: Severity, error: &SqlError) {
    let (tag, name) = match severity {
        Severity::Fatal => (b'E', "FATAL"),
        Severity::Error => (b'E', "ERROR"),
        Severity::Warning => (b'N', "WARNING"),
    };
    message(out, tag, |out| {
        for letter in [b'S', b'V'] {
            out.push(letter);
            text(out, name);
        }
        for (letter, field) in error.fields() {
            out.push(*letter);
            text(out, field);
        }
        out.push(0);
    });
}

pub(crate) fn authentication(out: &mut Vec<u8>, kind: i32) {
    raw(out, b'R', &kind.to_be_bytes());
}

pub(crate) fn parameter_status(out: &mut Vec<u8>, name: &str, value: &str) {
    message(out, b'S', |out| {
        text(out, name);
        text(out, value);
    });
}

pub(crate) fn key_data(out: &mut Vec<u8>, id: i32, key: &[u8]) {
    message(out, b'K', |out| {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(key);
    });
}

/// Says which version of the protocol is spoken, and which options are not known.
pub(crate) fn negotiate(out: &mut Vec<u8>, version: i32, unknown: &[String]) {
    message(out, b'v', |out| {
        out.extend_from_slice(&version.to_be_bytes());
        let number = i32::try_from(unknown.len()).unwrap_or(i32::MAX);
        out.extend_from_slice(&number.to_be_bytes());
        for name in unknown {
            text(out, name);
        }
    });
}

/// `status` is `I`, `T` or `E`: in no transaction, in one, in a failed one.
pub(crate) fn ready(out: &mut Vec<u8>, status: u8) {
    raw(out, b'Z', &[status]);
}

pub(crate) fn command_complete(out: &mut Vec<u8>, tag: &str) {
    message(out, b'C', |out| text(out, tag));
}

/// The body of a RowDescription whose columns are texts.
pub(crate) fn text_columns(names: &[&str], is_binary: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    count(&mut out, names.len());
    for (place, name) in names.iter().enumerate() {
        text(&mut out, name);
        // Neither a table nor one of its columns.
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&TEXT.to_be_bytes());
        out.extend_from_slice(&(-1_i16).to_be_bytes());
        out.extend_from_slice(&(-1_i32).to_be_bytes());
        out.extend_from_slice(&u16::from(is_binary(place)).to_be_bytes());
    }
    out
}

/// The body of a DataRow of texts.
pub(crate) fn text_row<S: AsRef<str>>(values: &[S]) -> Vec<u8> {
    let mut out = Vec::new();
    count(&mut out, values.len());
    for value in values {
        let value = value.as_ref().as_bytes();
        out.extend_from_slice(&i32::try_from(value.len()).unwrap_or(i32::MAX).to_be_bytes());
        out.extend_from_slice(value);
    }
    out
}

/// Values as texts, encoded as in Bind, with their formats before.
pub(crate) fn text_values(values: &[Option<String>]) -> Vec<u8> {
    let mut out = vec![0; 2];
    count(&mut out, values.len());
    for value in values {
        let length = value.as_ref().map_or(-1, |value| i32::try_from(value.len()).unwrap_or(-1));
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(value.as_deref().unwrap_or_default().as_bytes());
    }
    out
}
