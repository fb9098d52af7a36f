//! Any text as SQL: it returns an answer or an error, and changes nothing.

#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use netsky_db::{Db, Error, QueryOptions, TickRecord};
use tempfile::TempDir;

const ROWS: u64 = 40;

static STORE: LazyLock<(Db, TempDir)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let options = QueryOptions::new().timeout(Duration::from_secs(2)).memory_limit(256 << 20);
    let db = Db::open_path(dir.path().join("meta.db")).expect("a new store");
    let db = db.with_query_options(options);
    let rows = (0..ROWS as i64).map(|second| TickRecord {
        ts_utc: DateTime::from_timestamp(second, 0).expect("a time"),
        source: "a",
        detail_json: "{}",
    });
    db.record_all(rows).expect("rows");
    (db, dir)
});

fuzz_target!(|sql: &str| {
    let (db, _) = &*STORE;
    // A panic on a query's thread is reported as this error, unless the reason is the query's own.
    if let Err(Error::QueryAborted { reason }) = db.query_batches(sql) {
        panic!("{reason}");
    }
    let summaries = db.summaries().expect("a readable store");
    let rows: Vec<u64> =
        summaries.iter().map(|summary| summary.rows).filter(|rows| *rows > 0).collect();
    assert_eq!(rows, [ROWS], "a query changed the store");
});
