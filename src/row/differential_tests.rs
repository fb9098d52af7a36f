//! From any bytes, a decoder returns the same values or the same error as the parser alone. Rows
//! that the writer wrote are read without the parser.
//!
//! Both parse times with the same function, whose own tests compare it with chrono.

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use chrono::{DateTime, NaiveDate, Utc};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::{Config, TestCaseResult};

use crate::row::canonical::CanonicalRow;
use crate::row::date;
use crate::row::decode::Decoder;
use crate::row::encode::{EncodedRow, id_prefix};
use crate::schema::TABLES;
use crate::table::{Column, ColumnType, Table, Value};

/// JSON values, and much that is not a JSON value, separated by white space.
const ODD_JSON: &str = r#"null nul nulls Null true false truefalse 0 00 -0 01 -01 - --1 +1
1.0 -0.0 1. .5 1e3 1E+3 1e 0x1 NaN 999999999999999999 1000000000000000000 9223372036854775807
9223372036854775808 -9223372036854775808 -9223372036854775809 9999999999999999999
10000000000000000000 18446744073709551615 18446744073709551616 -18446744073709551616
184467440737095516160 {} [] [1,{"a":"b"}] {"source":"b"} [ } inbound "inbound" 'a' "" " """ "a"b"
"abcdefghijklm" "\\" "\" "\\\"" "a\\" "\/" "\b\f\n\r\t\"" "\a" "\'" "\U0041" "\u0000" "\u001F"
"\u001f" "\u0041" "\u007f" "\u0080" "\u00e9" "\u0141" "\u1041" "\uD83E\uDD80" "\ud83e"
"\ud83e\u0041" "\udd80" "\u" "\u00" "\u004" "\u004g" "\u00-1" "é" "\é" "🦀"
"2026-04-15T23:00:00.000Z" "2026-04-15T23:00:00Z" "2026-04-15T23:00:00.000000001Z"
"2026-04-16T01:00:00.000+02:00" "2026-04-15t23:00:00.000z" "2026-04-15T23:59:60.000Z"
"2026-04-15T24:00:00.000Z" "2026-02-29T00:00:00.000Z" "2024-02-29T00:00:00.000Z"
"1677-09-21T00:12:43.145Z" "1677-09-21T00:12:43.146Z" "2262-04-11T23:47:16.854Z"
"2262-04-11T23:47:16.855Z" "2026-04-15T23:00:00.000\u005a" "2026-04-15T23:00:00.000Z\n"
"2026-04-15" "2024-02-29" "2026-02-29" "0000-01-01" "9999-12-31" "2026-4-15" "2026\u002d04-15"
0.1 -0.1 0.30000000000000004 5e-324 2.5e-324 2.4e-324 1e-400 1e400 -1e400 1.7976931348623157e308
1.7976931348623159e308 9007199254740993.0 9007199254740993 0.000000000000000000000000000000001
123456789012345678901234567890.5 123456789.125e-3 00.5 -00.5 1.e5 1e5 1E-5 1e+ 1e+5 -.5 0e0 0.0e-0
8.98846567431158e307 2.2250738585072011e-308 6.9294956446009195e15 1e23 8.442911973260991817e-309"#;

/// More of these, with white space, control characters or invalid UTF-8.
const ODD_JSON_BYTES: [&[u8]; 14] = [
    b"",
    b"1 ",
    b" 1",
    b"\"\\u00 1\"",
    b"\"2026-04-15 23:00:00.000Z\"",
    b"\"\0\"",
    b"\"\t\"",
    b"\"\n\"",
    b"\"\x1f\"",
    b"\"\x7f\"",
    b"\"\x80\"",
    b"\"\xed\xa0\xbe\"",
    b"\"\xc0\x80\"",
    b"\"\\\xff\"",
];

fn odd_values() -> Vec<&'static [u8]> {
    ODD_JSON.split_whitespace().map(str::as_bytes).chain(ODD_JSON_BYTES).collect()
}

/// Bytes that have a meaning in JSON, and bytes that are invalid anywhere.
const ODD_BYTES: &[u8] = b"\"\\{}[]:,-+.eEu09nflt/ \t\n\r\0\x1f\x7f\x80\xa9\xc3\xe2\xed\xf0\xff";

/// A row's members, in the table's order unless damaged: a quoted key, and the JSON of its value.
type Members = Vec<(Vec<u8>, Vec<u8>)>;

