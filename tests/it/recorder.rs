//! The recorder: rows are buffered for a bounded time, lost at most with the process, and never
//! stored twice.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use netsky_db::{CrashRecord, Db, Error, OpenOptions, TickRecord};
use netsky_testing::{open_past_the_crate, rows, store, tick, value};
use serde_json::json;

/// Longer than any test takes.
const NEVER: Duration = Duration::from_secs(3_600);

#[test]
fn rows_are_buffered_until_flushed() {
    let store = store();
    let recorder = store.db.recorder(NEVER).unwrap();
    for number in 0..100 {
        recorder.record(&tick(&number.to_string())).unwrap();
    }
    let crash =
        CrashRecord { ts_utc: Utc::now(), kind: "panic", agent: "agent1", detail_json: "{}" };
    recorder.record(&crash).unwrap();
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), 0);
    recorder.flush().unwrap();
    let found = rows(&store.db, "SELECT id, source FROM ticks ORDER BY id");
    let expected: Vec<_> = (0..100)
        .map(|number| json!({"id": number + 1, "source": number.to_string()}))
        .map(|row| row.as_object().unwrap().clone())
        .collect();
    assert_eq!(found, expected);
    assert_eq!(value(&store.db, "SELECT count(*) FROM crashes"), 1);
    recorder.flush().unwrap();
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), 100, "a flush of nothing");
}

#[test]
fn rows_are_stored_after_the_delay_and_on_drop() {
    let store = store();
    let recorder = store.db.recorder(Duration::from_millis(20)).unwrap();
    for expected in 1..=3 {
        recorder.record(&tick("in time")).unwrap();
        let began = Instant::now();
        while value(&store.db, "SELECT count(*) FROM ticks") != expected {
            assert!(began.elapsed() < Duration::from_secs(30), "row {expected} is never stored");
            thread::sleep(Duration::from_millis(5));
        }
    }
    let lazy = store.db.recorder(NEVER).unwrap();
    lazy.record(&tick("at last")).unwrap();
    drop(lazy);
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), 4);
}

#[test]
fn concurrent_rows_are_stored_once_in_thread_order() {
    let store = store();
    let recorder = store.db.recorder(Duration::from_millis(1)).unwrap();
    thread::scope(|scope| {
        for thread in 0..8 {
            let recorder = &recorder;
            scope.spawn(move || {
                for row in 0..500 {
                    recorder.record(&tick(&format!("{thread} {row:03}"))).unwrap();
                    if row % 100 == 0 {
                        recorder.flush().unwrap();
                    }
                }
            });
        }
    });
    drop(recorder);
    let mut of_thread: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows(&store.db, "SELECT source FROM ticks ORDER BY id") {
        let (thread, row) = row["source"].as_str().unwrap().split_once(' ').unwrap();
        of_thread.entry(thread.to_owned()).or_default().push(row.to_owned());
    }
    let expected: Vec<String> = (0..500).map(|row| format!("{row:03}")).collect();
    assert_eq!(of_thread.len(), 8);
    assert!(of_thread.values().all(|rows| *rows == expected));
}

#[test]
fn rows_stay_buffered_while_the_store_is_busy() {
    let store = store();
    let impatient = OpenOptions::new().busy_timeout(Duration::from_millis(100));
    let db = impatient.open(&store.path).unwrap();
    let recorder = db.recorder(Duration::from_millis(10)).unwrap();
    let other = open_past_the_crate(&store.path);
    let txn = other.begin_write().unwrap();
    recorder.record(&tick("first")).unwrap();
    let error = recorder.flush().unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    // The timer also tries and fails, which the next call returns.
    while recorder.record(&tick("second")).is_err() {}
    txn.abort().unwrap();
    recorder.flush().unwrap();
    drop(recorder);
    let found = rows(&store.db, "SELECT source FROM ticks ORDER BY id");
    let sources: Vec<&str> = found.iter().map(|row| row["source"].as_str().unwrap()).collect();
    assert_eq!(sources, ["first", "second"]);
}

