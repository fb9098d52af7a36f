//! What a program without SQL can do. These tests run with and without the feature `sql`.

use std::ops::ControlFlow;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::schema::TickRecord;
use crate::{Db, Error};

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp_secs(1_776_294_000).unwrap()
}

fn tick(minute: i64) -> TickRecord<'static> {
    let ts_utc = start() + TimeDelta::minutes(minute);
    TickRecord { ts_utc, source: "test", detail_json: "{}" }
}

fn ids(db: &Db) -> Vec<i64> {
    let mut ids = Vec::new();
    db.stored_rows("ticks", |id, _| {
        ids.push(id);
        ControlFlow::Continue(())
    })
    .unwrap();
    ids
}

#[test]
fn rows_are_recorded_by_every_call() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_path(dir.path().join("meta.db")).unwrap();
    assert_eq!(db.record(&tick(0)).unwrap(), 1);
    assert_eq!(db.record_all((1..4).map(tick)).unwrap(), 2..5);
    assert_eq!(db.record_json("ticks", r#"{"source":"json","detail_json":"{}"}"#).unwrap(), 5);
    let line = r#"{"ts_utc":"2026-04-15T23:05:00Z","source":"line","detail_json":"{}"}"#;
    assert_eq!(db.import("ticks", format!("{line}\n{line}").as_bytes()).unwrap(), 6..8);
    let recorder = db.recorder(Duration::from_secs(60)).unwrap();
    recorder.record(&tick(6)).unwrap();
    recorder.flush().unwrap();
    assert_eq!(ids(&db), (1..=8).collect::<Vec<_>>());
}

#[test]
fn a_store_is_maintained_without_queries() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_path(dir.path().join("meta.db")).unwrap();
    db.record_all((0..3_000).map(tick)).unwrap();
    assert!(db.check().unwrap().is_clean());
    let pruned = db.prune(start() + TimeDelta::minutes(1_000), Some("ticks")).unwrap();
    assert_eq!(pruned[0].rows, 1_000);
    db.repair().unwrap();
    let ticks = db.stats().unwrap().tables.into_iter().find(|stats| stats.table.name() == "ticks");
    let ticks = ticks.unwrap();
    let (first, last) = (start() + TimeDelta::minutes(1_000), start() + TimeDelta::minutes(2_999));
    assert_eq!((ticks.rows, ticks.span), (2_000, Some((first, last))));
    let summaries = db.summaries().unwrap();
    let summary = summaries.iter().find(|summary| summary.table.name() == "ticks").unwrap();
    assert_eq!((summary.rows, summary.first_and_last), (2_000, Some((first, last))));

    let (backup, restored) = (dir.path().join("backup.db"), dir.path().join("restored.db"));
    db.backup(&backup).unwrap();
    db.compact().unwrap();
    Db::restore(&backup, &restored).unwrap();
    assert_eq!(ids(&Db::open_read_only(&restored).unwrap()), ids(&db));
    assert!(matches!(Db::restore(&backup, &restored), Err(Error::FileExists { .. })));
}