/// Damage to a row's members.
#[derive(Debug, Clone)]
enum Damage {
    Replace(Index, &'static [u8]),
    Rename(Index, &'static [u8]),
    Swap(Index, Index),
    Repeat(Index, Index),
    Remove(Index),
}

/// Damage to a row's bytes.
#[derive(Debug, Clone)]
enum Fault {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, u8),
    Delete(Index),
    Cut(Index),
    Append(u8),
}

crate::tables! {
    /// Columns of types that the catalogue does not use.
    static MORE_TABLES;

    /// Floats and dates.
    #[table = "measures"]
    struct MeasureRecord<'a> {
        /// When.
        ts: DateTime<Utc>,
        /// How much.
        share: f64,
        /// Which day.
        day: NaiveDate,
        /// How much more.
        change: Option<f64>,
        /// Until which day.
        until: Option<NaiveDate>,
        /// What else.
        source: Option<&'a str>,
    }
}

/// Every table of the catalogue, and one with the other types.
pub(crate) fn tables() -> Vec<&'static Table> {
    TABLES.iter().chain(MORE_TABLES).copied().collect()
}

/// A table, some of its columns, and rows.
fn cases() -> impl Strategy<Value = (&'static Table, Vec<usize>, Vec<Vec<u8>>)> {
    select(tables()).prop_flat_map(|table| {
        let columns = table.columns().len();
        let projection = subsequence((0..=columns).collect::<Vec<_>>(), 1..=columns + 1)
            .prop_filter("if only the id is projected, no JSON is read", |p| *p != [0])
            .prop_shuffle();
        (Just(table), projection, prop::collection::vec(row(table), 1..6))
    })
}

/// A row as the writer writes it.
pub(crate) fn row(table: &'static Table) -> impl Strategy<Value = Vec<u8>> {
    let values: Vec<_> = table.columns().iter().map(cell).collect();
    let id = prop_oneof![1..10_000_i64, any::<i64>()];
    (id, values).prop_map(|(id, values)| written(table, id, values))
}

fn written<'a>(table: &Table, id: i64, values: impl IntoIterator<Item = Value<'a>>) -> Vec<u8> {
    let mut encoded = EncodedRow::default();
    encoded.encode(table, values).unwrap();
    let mut row = Vec::new();
    id_prefix(id, &mut row);
    row.extend_from_slice(encoded.json());
    row
}

fn cell(column: &'static Column) -> BoxedStrategy<Value<'static>> {
    let value = match column.ty {
        ColumnType::Text if !column.allowed.is_empty() => {
            select(column.allowed).prop_map(|text| Value::Text(text.into())).boxed()
        }
        ColumnType::Text => text().prop_map(|text| Value::Text(text.into())).boxed(),
        ColumnType::Int => prop_oneof![
            any::<i64>(),
            -9..100_i64,
            select(vec![i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX, 10_i64.pow(18)]),
        ]
        .prop_map(Value::Int)
        .boxed(),
        ColumnType::Float => prop_oneof![
            any::<f64>(),
            any::<f32>().prop_map(f64::from),
            (-100..100_i32).prop_map(|quarters| f64::from(quarters) / 4.0),
            any::<u64>().prop_map(f64::from_bits),
            select(vec![0.0, -0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN, 1e21, 1e16]),
        ]
        .prop_filter("not finite", |float| float.is_finite())
        .prop_map(Value::Float)
        .boxed(),
        ColumnType::Date => (-719_528..=2_932_896)
            .prop_map(|days| Value::Date(date::from_days_since_1970(days).unwrap()))
            .boxed(),
        ColumnType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ColumnType::Time => millis().prop_map(|millis| Value::Time(time(millis))).boxed(),
    };
    if column.nullable { prop_oneof![3 => value, 1 => Just(Value::Null)].boxed() } else { value }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        "[a-z]{0,70}",
        "[\"\\\\/bu{}a]{0,20}",
        "[\0-\u{7f}]{0,20}",
        "[a-c\u{7f}-\u{9f}é€🦀\u{2028}\u{feff}\u{fffd}]{0,15}",
        any::<String>(),
    ]
}

/// Milliseconds of the years that 64-bit nanoseconds cover completely.
fn millis() -> impl Strategy<Value = i64> {
    prop_oneof![-9_214_560_000_000..9_214_646_400_000_i64, 1_700_000_000_000..1_800_000_000_000_i64]
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap()
}

