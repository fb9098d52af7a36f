//! Stores in temporary directories, and records to put into them.

use std::ops::Range;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::{Db, Direction, MessageRecord, TickRecord};
use tempfile::TempDir;

/// A store that is deleted when the test ends.
#[derive(Debug)]
pub struct TestStore {
    pub db: Db,
    pub path: PathBuf,
    _dir: TempDir,
}

/// Creates a new, empty store.
pub fn store() -> TestStore {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    TestStore { db: Db::open_path(&path).unwrap(), path, _dir: dir }
}

/// Creates a store with `count` equal ticks.
pub fn with_ticks(count: usize) -> TestStore {
    let store = store();
    store.db.record_all((0..count).map(|_| tick("x"))).unwrap();
    store
}

/// Creates a store with `count` ticks, one a second from midnight. The source of a tick is `even`
/// or `odd`, like its id.
pub fn ticks_by_second(count: i64) -> TestStore {
    let store = store();
    let start = DateTime::parse_from_rfc3339("2026-04-03T00:00:00Z").unwrap().to_utc();
    let rows = (1..=count).map(|id| TickRecord {
        ts_utc: start + TimeDelta::seconds(id),
        source: if id % 2 == 0 { "even" } else { "odd" },
        detail_json: "{}",
    });
    store.db.record_all(rows).unwrap();
    store
}

/// Creates a store with `count` ticks whose `detail_json` is a text of 200 bytes. Only a sort puts
/// them in order.
pub fn with_large_texts(count: usize) -> TestStore {
    let store = store();
    let text = |index: usize| format!("{:0>200}", index * 7_919 % count);
    let texts: Vec<String> = (0..count).map(text).collect();
    let ticks =
        texts.iter().map(|text| TickRecord { ts_utc: Utc::now(), source: "x", detail_json: text });
    store.db.record_all(ticks).unwrap();
    store
}

/// Returns a tick with the current time.
pub fn tick(source: &str) -> TickRecord<'_> {
    TickRecord { ts_utc: Utc::now(), source, detail_json: "{}" }
}

/// Returns a message of which only the time and the body matter.
pub fn message(ts_utc: DateTime<Utc>, body: &str) -> MessageRecord<'_> {
    MessageRecord {
        ts_utc,
        source: "agent",
        direction: Direction::Inbound,
        chat_id: None,
        from_agent: None,
        to_agent: None,
        body: Some(body),
        raw_json: None,
    }
}

/// Returns the time `seconds` after the first message of [`record_messages`].
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

/// Records messages that are one second apart.
pub fn record_messages(db: &Db, seconds: Range<i64>) {
    db.record_all(seconds.map(|second| message(at(second), "body"))).unwrap();
}
