//! Encodes values as the JSON of a row.

use std::io::Write;

use crate::error::Error;
use crate::names::alternatives;
use crate::row::{date, time};
use crate::table::{Column, Table, Value};

/// Writes the start of a row: `{"id":7`. Ids are assigned in the write transaction, so a row is
/// first encoded without its id, and completed when the id is known.
pub(crate) fn id_prefix(id: i64, out: &mut Vec<u8>) {
    // A write to a `Vec` cannot fail.
    let _ = write!(out, "{{\"id\":{id}");
}

/// A row encoded without its id.
#[derive(Debug, Clone, Default)]
pub struct EncodedRow {
    pub(super) json: Vec<u8>,
    pub(super) time: Option<i64>,
}

impl EncodedRow {
    /// Encodes the values of a row, except its id, in the order of the table's columns.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidValue`].
    pub fn new<'a>(
        table: &Table,
        values: impl IntoIterator<Item = Value<'a>>,
    ) -> crate::Result<Self> {
        // Most rows fit, and a vector that grows copies them several times.
        let mut row = Self { json: Vec::with_capacity(1_024), time: None };
        row.encode(table, values).map_err(|unstorable| unstorable.into_error(table))?;
        row.json.shrink_to_fit();
        Ok(row)
    }

    /// Returns the row's JSON after the id: `,"ts_utc":"..",..}`.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// Returns the row's time in nanoseconds since 1970; `None` in a table without a time column.
    pub(crate) fn time(&self) -> Option<i64> {
        self.time
    }

    /// Encodes a row, replacing the previous one.
    ///
    /// # Errors
    ///
    /// The first column whose value cannot be stored.
    pub(crate) fn encode<'a>(
        &mut self,
        table: &Table,
        values: impl IntoIterator<Item = Value<'a>>,
    ) -> Result<(), Unstorable> {
        self.json.clear();
        self.time = None;
        let time_column = table.time_column();
        let mut values = values.into_iter();
        for column in table.columns() {
            let value = values.next().unwrap_or(Value::Null);
            if let (Value::Time(instant), true) = (&value, time_column == Some(column)) {
                self.time = instant.timestamp_millis().checked_mul(1_000_000);
            }
            self.json.extend_from_slice(b",\"");
            self.json.extend_from_slice(column.name.as_bytes());
            self.json.extend_from_slice(b"\":");
            encode_value(column, value, &mut self.json)
                .map_err(|reason| Unstorable { column: column.name, reason })?;
        }
        self.json.push(b'}');
        Ok(())
    }
}

/// A value that cannot be stored.
#[derive(Debug)]
pub(crate) struct Unstorable {
    pub(crate) column: &'static str,
    pub(crate) reason: String,
}

impl Unstorable {
    pub(crate) fn into_error(self, table: &Table) -> Error {
        Error::InvalidValue {
            table: table.name().to_owned(),
            column: self.column.to_owned(),
            reason: self.reason,
        }
    }
}

fn encode_value(column: &Column, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    if let Some(ty) = value.ty()
        && ty != column.ty
    {
        return Err(format!("expected {}, found {}", column.ty.name(), ty.name()));
    }
    match value {
        Value::Null if !column.nullable => return Err("cannot be null".to_owned()),
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Float(value) if !value.is_finite() => {
            return Err(format!("{value} is not a finite number"));
        }
        // The shortest text that reads back to the same bits.
        Value::Float(value) => {
            serde_json::to_writer(out, &value).map_err(|error| error.to_string())?;
        }
        Value::Text(text) => {
            if !column.allowed.is_empty() && !column.allowed.contains(&&*text) {
                return Err(format!("'{text}' must be {}", alternatives(column.allowed)));
            }
            let text = cut(&text, column.max_chars);
            serde_json::to_writer(out, text).map_err(|error| error.to_string())?;
        }
        Value::Time(instant) => {
            let text = time::stored_text(instant)?;
            let _ = write!(out, "\"{text}\"");
        }
        Value::Date(date) => {
            let text = date::stored_text(date)?;
            let _ = write!(out, "\"{text}\"");
        }
    }
    Ok(())
}

fn cut(text: &str, max_chars: Option<usize>) -> &str {
    let end = match max_chars {
        // A text with at most `max` bytes has at most `max` characters.
        Some(max) if text.len() > max => text.char_indices().nth(max).map(|(index, _)| index),
        _ => None,
    };
    end.map_or(text, |end| &text[..end])
}