#[test]
fn the_next_call_returns_a_timer_error() {
    let store = store();
    let impatient = OpenOptions::new().busy_timeout(Duration::ZERO).open(&store.path).unwrap();
    let recorder = impatient.recorder(Duration::from_millis(10)).unwrap();
    let other = open_past_the_crate(&store.path);
    let txn = other.begin_write().unwrap();
    recorder.record(&tick("held")).unwrap();
    let began = Instant::now();
    let mut recorded = 1;
    let error = loop {
        assert!(began.elapsed() < Duration::from_secs(60), "the timer's error is lost");
        thread::sleep(Duration::from_millis(50));
        match recorder.record(&tick("held")) {
            Ok(()) => recorded += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    txn.abort().unwrap();
    recorded += i32::from(recorder.record(&tick("last")).is_ok());
    recorder.flush().unwrap();
    // A row whose call failed is not stored, and the buffered rows are.
    let sql = "SELECT count(*) FROM ticks WHERE source IN ('held', 'last')";
    assert_eq!(value(&store.db, sql), recorded);
}

#[test]
fn a_full_buffer_refuses_rows() {
    let store = store();
    let impatient = OpenOptions::new().busy_timeout(Duration::from_millis(50));
    let db = impatient.open(&store.path).unwrap();
    let recorder = db.recorder(NEVER).unwrap();
    let other = open_past_the_crate(&store.path);
    let txn = other.begin_write().unwrap();
    let detail = format!("\"{}\"", "x".repeat(1 << 20));
    let large = TickRecord { ts_utc: Utc::now(), source: "large", detail_json: &detail };
    let accepted = (0..100).take_while(|_| recorder.record(&large).is_ok()).count();
    assert!((8..12).contains(&accepted), "{accepted} rows of a mebibyte are held");
    assert!(matches!(recorder.record(&large), Err(Error::Busy { .. })));
    txn.abort().unwrap();
    recorder.flush().unwrap();
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), accepted);
}

#[test]
fn read_only_stores_have_no_recorder() {
    let store = store();
    let error = Db::open_read_only(&store.path).unwrap().recorder(NEVER).unwrap_err();
    assert!(matches!(error, Error::ReadOnlyStore { .. }), "{error}");
}

/// Set for a recording child process, to the store's path.
const CHILD: &str = "NETSKY_TEST_HOLDER";

/// Not a test itself: it records for ever, flushes now and then, and prints how far it is.
#[test]
fn child_that_holds_rows() {
    let Some(path) = env::var_os(CHILD) else { return };
    let recorder = Db::open_path(path).unwrap().recorder(Duration::from_millis(5)).unwrap();
    for number in 0_u64.. {
        recorder.record(&tick(&number.to_string())).unwrap();
        if number % 1_000 == 0 {
            recorder.flush().unwrap();
            // The full stop distinguishes a complete line from one that a kill cut short.
            eprintln!("flushed {number} .");
        }
    }
}

#[test]
fn killed_processes_lose_only_unflushed_rows() {
    let store = store();
    drop(store.db);
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "recorder::child_that_holds_rows", "--nocapture"])
        .env(CHILD, &store.path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut flushed = 0;
    for line in said {
        let Some(number) = line.strip_prefix("flushed ").and_then(|l| l.strip_suffix(" .")) else {
            continue;
        };
        flushed = number.parse().unwrap();
        if flushed == 5_000 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(flushed >= 5_000);

    let db = Db::open_path(&store.path).unwrap();
    assert_eq!(value(&db, "SELECT count(*) FROM ticks WHERE source <> (id - 1)::text"), 0);
    let stored = value(&db, "SELECT count(*) FROM ticks").as_u64().unwrap();
    assert!(stored > flushed, "{stored} rows are stored of {flushed} that were flushed");
    assert!(db.check().unwrap().is_clean());
}
