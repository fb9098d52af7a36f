//! Rows as other programs write them: everything that the format allows is read, and everything
//! else is an error that names the row. Nothing is guessed.

use chrono::{DateTime, Utc};
use netsky_db::{Error, TABLES};
use netsky_testing::{full_row, message, rows, store, store_past_the_crate, to_json, value};
use serde_json::json;

const TICK: &str =
    r#"{"id":1,"ts_utc":"2026-04-15T23:00:00.000Z","source":"a","detail_json":"{}"}"#;

fn reason_of(bytes: &[u8]) -> String {
    let store = store();
    store_past_the_crate(&store.path, "ticks", 7, bytes);
    match store.db.query("SELECT ts_utc, source, detail_json FROM ticks") {
        Err(Error::CorruptRow { table, id: 7, reason }) if table == "ticks" => reason,
        other => panic!("{}: {other:?}", String::from_utf8_lossy(bytes)),
    }
}

#[test]
fn rows_must_be_json_objects() {
    for bytes in [
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "7",
        "\"x\"",
        "{\"id\":1",
        "{}{}",
        "nonsense",
        "{\"a\":01}",
        "{\"a\" 1}",
        "{'a':1}",
        "{\"a\":1,}",
        "\u{feff}{}",
    ] {
        assert!(!reason_of(bytes.as_bytes()).is_empty());
    }
    assert!(reason_of(b"{\"source\":\"\xff\"}").contains("invalid JSON"));
    for end in 1..TICK.len() {
        reason_of(&TICK.as_bytes()[..end]);
    }
}

