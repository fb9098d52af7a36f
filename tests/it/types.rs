//! Columns of floats and dates, from a record to SQL and back.

use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use futures::executor::block_on;
use netsky_db::{ColumnType, Db, Error, Value};

netsky_db::tables! {
    /// What the tests measure.
    pub static MEASURE_TABLES;

    /// Measurements.
    #[table = "measures"]
    pub struct MeasureRecord<'a> {
        /// When it was measured.
        pub ts_utc: DateTime<Utc>,
        /// What was measured.
        pub name: &'a str,
        /// The result.
        pub result: f64,
        /// The day it counts for.
        pub day: NaiveDate,
        /// The result before.
        pub before: Option<f64>,
        /// The day before.
        pub day_before: Option<NaiveDate>,
        /// Anything else.
        pub note: Option<&'a str>,
    }
}

fn measures() -> (Db, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_path(dir.path().join("meta.db")).unwrap();
    (db.with_tables(MEASURE_TABLES).unwrap(), dir)
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// How many rows the query has.
fn count(db: &Db, sql: &str, parameters: &[Value<'_>]) -> usize {
    let answer =
        async { db.query_stream_with(sql, parameters).await?.try_collect::<Vec<_>>().await };
    block_on(answer).unwrap().iter().map(|batch| batch.num_rows()).sum()
}

#[test]
fn floats_and_dates_are_stored_and_found() {
    let (db, _dir) = measures();
    let first = MeasureRecord::new(DateTime::UNIX_EPOCH, "a", 0.1, day("2026-04-15"));
    assert_eq!(first.before, None);
    db.record(&first).unwrap();
    db.record(&MeasureRecord {
        before: Some(-1e300),
        day_before: Some(day("0000-01-01")),
        ..MeasureRecord::new(DateTime::UNIX_EPOCH, "b", 2.0, day("9999-12-31"))
    })
    .unwrap();
    let table = db
        .query("SELECT name, result, day, before, day_before FROM measures ORDER BY day DESC")
        .unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[3], "| b    | 2.0    | 9999-12-31 | -1e300 | 0000-01-01 |", "{table}");
    assert_eq!(lines[4], "| a    | 0.1    | 2026-04-15 |        |            |", "{table}");
    for condition in [
        "result = 0.1",
        "result < 2",
        "day = '2026-04-15'",
        "day BETWEEN '2026-04-14' AND '2026-04-16'",
        "day < current_date",
        "before IS NULL",
        "date_part('year', day) = 2026",
    ] {
        let table = db.query(&format!("SELECT name FROM measures WHERE {condition}")).unwrap();
        assert!(table.contains("| a    |") && !table.contains("| b "), "{condition}: {table}");
    }
    let parameters = [Value::Float(0.1), Value::Date(day("2026-04-15"))];
    let sql = "SELECT name FROM measures WHERE result = $1 AND day = $2";
    assert_eq!(count(&db, sql, &parameters), 1);
}

#[test]
fn numbers_and_dates_that_json_has_no_form_for_are_refused() {
    let (db, _dir) = measures();
    let record = MeasureRecord::new(DateTime::UNIX_EPOCH, "a", 0.0, day("2026-04-15"));
    for result in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        match db.record(&MeasureRecord { result, ..record.clone() }) {
            Err(Error::InvalidValue { column, reason, .. }) => {
                assert_eq!(column, "result");
                assert!(reason.contains("not a finite number"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    match db.record(&MeasureRecord { day: NaiveDate::MAX, ..record }) {
        Err(Error::InvalidValue { column, reason, .. }) => {
            assert_eq!(column, "day");
            assert!(reason.contains("outside 0000-01-01 to 9999-12-31"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn json_numbers_of_any_spelling_are_floats() {
    let (db, _dir) = measures();
    let row = |result: &str| {
        format!(
            r#"{{"ts_utc":"2026-04-15T23:00:00Z","name":"a","result":{result},"day":"2026-04-15"}}"#
        )
    };
    for (text, number) in [
        ("7", 7.0),
        ("-7", -7.0),
        ("0.5", 0.5),
        ("5E-1", 0.5),
        ("1e+22", 1e22),
        ("100000000000000000000", 1e20),
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("18446744073709551615", 18_446_744_073_709_551_615.0),
        ("0.1000000000000000055511151231257827", 0.1),
        ("1e-400", 0.0),
    ] {
        let id = db.record_json("measures", &row(text)).unwrap();
        let parameters = [Value::Int(id), Value::Float(number)];
        let sql = "SELECT id FROM measures WHERE id = $1 AND result = $2";
        assert_eq!(count(&db, sql, &parameters), 1, "{text}");
    }
    for (text, reason) in [
        ("1e400", "malformed number"),
        ("NaN", "invalid JSON"),
        ("\"1\"", "result should be float, found a string"),
        ("true", "result should be float, found a boolean"),
        ("null", "result should be float, found null"),
    ] {
        match db.record_json("measures", &row(text)) {
            Err(Error::InvalidRow { reason: said, .. }) => {
                assert!(said.contains(reason), "{text}: {said}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    let dated = row("1").replace(r#""day":"2026-04-15""#, r#""day":"2026-02-29""#);
    match db.record_json("measures", &dated) {
        Err(Error::InvalidRow { reason, .. }) => {
            assert_eq!(reason, "day: '2026-02-29' is not a date of the form YYYY-MM-DD");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_column_type_has_an_arrow_type() {
    let table = MEASURE_TABLES[0];
    let types = table.columns().iter().map(|column| column.ty.name());
    assert_eq!(
        types.collect::<Vec<_>>(),
        ["time", "text", "float", "date", "float", "date", "text"]
    );
    let schema = table.schema();
    assert_eq!(schema.field(3).data_type().to_string(), "Float64");
    assert_eq!(schema.field(4).data_type().to_string(), "Date32");
    assert!(schema.field(5).is_nullable() && !schema.field(4).is_nullable());
    assert_eq!(Value::Float(0.5).ty(), Some(ColumnType::Float));
}
