//! Any bytes as the columnar copy of a segment, with right hashes: they give a batch of the table's rows or
//! nothing, in little memory. Rows that are encoded decode to what the decoder of rows gives.

#![no_main]

use std::fmt::Write;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use netsky_db::internal::{Decoder, decode_copy, encode_copy};
use netsky_db::{ColumnType, TABLES, Table};
use serde_json::Value;

netsky_db::tables! {
    /// Columns of the types that the catalogue has none of.
    static MORE_TABLES;

    /// Floats and dates.
    #[table = "measures"]
    struct MeasureRecord {
        /// How much.
        share: f64,
        /// Which day.
        day: chrono::NaiveDate,
        /// How much more.
        change: Option<f64>,
        /// Until which day.
        until: Option<chrono::NaiveDate>,
    }
}

/// The ids of a segment.
const SEGMENT: i64 = 8_192;

/// More memory than a copy of a few kilobytes may take. Memory of earlier texts is used again, so it can be
/// far more than the values need.
const MAX_MEMORY: usize = 64 << 20;

#[derive(Debug, Arbitrary)]
struct Input {
    table: u8,
    segment: i16,
    rows: Vec<Row>,
    /// How often the rows are repeated, so that there are dictionaries.
    repeats: u8,
    changes: Vec<Change>,
}

#[derive(Debug, Arbitrary)]
struct Row {
    /// How many ids are skipped before it.
    gap: u8,
    values: Vec<Option<(i64, String)>>,
}

/// A change of the stored bytes: 0 changes the header, other numbers a column.
#[derive(Debug, Arbitrary)]
struct Change {
    value: u8,
    what: What,
}

#[derive(Debug, Arbitrary)]
enum What {
    Byte { at: u16, byte: u8 },
    Cut { at: u16 },
    Replace { bytes: Vec<u8> },
    Insert { at: u16, bytes: Vec<u8> },
}

fuzz_target!(|input: Input| {
    let tables: Vec<&'static Table> = TABLES.iter().chain(MORE_TABLES).copied().collect();
    let table = tables[usize::from(input.table) % tables.len()];
    let rows = rows(table, &input);
    let Some(first) = rows.first().map(|row| row.0) else { return };
    let encoded = encode_copy(table, rows.iter().map(|(id, json)| (*id, json.as_bytes())));
    let (mut header, mut columns) = encoded.expect("rows that can be read").expect("some rows");
    let decoded = decode_copy(table, first, &header, &columns).expect("a copy");
    let all: Vec<usize> = (0..=table.columns().len()).collect();
    let mut decoder = Decoder::new(table, &all).expect("the columns of the table");
    for (id, json) in &rows {
        decoder.push(*id, json.as_bytes()).expect("a row that can be read");
    }
    assert_eq!(decoded, decoder.finish().expect("columns of one length"));

    for change in input.changes {
        let values = columns.len() + 1;
        match usize::from(change.value) % values {
            0 => apply(change.what, &mut header),
            column => apply(change.what, &mut columns[column - 1]),
        }
        let Some(batch) = decode_copy(table, first, &header, &columns) else { continue };
        assert!(batch.num_rows() as i64 <= SEGMENT);
        let memory = batch.get_array_memory_size();
        assert!(memory <= MAX_MEMORY, "{memory} bytes of memory");
        for column in batch.columns() {
            column.to_data().validate_full().expect("values that can be read");
        }
    }
});

fn apply(what: What, bytes: &mut Vec<u8>) {
    let place = |at: u16| usize::from(at).min(bytes.len());
    match what {
        What::Byte { at, byte } => {
            let at = place(at);
            if let Some(found) = bytes.get_mut(at) {
                *found = byte;
            }
        }
        What::Cut { at } => bytes.truncate(place(at)),
        What::Replace { bytes: other } => *bytes = other,
        What::Insert { at, bytes: other } => {
            let at = place(at);
            bytes.splice(at..at, other);
        }
    }
}

/// Rows of one segment with rising ids.
fn rows(table: &Table, input: &Input) -> Vec<(i64, String)> {
    let first = i64::from(input.segment) * SEGMENT;
    let mut next = first;
    let mut rows = Vec::new();
    for row in std::iter::repeat_n(&input.rows, usize::from(input.repeats) % 16 + 1).flatten() {
        let id = next + i64::from(row.gap);
        if id >= first + SEGMENT {
            break;
        }
        next = id + 1;
        rows.push((id, json(table, id, &row.values)));
    }
    rows
}

fn json(table: &Table, id: i64, values: &[Option<(i64, String)>]) -> String {
    let mut json = format!("{{\"id\":{id}");
    for (index, column) in table.columns().iter().enumerate() {
        let value = values.get(index).cloned().unwrap_or_default();
        let value = match (value, column.ty) {
            (None, _) if column.nullable => Value::Null,
            (value, ty) => {
                let (number, text) = value.unwrap_or_default();
                match ty {
                    ColumnType::Text => text.into(),
                    ColumnType::Int => number.into(),
                    ColumnType::Float => (number as f64 / 8.0).into(),
                    ColumnType::Bool => (number % 2 == 0).into(),
                    ColumnType::Time => {
                        let time = chrono::DateTime::from_timestamp_nanos(number);
                        time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true).into()
                    }
                    ColumnType::Date => {
                        let days = number.rem_euclid(2_000_000);
                        let date = chrono::NaiveDate::default() + chrono::TimeDelta::days(days);
                        date.to_string().into()
                    }
                    other => panic!("no value for a column of {}", other.name()),
                }
            }
        };
        write!(json, ",\"{}\":{value}", column.name).expect("a string takes any text");
    }
    json + "}"
}
