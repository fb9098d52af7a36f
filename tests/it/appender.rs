//! Appenders: they take rows in every form, store all of them or none, and name the row in errors.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray,
    Float32Array, Float64Array, Int8Array, Int64Array, LargeStringArray, NullArray, RecordBatch,
    StringArray, StringViewArray, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int8Type, Int32Type};
use chrono::{DateTime, NaiveDate};
use netsky_db::{Appender, Db, Error, Record, RowUnit, TickRecord, TokenUsageRecord, Value};
use netsky_testing::{rows, store, value};

use crate::types::MEASURE_TABLES;

const TICK: &str = r#"{"ts_utc":"2026-04-15T23:00:00Z","source":"json","detail_json":"{}"}"#;

fn tick(source: &str) -> TickRecord<'_> {
    TickRecord { ts_utc: DateTime::UNIX_EPOCH, source, detail_json: "{}" }
}

fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

/// Returns the error's text, and the number of rows that are left.
fn error_and_count(appender: &netsky_db::Appender, pushed: netsky_db::Result<()>) -> (String, u64) {
    (pushed.unwrap_err().to_string(), appender.row_count())
}

#[test]
fn rows_of_every_form_are_stored_in_order() {
    let store = store();
    let mut appender = store.db.appender("ticks").unwrap();
    appender.push(&tick("record")).unwrap();
    appender.push_values([text("2026-04-15T23:00:00+02:00"), text("values"), text("{}")]).unwrap();
    appender.push_json(TICK).unwrap();
    appender
        .push_lines(format!("\n{TICK}\n\n{}", TICK.replace(r#""json""#, r#""lines""#)).as_bytes())
        .unwrap();
    let times = TimestampSecondArray::from(vec![0, 1]).with_timezone("+05:30");
    let batch = RecordBatch::try_from_iter([
        ("detail_json", Arc::new(StringArray::from(vec!["{}", "{}"])) as ArrayRef),
        ("ts_utc", Arc::new(times)),
        ("source", Arc::new(StringArray::from(vec!["batch", "batch"]))),
    ]);
    appender.push_batch(&batch.unwrap()).unwrap();
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), 0);
    assert_eq!(appender.commit().unwrap(), 1..8);
    let sql = "SELECT string_agg(source, ' ' ORDER BY id) FROM ticks";
    assert_eq!(value(&store.db, sql), "record values json json lines batch batch");
    let sql = "SELECT ts_utc FROM ticks WHERE id = 2";
    assert_eq!(value(&store.db, sql), "2026-04-15T21:00:00.000Z");
}

#[test]
fn a_minimum_is_for_rows_from_outside() {
    let store = store();
    let ts_utc = DateTime::UNIX_EPOCH;
    let usage = TokenUsageRecord { input_tokens: Some(-5), ..TokenUsageRecord::new(ts_utc) };
    // What a program declares and records is its own affair, and is read as it is.
    store.db.record_token_usage(usage.clone()).unwrap();
    let mut appender = store.db.appender("token_usage").unwrap();
    appender.push(&usage).unwrap();
    let reason = "input_tokens should be at least 0, found -5";
    let pushed = appender.push_json(r#"{"ts_utc":"now","input_tokens":-5.0}"#);
    assert_eq!(error_and_count(&appender, pushed), (format!("row 2: {reason}"), 1));
    let pushed = appender.push_values(usage.values());
    assert_eq!(error_and_count(&appender, pushed).0, format!("row 3: {reason}"));
    appender.commit().unwrap();
    assert_eq!(value(&store.db, "SELECT sum(input_tokens) FROM token_usage"), -10);
    let error = store.db.record_json("token_usage", r#"{"input_tokens":-5}"#).unwrap_err();
    assert!(error.to_string().contains(reason), "{error}");
}

#[test]
fn a_dropped_appender_stores_nothing() {
    let store = store();
    let mut appender = store.db.appender("ticks").unwrap();
    appender.push(&tick("a")).unwrap();
    drop(appender);
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), 0);
    assert_eq!(store.db.appender("ticks").unwrap().commit().unwrap(), 1..1);
}

#[test]
fn a_rejected_row_is_named_and_left_out() {
    let store = store();
    let mut appender = store.db.appender("ticks").unwrap();
    appender.begin_source("a.json");
    appender.push_json(TICK).unwrap();
    let pushed = appender.push_json("{}");
    assert_eq!(
        error_and_count(&appender, pushed),
        ("a.json: row 2: ts_utc is missing".to_owned(), 1)
    );
    let pushed = appender.push_values([Value::Null, text("a"), text("{}")]);
    assert_eq!(
        error_and_count(&appender, pushed).0,
        "a.json: row 3: ts_utc should be time, found null"
    );
    let pushed = appender.push_values([text("a")]);
    assert_eq!(
        error_and_count(&appender, pushed).0,
        "a.json: row 4: ts_utc: 'a' is not a time such as 2026-04-15T23:00:00Z, 2026-04-15 23:00:00, \
         2026-04-15, 1776294000 or now"
    );
    let pushed = appender.push_values(["2026-04-15", "a", "{}", "b"].map(text));
    assert_eq!(
        error_and_count(&appender, pushed).0,
        "a.json: row 5: expected 3 values, found more"
    );
    let pushed = appender.push_values([text("2026-04-15T23:00:00Z")]);
    assert_eq!(error_and_count(&appender, pushed).0, "a.json: row 6: expected 3 values, found 1");
    appender.begin_source("b.ndjson");
    let lines = format!("{TICK}\n{{\"source\":1}}\n{TICK}\n");
    match appender.push_lines(lines.as_bytes()) {
        Err(Error::RejectedRow { location, .. }) => {
            assert_eq!(location.source.as_deref(), Some("b.ndjson"));
            assert_eq!((location.unit, location.number), (RowUnit::Line, 2));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(appender.row_count(), 2);
    let mut skipped = Vec::new();
    appender
        .push_valid_lines(lines.as_bytes(), |location, reason| {
            skipped.push(format!("{location}: {reason}"));
        })
        .unwrap();
    assert_eq!(skipped, ["b.ndjson: line 2: ts_utc is missing"]);
    assert_eq!(appender.commit().unwrap(), 1..5);
}

#[test]
fn rows_are_stored_in_former_id_order() {
    let store = store();
    let mut appender = store.db.appender("ticks").unwrap();
    for (id, source) in [(9, "c"), (2, "a"), (5, "b")] {
        let values = [Value::Time(DateTime::UNIX_EPOCH), text(source), text("{}")];
        appender.push_former(Some(id), values).unwrap();
    }
    appender.commit().unwrap();
    let sql = "SELECT string_agg(source, ' ' ORDER BY id) FROM ticks";
    assert_eq!(value(&store.db, sql), "a b c");
}

#[test]
fn unreadable_sources_are_not_rejected_rows() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the cable is out"))
        }
    }
    let store = store();
    let lines = || BufReader::new(format!("{TICK}\n").as_bytes().to_vec().leak().chain(Fails));
    let error = store.db.import("ticks", lines()).unwrap_err();
    assert_eq!(error.to_string(), "line 2: cannot be read: the cable is out");
    assert!(matches!(error, Error::SourceUnreadable { .. }), "{error:?}");
    assert!(store.db.import_valid("ticks", lines(), |_, _| panic!("not a bad row")).is_err());
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), 0);
}

