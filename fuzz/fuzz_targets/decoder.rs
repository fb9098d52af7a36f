//! Any bytes as a row of any table: both decoders return the same values or the same error, and the
//! values are those that serde_json reads.

#![no_main]

use std::fmt;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type, TimestampNanosecondType};
use chrono::{DateTime, NaiveDate, Utc};
use libfuzzer_sys::{Corpus, fuzz_target};
use netsky_db::internal::Decoder;
use netsky_db::{ColumnType, TABLES, Table};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

const ID: i64 = 7;

netsky_db::tables! {
    /// Columns of the types that the catalogue has none of.
    static MORE_TABLES;

    /// Floats and dates.
    #[table = "measures"]
    struct MeasureRecord {
        /// How much.
        share: f64,
        /// Which day.
        day: NaiveDate,
        /// How much more.
        change: Option<f64>,
        /// Until which day.
        until: Option<NaiveDate>,
    }
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let [table, columns, rest @ ..] = input else { return Corpus::Reject };
    let tables: Vec<&Table> = TABLES.iter().chain(MORE_TABLES).copied().collect();
    let table = tables[usize::from(*table) % tables.len()];
    // A bit for each column; a wide table's last columns share theirs with its first.
    let wanted = |index: &usize| columns >> (index % 8) & 1 == 1;
    let projection: Vec<usize> = (1..=table.columns().len()).filter(wanted).collect();
    if projection.is_empty() {
        return Corpus::Reject;
    }
    let decoded = decode(table, &projection, rest, Decoder::push);
    assert_eq!(decoded, decode(table, &projection, rest, Decoder::push_parsed));
    let expected = model(table, &projection, rest);
    // serde_json reads the integer `-0` as `-0.0`, which is not an integer.
    if expected.iter().flatten().any(is_minus_zero) {
        return Corpus::Keep;
    }
    match (decoded, expected) {
        (Ok(batch), Some(expected)) => {
            let found: Vec<Value> = batch.columns().iter().map(|array| value(array)).collect();
            let alike = found.iter().zip(&expected).all(|(found, expected)| alike(found, expected));
            assert!(alike && found.len() == expected.len(), "{found:?}, expected {expected:?}");
        }
        (Err(_), None) => {}
        (decoded, expected) => panic!("decoded {decoded:?}, expected {expected:?}"),
    }
    Corpus::Keep
});

fn decode(
    table: &'static Table,
    projection: &[usize],
    json: &[u8],
    push: fn(&mut Decoder, i64, &[u8]) -> netsky_db::Result<()>,
) -> Result<RecordBatch, String> {
    let mut decoder = Decoder::new(table, projection).expect("columns of the table");
    push(&mut decoder, ID, json).map_err(|error| error.to_string())?;
    Ok(decoder.finish().expect("columns of one length"))
}

/// Whether the values are the same. serde_json reads some floats as the one beside the nearest.
fn alike(found: &Value, expected: &Value) -> bool {
    match (found.as_f64(), expected.as_f64()) {
        (Some(a), Some(b)) if found.is_f64() && expected.is_f64() => {
            (a - b).abs() <= a.abs() * f64::EPSILON + f64::from_bits(1)
        }
        _ => found == expected,
    }
}

/// A column's only value. A time is its nanoseconds.
fn value(array: &dyn Array) -> Value {
    if array.is_null(0) {
        return Value::Null;
    }
    if let Some(texts) = array.as_string_view_opt() {
        return texts.value(0).into();
    }
    if let Some(flags) = array.as_boolean_opt() {
        return flags.value(0).into();
    }
    if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        return numbers.value(0).into();
    }
    if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
        return numbers.value(0).into();
    }
    if let Some(days) = array.as_primitive_opt::<Date32Type>() {
        return days.value(0).into();
    }
    array.as_primitive::<TimestampNanosecondType>().value(0).into()
}

/// Returns the projected values as serde_json reads them; `None` if the row is corrupt.
fn model(table: &Table, projection: &[usize], json: &[u8]) -> Option<Vec<Value>> {
    let Members(members) = serde_json::from_slice(json).ok()?;
    let found = |name: &str| members.iter().filter(|(key, _)| key == name).collect::<Vec<_>>();
    if table.columns().iter().any(|column| found(column.name).len() > 1) {
        return None;
    }
    let value = |index: &usize| {
        let column = &table.columns()[index - 1];
        let value = found(column.name).first().map_or(Value::Null, |(_, value)| value.clone());
        match (column.ty, value) {
            (_, Value::Null) => column.nullable.then_some(Value::Null),
            (ColumnType::Bool, value @ Value::Bool(_))
            | (ColumnType::Text, value @ Value::String(_)) => Some(value),
            (ColumnType::Int, value) if value.is_i64() || is_minus_zero(&value) => Some(value),
            // A number that no float holds is not JSON to either parser.
            (ColumnType::Float, Value::Number(number)) => number.as_f64().map(Value::from),
            (ColumnType::Date, Value::String(text)) if is_date(&text) => {
                let days =
                    text.parse::<NaiveDate>().ok()?.signed_duration_since(NaiveDate::default());
                Some(days.num_days().into())
            }
            (ColumnType::Time, Value::String(text)) => nanos(&text).map(Value::from),
            _ => None,
        }
    };
    projection.iter().map(value).collect()
}

/// Whether the text has the form of a date. chrono takes others, too.
fn is_date(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(fits)
}

fn is_minus_zero(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number == 0.0 && number.is_sign_negative())
}

fn nanos(text: &str) -> Option<i64> {
    let time: DateTime<Utc> = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    time.timestamp_nanos_opt()
}

/// An object's members, including duplicates.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