fn damage() -> impl Strategy<Value = Damage> {
    let keys: Vec<&[u8]> =
        vec![b"\"id\"", b"\"source\"", b"\"sour\\u0063e\"", b"\"x\"", b"\"\"", b"x"];
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), select(odd_values())).prop_map(|(at, value)| Damage::Replace(at, value)),
        1 => (at(), select(keys)).prop_map(|(at, key)| Damage::Rename(at, key)),
        1 => (at(), at()).prop_map(|(a, b)| Damage::Swap(a, b)),
        1 => (at(), at()).prop_map(|(from, to)| Damage::Repeat(from, to)),
        1 => at().prop_map(Damage::Remove),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let (at, odd) = (any::<Index>, || select(ODD_BYTES));
    prop_oneof![
        (at(), odd()).prop_map(|(at, byte)| Fault::Set(at, byte)),
        (at(), 0..8_u32).prop_map(|(at, bit)| Fault::Flip(at, 1 << bit)),
        (at(), odd()).prop_map(|(at, byte)| Fault::Insert(at, byte)),
        at().prop_map(Fault::Delete),
        at().prop_map(Fault::Cut),
        odd().prop_map(Fault::Append),
    ]
}

/// Returns the members of an undamaged row.
fn members(table: &Table, row: &[u8]) -> Members {
    let object: serde_json::Value = serde_json::from_slice(row).unwrap();
    let keys = std::iter::once("id").chain(table.columns().iter().map(|column| column.name));
    let member = |key| (format!("\"{key}\"").into_bytes(), object[key].to_string().into_bytes());
    keys.map(member).collect()
}

fn damage_members(members: &mut Members, damage: Damage) {
    let len = members.len();
    if len == 0 {
        return;
    }
    match damage {
        Damage::Replace(at, value) => members[at.index(len)].1 = value.to_vec(),
        Damage::Rename(at, key) => members[at.index(len)].0 = key.to_vec(),
        Damage::Swap(a, b) => members.swap(a.index(len), b.index(len)),
        Damage::Repeat(from, to) => {
            members.insert(to.index(len + 1), members[from.index(len)].clone())
        }
        Damage::Remove(at) => drop(members.remove(at.index(len))),
    }
}

fn join(members: &Members) -> Vec<u8> {
    let members: Vec<_> =
        members.iter().map(|(key, value)| [&key[..], b":", value].concat()).collect();
    [b"{", &members.join(&b',')[..], b"}"].concat()
}

fn damage_bytes(row: &mut Vec<u8>, fault: Fault) {
    let len = row.len();
    match fault {
        Fault::Append(byte) => row.push(byte),
        Fault::Insert(at, byte) => row.insert(at.index(len + 1), byte),
        _ if len == 0 => {}
        Fault::Set(at, byte) => row[at.index(len)] = byte,
        Fault::Flip(at, bits) => row[at.index(len)] ^= bits,
        Fault::Delete(at) => drop(row.remove(at.index(len))),
        Fault::Cut(at) => row.truncate(at.index(len)),
    }
}

/// Two decoders of the same columns. One of them always uses the parser.
struct Pair {
    table: &'static Table,
    projection: Vec<usize>,
    decoder: Decoder,
    parser: Decoder,
}

impl Pair {
    fn new(table: &'static Table, projection: &[usize]) -> Self {
        let decoder = || Decoder::new(table, projection).unwrap();
        Self { table, projection: projection.to_vec(), decoder: decoder(), parser: decoder() }
    }

    /// Passes a row to both and compares the results. Their buffers are reused for the next row,
    /// unless they refused this one.
    fn read(&mut self, row: &[u8]) -> TestCaseResult {
        let decoded = self.decoder.push(7, row).map_err(|error| error.to_string());
        let parsed = self.parser.push_parsed(7, row).map_err(|error| error.to_string());
        prop_assert_eq!(&decoded, &parsed, "{}", String::from_utf8_lossy(row));
        if decoded.is_err() {
            *self = Self::new(self.table, &self.projection);
            return Ok(());
        }
        prop_assert_eq!(self.decoder.rows(), 1);
        let (batch, parsed) = (self.decoder.finish().unwrap(), self.parser.finish().unwrap());
        prop_assert_eq!(batch, parsed, "{}", String::from_utf8_lossy(row));
        Ok(())
    }
}

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn written_rows_decode_without_the_parser(
        (table, projection, rows) in cases(),
    ) {
        let stored: Vec<_> = projection.iter().filter_map(|index| index.checked_sub(1)).collect();
        let mut written = CanonicalRow::new(table, &stored);
        let (mut decoder, mut parser) = (
            Decoder::new(table, &projection).unwrap(), Decoder::new(table, &projection).unwrap(),
        );
        for (id, row) in (1..).zip(&rows) {
            prop_assert!(written.read(row).is_some(), "{}", String::from_utf8_lossy(row));
            decoder.push(id, row).unwrap();
            parser.push_parsed(id, row).unwrap();
        }
        let batch = decoder.finish().unwrap();
        prop_assert_eq!(batch.num_rows(), rows.len());
        prop_assert_eq!(batch, parser.finish().unwrap());
    }
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn damaged_members_decode_like_the_parser(
        (table, projection, rows) in cases(),
        damages in prop::collection::vec(prop::collection::vec(damage(), 1..4), 4),
    ) {
        let mut pair = Pair::new(table, &projection);
        for row in &rows {
            for damages in &damages {
                let mut members = members(table, row);
                damages.iter().for_each(|damage| damage_members(&mut members, damage.clone()));
                pair.read(&join(&members))?;
            }
            pair.read(row)?;
        }
    }

    #[test]
    fn damaged_bytes_decode_like_the_parser(
        (table, projection, rows) in cases(),
        faults in prop::collection::vec(prop::collection::vec(fault(), 1..4), 8),
    ) {
        let mut pair = Pair::new(table, &projection);
        for row in &rows {
            for faults in &faults {
                let mut row = row.clone();
                faults.iter().for_each(|fault| damage_bytes(&mut row, fault.clone()));
                pair.read(&row)?;
            }
            pair.read(row)?;
        }
    }
}

