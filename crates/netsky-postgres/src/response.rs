//! The messages of an answer.

use crate::column::Column;
use crate::request::Format;
use crate::sqlstate::Failure;
use crate::types::ValueType;

/// The most columns of a message, whose count has 16 bits; PostgreSQL itself has 1,664.
const MAX_COLUMNS: usize = i16::MAX as usize;

/// The description of a column.
#[derive(Debug)]
pub struct Field {
    pub name: String,
    pub ty: ValueType,
    pub modifier: i32,
    pub format: Format,
}

/// Writes a message: its tag, its length, and what `body` writes.
///
/// # Errors
///
/// The message is longer than 2 GiB, or `body` fails; then nothing is written.
fn message(
    tag: u8,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let start = out.len();
    out.push(tag);
    out.extend_from_slice(&[0; 4]);
    let written = body(out).and_then(|()| {
        let length = i32::try_from(out.len() - start - 1);
        length.map_err(|_| Failure::too_large("a row has more than 2 GiB"))
    });
    match written {
        Ok(length) => {
            if let Some(place) = out.get_mut(start + 1..start + 5) {
                place.copy_from_slice(&length.to_be_bytes());
            }
            Ok(())
        }
        Err(failure) => {
            out.truncate(start);
            Err(failure)
        }
    }
}

/// Writes a message without a body, or with a short one that cannot fail.
fn short(tag: u8, body: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    out.push(tag);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
}

pub fn parse_complete(out: &mut Vec<u8>) {
    short(b'1', &[], out);
}

pub fn bind_complete(out: &mut Vec<u8>) {
    short(b'2', &[], out);
}

pub fn no_data(out: &mut Vec<u8>) {
    short(b'n', &[], out);
}

pub fn copy_done(out: &mut Vec<u8>) {
    short(b'c', &[], out);
}

/// The server knows of transactions, so this one is always idle.
pub fn ready_for_query(out: &mut Vec<u8>) {
    short(b'Z', b"I", out);
}

pub fn command_complete(tag: &str, out: &mut Vec<u8>) {
    let mut body = tag.as_bytes().to_vec();
    body.push(0);
    short(b'C', &body, out);
}

pub fn parameter_description(oids: &[u32], out: &mut Vec<u8>) {
    // As many as a message could declare.
    let count = u16::try_from(oids.len()).unwrap_or(u16::MAX);
    let mut body = count.to_be_bytes().to_vec();
    body.extend(oids.iter().take(count.into()).flat_map(|oid| oid.to_be_bytes()));
    short(b't', &body, out);
}

/// # Errors
///
/// There are too many columns.
pub fn row_description(fields: &[Field], out: &mut Vec<u8>) -> Result<(), Failure> {
    let count = column_count(fields.len())?;
    message(b'T', out, |out| {
        out.extend_from_slice(&count);
        for field in fields {
            text(&field.name, out);
            // Of no table that a client could update.
            out.extend_from_slice(&[0; 6]);
            out.extend_from_slice(&field.ty.oid().to_be_bytes());
            out.extend_from_slice(&field.ty.len().to_be_bytes());
            out.extend_from_slice(&field.modifier.to_be_bytes());
            out.extend_from_slice(&code(field.format));
        }
        Ok(())
    })
}

/// # Errors
///
/// A value cannot be written.
pub fn data_row(
    columns: &[Column],
    formats: &[Format],
    row: usize,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let count = column_count(columns.len())?;
    message(b'D', out, |out| {
        out.extend_from_slice(&count);
        for (column, format) in columns.iter().zip(formats) {
            column.write_value(row, *format, out)?;
        }
        Ok(())
    })
}

/// # Errors
///
/// There are too many columns.
pub fn copy_out_response(format: Format, columns: usize, out: &mut Vec<u8>) -> Result<(), Failure> {
    let count = column_count(columns)?;
    message(b'H', out, |out| {
        out.push(if format == Format::Binary { 1 } else { 0 });
        out.extend_from_slice(&count);
        for _ in 0..columns {
            out.extend_from_slice(&code(format));
        }
        Ok(())
    })
}

/// # Errors
///
/// A value cannot be written.
pub fn copy_data(
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    message(b'd', out, body)
}

/// `place` is the number of the character, from 1, at which the error is.
pub fn error_response(failure: &Failure, place: Option<usize>, out: &mut Vec<u8>) {
    let written = message(b'E', out, |out| {
        for (tag, value) in [
            (b'S', Some("ERROR")),
            (b'V', Some("ERROR")),
            (b'C', Some(failure.code)),
            (b'M', Some(failure.message.as_str())),
            (b'H', failure.hint.as_deref()),
            (b'P', place.map(|place| place.to_string()).as_deref()),
        ] {
            if let Some(value) = value {
                out.push(tag);
                text(value, out);
            }
        }
        out.push(0);
        Ok(())
    });
    // Only a message of 2 GiB fails.
    debug_assert!(written.is_ok());
}

/// Writes text that ends with a zero, and so has no other.
fn text(text: &str, out: &mut Vec<u8>) {
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.push(0);
}

fn code(format: Format) -> [u8; 2] {
    i16::from(format == Format::Binary).to_be_bytes()
}

fn column_count(count: usize) -> Result<[u8; 2], Failure> {
    match u16::try_from(count) {
        Ok(short) if count <= MAX_COLUMNS => Ok(short.to_be_bytes()),
        _ => Err(Failure::new("54011", format!("{count} columns are too many"))),
    }
}