#[test]
fn a_read_only_store_has_no_appender() {
    let store = store();
    let read_only = Db::open_read_only(&store.path).unwrap();
    assert!(matches!(read_only.appender("ticks"), Err(Error::ReadOnlyStore { .. })));
    assert!(matches!(store.db.appender("tick"), Err(Error::UnknownTable { .. })));
}

/// Returns a batch with one row of measures, with one column replaced or added.
fn batch_with(name: &str, array: ArrayRef) -> RecordBatch {
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("ts_utc", Arc::new(TimestampSecondArray::from(vec![7]).with_timezone("UTC"))),
        ("name", Arc::new(StringArray::from(vec!["a"]))),
        ("result", Arc::new(Float64Array::from(vec![0.5]))),
        ("day", Arc::new(Date32Array::from(vec![1]))),
    ];
    columns.retain(|(column, _)| *column != name);
    columns.push((name, array));
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Returns the value that an array is read as, or why it is refused.
fn read(column: &str, array: impl Array + 'static) -> String {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_path(dir.path().join("meta.db")).unwrap();
    let db = db.with_tables(MEASURE_TABLES).unwrap();
    let mut appender = db.appender("measures").unwrap();
    match appender.push_batch(&batch_with(column, Arc::new(array))) {
        Ok(()) => {
            appender.commit().unwrap();
            let answer = value(&db, &format!("SELECT {column}::text FROM measures"));
            answer.as_str().map_or(answer.to_string(), str::to_owned)
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn times_of_every_unit_and_zone_are_read() {
    const T: i64 = 1_776_294_000;
    let expected = "2026-04-15T23:00:00.000Z";
    for zone in ["UTC", "+00:00", "-07:00", "Europe/Berlin"] {
        let seconds = TimestampSecondArray::from(vec![T]).with_timezone(zone);
        assert_eq!(read("ts_utc", seconds), expected, "{zone}");
    }
    let zone = "UTC";
    let millis = TimestampMillisecondArray::from(vec![T * 1_000 + 1]).with_timezone(zone);
    assert_eq!(read("ts_utc", millis), "2026-04-15T23:00:00.001Z");
    let micros = TimestampMicrosecondArray::from(vec![T * 1_000_000 + 1_999]).with_timezone(zone);
    assert_eq!(read("ts_utc", micros), "2026-04-15T23:00:00.001Z");
    let nanos = TimestampNanosecondArray::from(vec![-1]).with_timezone(zone);
    assert_eq!(read("ts_utc", nanos), "1969-12-31T23:59:59.999Z");
    assert_eq!(read("ts_utc", StringArray::from(vec!["2026-04-16T01:00:00+02:00"])), expected);
    // A text column keeps a time as text.
    let seconds = TimestampSecondArray::from(vec![T]).with_timezone(zone);
    assert_eq!(read("note", seconds), expected);

    let beyond = TimestampSecondArray::from(vec![i64::MAX]).with_timezone(zone);
    assert_eq!(read("ts_utc", beyond), "row 1: ts_utc: it is outside 1677-09-21 to 2262-04-11");
    // Without a zone, it is UTC.
    assert_eq!(read("ts_utc", TimestampSecondArray::from(vec![T])), expected);
    assert_eq!(read("ts_utc", Date32Array::from(vec![1])), "1970-01-02T00:00:00.000Z");
    assert_eq!(read("ts_utc", Date64Array::from(vec![86_400_000])), "1970-01-02T00:00:00.000Z");
    assert_eq!(read("ts_utc", Int64Array::from(vec![T])), expected);
    assert_eq!(read("ts_utc", Int64Array::from(vec![T * 1_000])), expected);
    assert_eq!(read("ts_utc", Float64Array::from(vec![T as f64])), expected);
    assert_eq!(read("ts_utc", StringArray::from(vec!["2026-04-15 23:00:00"])), expected);
}

#[test]
fn texts_of_every_layout_are_read() {
    assert_eq!(read("note", StringArray::from(vec!["é\"\n"])), "é\"\n");
    assert_eq!(read("note", LargeStringArray::from(vec!["b"])), "b");
    assert_eq!(
        read("note", StringViewArray::from(vec!["a text that a view does not hold"])),
        "a text that a view does not hold"
    );
    let dictionary: DictionaryArray<Int8Type> = ["c"].into_iter().collect();
    assert_eq!(read("note", dictionary), "c");
    let null: DictionaryArray<Int32Type> = [None::<&str>].into_iter().collect();
    assert_eq!(read("note", null), "null");
    assert_eq!(read("note", NullArray::new(1)), "null");
    assert_eq!(read("name", NullArray::new(1)), "row 1: name should be text, found null");
    assert_eq!(
        read("note", BooleanArray::from(vec![true])),
        "row 1: note should be text, found a boolean"
    );
}

#[test]
fn numbers_and_dates_of_other_widths_are_read() {
    assert_eq!(read("result", Float32Array::from(vec![0.1])), "0.10000000149011612");
    assert_eq!(read("result", Int8Array::from(vec![-3])), "-3.0");
    assert_eq!(read("result", UInt64Array::from(vec![u64::MAX])), "1.8446744073709552e19");
    assert_eq!(
        read("result", Float64Array::from(vec![f64::NAN])),
        "row 1: result: NaN is not a finite number"
    );
    let decimal = Decimal128Array::from(vec![1]).with_precision_and_scale(10, 2).unwrap();
    assert!(
        read("result", decimal).contains("column result should be float, found Decimal128(10, 2)")
    );
    assert_eq!(read("day", Date32Array::from(vec![-1])), "1969-12-31");
    assert_eq!(read("day", Date64Array::from(vec![-86_400_000])), "1969-12-31");
    assert_eq!(read("day", StringArray::from(vec!["2024-02-29"])), "2024-02-29");
    assert_eq!(
        read("day", Date32Array::from(vec![i32::MAX])),
        "row 1: day: it is outside 0000-01-01 to 9999-12-31"
    );

    let ids = |numbers: ArrayRef| {
        let store = store();
        let batch = RecordBatch::try_from_iter([
            (
                "ts_utc",
                Arc::new(TimestampSecondArray::from(vec![1]).with_timezone("UTC")) as ArrayRef,
            ),
            ("agent", Arc::new(StringArray::from(vec!["a"]))),
            ("session_num", numbers),
            ("event", Arc::new(StringArray::from(vec!["up"]))),
        ]);
        let mut appender = store.db.appender("sessions").unwrap();
        match appender.push_batch(&batch.unwrap()) {
            Ok(()) => appender
                .commit()
                .map(|_| value(&store.db, "SELECT session_num FROM sessions").to_string())
                .unwrap(),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(ids(Arc::new(Int8Array::from(vec![-3]))), "-3");
    assert_eq!(ids(Arc::new(UInt64Array::from(vec![7]))), "7");
    assert_eq!(
        ids(Arc::new(UInt64Array::from(vec![u64::MAX]))),
        "row 1: session_num is 18446744073709551615, which exceeds a signed 64-bit integer"
    );
    assert_eq!(ids(Arc::new(Float64Array::from(vec![1.0]))), "1");
    assert_eq!(
        ids(Arc::new(Float64Array::from(vec![1.5]))),
        "row 1: session_num should be int, found a fraction"
    );
}

#[test]
fn a_batch_with_the_wrong_columns_adds_nothing() {
    let store = store();
    let mut appender = store.db.appender("ticks").unwrap();
    let texts = || Arc::new(StringArray::from(vec!["{}"])) as ArrayRef;
    let times = || Arc::new(TimestampSecondArray::from(vec![1]).with_timezone("UTC")) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("ts_utc", times()), ("sorce", texts())]).unwrap();
    let error = appender.push_batch(&batch).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the batch does not fit ticks: unknown column 'sorce'; did you mean 'source'?"
    );
    assert!(matches!(error, Error::InvalidBatch { .. }));
    let batch = RecordBatch::try_from_iter([("source", texts()), ("source", texts())]).unwrap();
    let error = appender.push_valid_batch(&batch, |_, _| panic!("not a row")).unwrap_err();
    assert_eq!(error.to_string(), "the batch does not fit ticks: two columns have the name source");
    let batch = RecordBatch::try_from_iter([("ts_utc", times()), ("source", texts())]).unwrap();
    let mut skipped = Vec::new();
    appender
        .push_valid_batch(&batch, |location, reason| skipped.push(format!("{location}: {reason}")))
        .unwrap();
    assert_eq!(skipped, ["row 1: detail_json is missing"]);
    assert_eq!(appender.row_count(), 0);
    // An empty batch also has columns.
    assert!(
        appender
            .push_batch(&RecordBatch::try_from_iter([("x", texts())]).unwrap().slice(0, 0))
            .is_err()
    );
}

#[test]
fn an_appender_works_in_another_thread() {
    let dir = tempfile::tempdir().unwrap();
    let db =
        Db::open_path(dir.path().join("meta.db")).unwrap().with_tables(MEASURE_TABLES).unwrap();
    let mut appender = db.appender("measures").unwrap();
    let day = Value::Date(NaiveDate::default());
    let ids = std::thread::spawn(move || {
        let time = Value::Time(DateTime::UNIX_EPOCH);
        let null = || Value::Null;
        appender.push_values([time, text("a"), Value::Int(3), day, null(), null(), null()])?;
        appender.commit()
    });
    assert_eq!(ids.join().unwrap().unwrap(), 1..2);
}

#[test]
fn nested_columns_become_json() {
    let store = store();
    let structs = StructArray::from(vec![(
        Arc::new(Field::new("a", DataType::Int64, true)),
        Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef,
    )]);
    let times = TimestampSecondArray::from(vec![1, 1]).with_timezone("UTC");
    let batch = RecordBatch::try_from_iter([
        ("ts_utc", Arc::new(times) as ArrayRef),
        ("source", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("detail_json", Arc::new(structs)),
    ]);
    let mut appender = store.db.appender("ticks").unwrap();
    appender.push_batch(&batch.unwrap()).unwrap();
    appender.commit().unwrap();
    let details = rows(&store.db, "SELECT detail_json FROM ticks ORDER BY id");
    assert_eq!(details[0]["detail_json"], "{\"a\":1}");
    assert_eq!(details[1]["detail_json"], "{}");
}

#[test]
fn json_columns_take_only_json() {
    let store = store();
    let mut appender = store.db.appender("ticks").unwrap();
    let push = |appender: &mut Appender, detail: &str| {
        let json = format!(r#"{{"ts_utc":"2026-04-15","source":"a","detail_json":{detail}}}"#);
        appender.push_json(json).map_err(|error| error.to_string())
    };
    for (detail, stored) in [
        (r#"{ "b" : 1.00, "a" : [ 1, "x y" ] }"#, r#"{"b":1.00,"a":[1,"x y"]}"#),
        ("[ ]", "[]"),
        (r#""{ \"a\" : 1 }""#, r#"{ "a" : 1 }"#),
        (r#""7""#, "7"),
    ] {
        push(&mut appender, detail).unwrap();
        let mut one = store.db.appender("ticks").unwrap();
        push(&mut one, detail).unwrap();
        let id = one.commit().unwrap().start;
        let sql = format!("SELECT detail_json FROM ticks WHERE id = {id}");
        assert_eq!(value(&store.db, &sql), stored);
    }
    for detail in [r#""not json""#, r#""""#, r#""{a:1}""#, r#""{} {}""#, r#""NaN""#] {
        let error = push(&mut appender, detail).unwrap_err();
        assert!(
            error.contains("detail_json should be JSON, such as {\"a\":1}, found '"),
            "{error}"
        );
    }
    let error = push(&mut appender, "7").unwrap_err();
    assert!(error.ends_with("detail_json should be text, found an integer"), "{error}");
    assert_eq!(appender.row_count(), 4);
    // The calls with typed records take any text, as in netsky-db 0.1.6, and it can be read.
    let id = store.db.record_tick(chrono::Utc::now(), "a", "not json").unwrap();
    assert_eq!(
        value(&store.db, &format!("SELECT detail_json FROM ticks WHERE id = {id}")),
        "not json"
    );
}

#[test]
fn truncated_json_comes_back() {
    let store = store();
    let long = format!("[{}0]", "0,".repeat(9_000));
    let call = |request: &str| {
        let row = serde_json::json!({"ts_utc_start": "2026-04-15", "source": "s", "tool": "t",
            "success": true, "timeout_race": false, "request_json": request});
        store.db.record_json("mcp_tool_calls", &row.to_string())
    };
    let id = call(&long).unwrap();
    let stored =
        value(&store.db, &format!("SELECT request_json FROM mcp_tool_calls WHERE id = {id}"));
    let stored = stored.as_str().unwrap();
    assert_eq!(stored.len(), 8_192);
    call(stored).unwrap();
    assert!(call(&stored[1..]).is_err());
}