#[test]
fn missing_required_keys_are_corrupt() {
    let store = store();
    for table in TABLES {
        for column in table.columns() {
            for null in [true, false] {
                let mut row = full_row(table, 1);
                row.remove(column.name);
                if null {
                    row.insert(column.name.to_owned(), json!(null));
                }
                store_past_the_crate(&store.path, table.name(), 1, to_json(&row).as_bytes());
                match store.db.query(&format!("SELECT {} FROM {}", column.name, table.name())) {
                    Ok(_) => assert!(column.nullable, "{}.{}", table.name(), column.name),
                    Err(Error::CorruptRow { id: 1, reason, .. }) => {
                        assert!(!column.nullable && reason.contains(column.name), "{reason}");
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}

#[test]
fn wrong_types_are_corrupt_and_reported() {
    for (wrong, said) in [
        (json!(1), "source should be text, found an integer"),
        (json!(1.5), "source should be text, found a fraction"),
        (json!(true), "source should be text, found a boolean"),
        (json!(["a"]), "source should be text, found an array"),
        (json!({"source": "a"}), "source should be text, found an object"),
    ] {
        let mut row = json!({"ts_utc": "2026-04-15T23:00:00Z", "detail_json": "{}"});
        row["source"] = wrong;
        assert_eq!(reason_of(row.to_string().as_bytes()), said);
    }
    let integer = |number: &str| {
        let store = store();
        let row = format!(
            r#"{{"ts_utc":"2026-04-15T23:00:00Z","agent":"a","session_num":{number},"event":"up"}}"#
        );
        store_past_the_crate(&store.path, "sessions", 1, row.as_bytes());
        store.db.query_batches("SELECT session_num FROM sessions").map(|_| ())
    };
    for number in ["9223372036854775807", "-9223372036854775808", "0"] {
        integer(number).unwrap();
    }
    for number in ["9223372036854775808", "-9223372036854775809", "1.0", "1e3", "\"1\"", "true"] {
        assert!(matches!(integer(number), Err(Error::CorruptRow { .. })), "{number}");
    }
}

#[test]
fn invalid_times_are_corrupt() {
    for (time, said) in [
        ("2262-04-11T23:47:17Z", "outside 1677-09-21 to 2262-04-11"),
        ("1677-09-21T00:12:43Z", "outside 1677-09-21 to 2262-04-11"),
        ("2026-04-15", "not an RFC 3339 time"),
        ("2026-02-30T00:00:00Z", "not an RFC 3339 time"),
        ("", "not an RFC 3339 time"),
    ] {
        let row = json!({"ts_utc": time, "source": "a", "detail_json": "{}"});
        let reason = reason_of(row.to_string().as_bytes());
        assert!(reason.contains("ts_utc") && reason.contains(said), "{reason}");
    }
}

#[test]
fn duplicate_known_keys_are_corrupt() {
    let twice = TICK.replace("\"source\"", "\"source\":\"b\",\"source\"");
    assert_eq!(reason_of(twice.as_bytes()), "source appears twice");
    let store = store();
    let unknown = TICK.replace("\"source\"", "\"x\":{\"source\":9},\"x\":[],\"source\"");
    store_past_the_crate(&store.path, "ticks", 1, unknown.as_bytes());
    assert_eq!(value(&store.db, "SELECT source FROM ticks"), "a");
}

#[test]
fn any_key_order_whitespace_and_escapes_are_read() {
    let store = store();
    let row = " { \"detail_json\" : \"\\ud83e\\udd80\\u00e9\\/\" ,\n\t\"sour\\u0063e\":\"a\",\"ts_utc\":\"2026-04-15T23:00:00Z\" } ";
    store_past_the_crate(&store.path, "ticks", 1, row.as_bytes());
    assert_eq!(rows(&store.db, "SELECT source, detail_json FROM ticks")[0]["detail_json"], "🦀é/");
    // Half of a surrogate pair is not a character.
    let lone = row.replace("\\ud83e\\udd80", "\\ud83e");
    assert!(reason_of(lone.as_bytes()).contains("invalid JSON"));
}

#[test]
fn unprojected_corrupt_values_are_ignored() {
    let store = store();
    store_past_the_crate(&store.path, "ticks", 1, TICK.replace("\"a\"", "7").as_bytes());
    assert_eq!(value(&store.db, "SELECT detail_json FROM ticks"), "{}");
    store_past_the_crate(&store.path, "ticks", 2, b"nonsense");
    assert_eq!(value(&store.db, "SELECT COUNT(*) FROM ticks"), 2);
    assert_eq!(value(&store.db, "SELECT MAX(id) FROM ticks"), 2);
}

#[test]
fn limits_stop_before_corrupt_rows() {
    let store = store();
    for id in 1..=3 {
        store_past_the_crate(&store.path, "ticks", id, TICK.as_bytes());
    }
    store_past_the_crate(&store.path, "ticks", 4, b"nonsense");
    assert_eq!(rows(&store.db, "SELECT source FROM ticks LIMIT 3").len(), 3);
    assert!(store.db.query("SELECT source FROM ticks LIMIT 4").is_err());
}

#[test]
fn corrupt_row_errors_pass_through_any_plan() {
    let store = store();
    store_past_the_crate(&store.path, "ticks", 1, TICK.as_bytes());
    store_past_the_crate(&store.path, "ticks", 15_000, b"nonsense");
    for sql in [
        "SELECT source FROM ticks ORDER BY source DESC",
        "SELECT source, COUNT(*) FROM ticks GROUP BY source",
        "SELECT COUNT(DISTINCT source) FROM ticks WHERE source LIKE 'a%'",
        "SELECT a.source FROM ticks a JOIN ticks b ON a.source = b.source",
        "SELECT source FROM ticks UNION SELECT detail_json FROM ticks",
        "SELECT source, row_number() OVER (PARTITION BY source ORDER BY ts_utc) FROM ticks",
    ] {
        match store.db.query(sql) {
            Err(Error::CorruptRow { id: 15_000, .. }) => {}
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn texts_of_ten_megabytes_are_returned() {
    let store = store();
    let body = "m\u{0}\"🦀".repeat(10_000_000 / 7);
    for _ in 0..3 {
        let id = store.db.record_message(message(Utc::now(), &body)).unwrap();
        assert!(
            value(&store.db, &format!("SELECT body FROM messages WHERE id = {id}")) == json!(body)
        );
    }
    assert_eq!(
        value(&store.db, "SELECT SUM(character_length(body)) FROM messages"),
        3 * body.chars().count()
    );
}

#[test]
fn unstorable_times_are_refused() {
    let store = store();
    for time in ["1677-09-21T00:12:43Z", "2262-04-11T23:47:17Z", "+10000-01-01T00:00:00Z"] {
        let time: DateTime<Utc> = time.parse().unwrap();
        match store.db.record_message(message(time, "x")) {
            Err(Error::InvalidValue { table, column, reason }) => {
                assert_eq!((table.as_str(), column.as_str()), ("messages", "ts_utc"));
                assert!(reason.contains("outside 1677-09-21 to 2262-04-11"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
        let rows = [message(Utc::now(), "good"), message(time, "bad")];
        assert!(store.db.record_all(rows).is_err());
    }
    assert_eq!(value(&store.db, "SELECT COUNT(*) FROM messages"), 0);
    assert_eq!(store.db.record_message(message(DateTime::UNIX_EPOCH, "x")).unwrap(), 1);
}
