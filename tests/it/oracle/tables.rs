//! The tables that the oracle queries, and random rows for them and for the catalogue's.

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use fastrand::Rng;
use netsky_db::{Column, ColumnType, Table};
use serde_json::{Map, Value, json};

netsky_db::tables! {
    /// Columns of every type, with and without nulls; two times; and a table without a time.
    pub static ORACLE_TABLES;

    /// Events.
    #[table = "events"]
    pub struct EventRecord<'a> {
        /// The time of the event.
        pub ts: DateTime<Utc>,
        /// Its name.
        pub name: Option<&'a str>,
        /// A number.
        pub n: Option<i64>,
        /// A flag.
        pub flag: bool,
    }

    /// Events with a duration.
    #[table = "spans"]
    pub struct SpanRecord<'a> {
        /// The agent.
        pub agent: &'a str,
        /// The end of the span.
        pub until: Option<DateTime<Utc>>,
        /// The start of the span.
        pub since: DateTime<Utc>,
        /// The enclosing span.
        pub parent: i64,
        /// The size.
        pub size: Option<i64>,
        /// Whether it succeeded.
        pub ok: Option<bool>,
        /// A note.
        pub note: Option<&'a str>,
        /// How much of it.
        pub share: Option<f64>,
        /// For which day.
        pub day: NaiveDate,
    }

    /// Tags.
    #[table = "tags"]
    pub struct TagRecord<'a> {
        /// The key of the tag.
        pub key: &'a str,
        /// Its value.
        pub value: Option<i64>,
        /// The time at which it was seen.
        pub seen: Option<DateTime<Utc>>,
        /// Whether it counts.
        pub counts: bool,
        /// What it weighs.
        pub weight: f64,
        /// The day it ends.
        pub ends: Option<NaiveDate>,
    }
}

pub const HOUR: i64 = 3_600_000;

/// No negative zero, which DataFusion orders below zero and SQLite does not.
pub const FLOATS: [f64; 9] = [0.0, 1.0, -1.0, 0.5, -2.25, 0.1, 1e-9, 1e300, -3e15];

pub const TEXTS: [&str; 9] = ["a", "b", "b%", "é\"\n🦀", "A", "", "it's", "10", "ab_c"];

/// Milliseconds since 1970 near which a clock is set forward or back: Berlin in March and October
/// 2026, Lord Howe by half an hour in April, Samoa without a 30 December 2011, and Berlin's change
/// from local mean time in 1893.
const CLOCK_CHANGES: [i64; 6] = [
    1_774_746_000_000,
    1_792_890_000_000,
    1_775_314_800_000,
    1_325_239_200_000,
    -2_422_054_408_000,
    1_793_512_800_000,
];

/// Returns times, in milliseconds, that mostly increase: some are equal, some come late.
pub fn times(rng: &mut Rng, count: usize) -> Vec<i64> {
    let largest_step = [1, 1_000, HOUR / 4, 30 * HOUR][rng.usize(..4)];
    let mut now = match rng.bool() {
        true => rng.i64(-40_000..40_000) * 12 * HOUR,
        // The clock change comes after some of the rows.
        false => {
            CLOCK_CHANGES[rng.usize(..CLOCK_CHANGES.len())]
                - rng.i64(0..=count as i64) * largest_step / 2
        }
    };
    let mut time = || {
        now += rng.i64(0..=largest_step);
        if rng.u8(..20) == 0 { now - rng.i64(0..50 * largest_step) } else { now }
    };
    (0..count).map(|_| time()).collect()
}

/// Returns a random row with the time `ms`, as the JSON that an import takes.
pub fn row(table: &Table, rng: &mut Rng, ms: i64, rows: usize) -> Map<String, Value> {
    let cell = |column: &Column, rng: &mut Rng| {
        if column.nullable && rng.u8(..5) == 0 {
            return Value::Null;
        }
        match column.ty {
            ColumnType::Bool => json!(rng.bool()),
            ColumnType::Int => {
                let int = match rng.u8(..8) {
                    0..3 => rng.i64(-3..6),
                    3 => 0,
                    4..7 => rng.i64(0..=rows.max(1) as i64),
                    _ => rng.i64(-1_000_000..1_000_000),
                };
                json!(int.max(column.min.unwrap_or(i64::MIN)))
            }
            ColumnType::Float => json!(FLOATS[rng.usize(..FLOATS.len())]),
            ColumnType::Date => {
                let day = DateTime::from_timestamp_millis(ms).unwrap().date_naive();
                json!((day + TimeDelta::days(rng.i64(-3..4))).to_string())
            }
            ColumnType::Text if column.is_json() => {
                json!(json!(TEXTS[rng.usize(..TEXTS.len())]).to_string())
            }
            ColumnType::Text => match column.allowed {
                [] => json!(TEXTS[rng.usize(..TEXTS.len())]),
                allowed => json!(allowed[rng.usize(..allowed.len())]),
            },
            ColumnType::Time if Some(column) == table.time_column() => json!(time_text(ms)),
            ColumnType::Time => json!(time_text(ms + rng.i64(-2..40) * HOUR / 4)),
            other => panic!("no values of type {other}"),
        }
    };
    table.columns().iter().map(|column| (column.name.to_owned(), cell(column, rng))).collect()
}

fn time_text(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Returns the same row as another program might have written it: in another order, with other
/// spaces, an unknown key, nulls omitted, and times to the nanosecond at another offset.
pub fn foreign(row: &Map<String, Value>, rng: &mut Rng) -> String {
    let offset = chrono::FixedOffset::east_opt(rng.i32(-20..20) * 1_800).unwrap();
    let member = |(name, value): (&String, &Value)| {
        let time = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        match (value, time) {
            (Value::Null, _) => None,
            (_, Some(time)) => {
                let time = time + chrono::TimeDelta::nanoseconds(rng.i64(0..1_000_000));
                Some(format!("{name:?}: {:?}", time.with_timezone(&offset).to_rfc3339()))
            }
            (value, None) => Some(format!("{name:?} :{value}")),
        }
    };
    let members: Vec<String> = row.iter().rev().filter_map(member).collect();
    format!("{{ \"unknown\":[1,{{}}], {} }}", members.join(","))
}