#[test]
fn odd_values_decode_like_the_parser() {
    for table in tables() {
        let all: Vec<_> = (0..=table.columns().len()).collect();
        let row = full_row(table);
        // All columns, only the first after the id, and only the last.
        for projection in [&all[..], &all[1..2], &all[all.len() - 1..]] {
            let mut pair = Pair::new(table, projection);
            for at in 0..all.len() {
                for value in &odd_values() {
                    let mut members = members(table, &row);
                    members[at].1 = value.to_vec();
                    pair.read(&join(&members)).unwrap();
                }
            }
        }
    }
}

#[test]
fn truncated_or_changed_rows_decode_like_the_parser() {
    // Together, these tables have columns of every type.
    for table in tables() {
        if !["mcp_tool_calls", "measures"].contains(&table.name()) {
            continue;
        }
        let all: Vec<_> = (0..=table.columns().len()).collect();
        let row = full_row(table);
        // All columns, and only one, so that the values of the others are skipped.
        for projection in [&all[..], &all[1..2]] {
            let mut pair = Pair::new(table, projection);
            for at in 0..row.len() {
                pair.read(&row[..at]).unwrap();
                for byte in ODD_BYTES {
                    let mut row = row.clone();
                    row[at] = *byte;
                    pair.read(&row).unwrap();
                }
            }
        }
    }
}

/// Returns a row with a value in every column.
fn full_row(table: &'static Table) -> Vec<u8> {
    let values = table.columns().iter().map(|column| match column.ty {
        ColumnType::Text => {
            Value::Text(column.allowed.first().copied().unwrap_or("a \"é\n").into())
        }
        ColumnType::Int => Value::Int(-70),
        ColumnType::Float => Value::Float(-1.25e-7),
        ColumnType::Date => Value::Date(NaiveDate::from_ymd_opt(2024, 2, 29).unwrap()),
        ColumnType::Bool => Value::Bool(true),
        ColumnType::Time => Value::Time(time(1_776_294_000_500)),
    });
    written(table, 7, values)
}

#[test]
fn floats_read_back_to_the_same_bits() {
    let (table, mut seen) = (MORE_TABLES[0], 0);
    let mut decoder = Decoder::new(table, &[2]).unwrap();
    let mut rng = 0x9e37_79b9_7f4a_7c15_u64;
    let random = std::iter::repeat_with(|| {
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from_bits(rng ^ rng >> 29)
    });
    let odd = [0.0, -0.0, 0.1, 1.0, 1e15, 1e16, 1e21, 5e-324, f64::MIN_POSITIVE, f64::MAX];
    for float in odd.into_iter().chain(random.take(20_000)).filter(|float| float.is_finite()) {
        let record = MeasureRecord::new(time(0), float, NaiveDate::default());
        let row = written(table, 1, crate::Record::values(&record));
        for push in [Decoder::push, Decoder::push_parsed] {
            push(&mut decoder, 1, &row).unwrap();
            let batch = decoder.finish().unwrap();
            let found = batch.column(0).as_primitive::<Float64Type>().value(0);
            assert_eq!(found.to_bits(), float.to_bits(), "{}", String::from_utf8_lossy(&row));
        }
        seen += 1;
    }
    assert!(seen > 15_000);
}
