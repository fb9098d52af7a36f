//! Values to the JSON of a row.

use std::io::{BufReader, Read, Seek, Write};

use tempfile::SpooledTempFile;

use crate::error::{Error, Result};
use crate::row::time;
use crate::table::{Column, Table, Value};

/// Rows beyond so many bytes wait in a file.
const MAX_ROWS_IN_MEMORY_BYTES: usize = 16 << 20;

/// The start of every row: `{"id":7`. Ids are given out inside the write transaction, so a row is
/// encoded without it first, and put together when the id is known.
pub(crate) fn id_prefix(id: i64, out: &mut Vec<u8>) {
    // A write to a `Vec` cannot fail.
    let _ = write!(out, "{{\"id\":{id}");
}

/// A row that is encoded but for its id.
#[derive(Debug, Default)]
pub(crate) struct EncodedRow {
    json: Vec<u8>,
    time: Option<i64>,
}

impl EncodedRow {
    /// All of the row's JSON that follows its id: `,"ts_utc":"..",..}`.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// What the row is dated, in nanoseconds since 1970; `None` in a table without a time column.
    pub(crate) fn time(&self) -> Option<i64> {
        self.time
    }

    /// Encodes a row in the place of the one before.
    ///
    /// # Errors
    ///
    /// The column whose value cannot be stored.
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
            let _ = write!(self.json, ",\"{}\":", column.name);
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
        Value::Null if !column.nullable => return Err("it cannot be null".to_owned()),
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Text(text) => {
            if !column.allowed.is_empty() && !column.allowed.contains(&&*text) {
                return Err(format!("'{text}' is none of {}", column.allowed.join(", ")));
            }
            let text = cut(&text, column.max_chars);
            serde_json::to_writer(out, text).map_err(|error| error.to_string())?;
        }
        Value::Time(instant) => {
            let text = time::stored_text(instant)?;
            let _ = write!(out, "\"{text}\"");
        }
    }
    Ok(())
}

fn cut(text: &str, max_chars: Option<usize>) -> &str {
    let end = match max_chars {
        // A text of so few bytes has no more characters.
        Some(max) if text.len() > max => text.char_indices().nth(max).map(|(index, _)| index),
        _ => None,
    };
    end.map_or(text, |end| &text[..end])
}

/// Rows that are encoded but for their ids, waiting to be stored together.
///
/// They wait outside of the transaction, so that no other writer has to wait while they are read
/// from a slow source, and beyond some megabytes they wait in an unnamed temporary file.
pub(crate) struct EncodedRows {
    rows: SpooledTempFile,
    count: u64,
}

impl EncodedRows {
    pub(crate) fn new() -> Self {
        Self { rows: SpooledTempFile::new(MAX_ROWS_IN_MEMORY_BYTES), count: 0 }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: &EncodedRow) -> Result<()> {
        let length = (row.json.len() as u64).to_le_bytes();
        let dated = [u8::from(row.time.is_some())];
        let time = row.time.unwrap_or_default().to_le_bytes();
        self.rows
            .write_all(&[&length[..], &dated, &time].concat())
            .and_then(|()| self.rows.write_all(&row.json))
            .map_err(Error::io("write rows to a temporary file in", std::env::temp_dir()))?;
        self.count += 1;
        Ok(())
    }

    /// Gives the rows to `visit`, in the order they were pushed.
    pub(crate) fn read(&mut self, mut visit: impl FnMut(&EncodedRow) -> Result<()>) -> Result<()> {
        let unreadable = || Error::io("read rows from a temporary file in", std::env::temp_dir());
        self.rows.rewind().map_err(unreadable())?;
        let mut rows = BufReader::with_capacity(1 << 18, &mut self.rows);
        let mut row = EncodedRow::default();
        for _ in 0..self.count {
            let (mut length, mut dated, mut time) = ([0; 8], [0; 1], [0; 8]);
            for field in [&mut length[..], &mut dated, &mut time] {
                rows.read_exact(field).map_err(unreadable())?;
            }
            row.time = (dated[0] == 1).then(|| i64::from_le_bytes(time));
            row.json.clear();
            (&mut rows)
                .take(u64::from_le_bytes(length))
                .read_to_end(&mut row.json)
                .map_err(unreadable())?;
            visit(&row)?;
        }
        Ok(())
    }
}
