//! Many small files become one.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::Db;
use netsky_lake::Lake;
use netsky_testing::value;
use serde_json::json;

use super::{Directory, open, push, sorted};

fn record(db: &Db, day: u32, rows: i64) {
    let start: DateTime<Utc> = format!("2026-04-{day:02}T00:00:00Z").parse().unwrap();
    for i in 0..rows {
        db.record_tick(start + TimeDelta::seconds(i), "x", r#"{"n": 1}"#).unwrap();
    }
}

#[test]
fn merged_rows_are_read_once_and_old_files_deleted_later() {
    let directory = Directory::new();
    for machine in ["a", "b"] {
        let store = directory.store(machine);
        for (day, rows) in [(1, 3), (2, 1), (1, 2), (3, 1), (1, 4)] {
            record(&store, day, rows);
            push(&store, &directory.lake(), machine);
        }
    }
    let lake = Lake::open(&directory.lake()).unwrap();
    let sql = "SELECT machine, id, ts_utc, source, detail_json FROM ticks";
    let before = sorted(&open(&directory.lake()), sql);
    assert_eq!((before.len(), directory.files().len()), (22, 10));
    let until: DateTime<Utc> = "2026-04-03T12:00:00Z".parse().unwrap();
    let done = lake.compact(until).unwrap();
    assert_eq!((done.merged, done.written, done.deleted), (6, 2, 0));
    assert!(
        directory.files().contains(
            &"ticks/date=2026-04-01/machine=a/000000000001-000000000011.parquet".to_owned()
        )
    );
    assert_eq!(sorted(&open(&directory.lake()), sql), before);
    // Nothing is left to do until an hour has passed.
    let again = lake.compact(until).unwrap();
    assert_eq!((again.merged, again.written, again.deleted), (0, 0, 0));
    for file in directory.files() {
        let file = File::options().write(true).open(directory.path("lake").join(file)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(2 * 3_600)).unwrap();
    }
    assert_eq!(lake.compact(until).unwrap().deleted, 6);
    assert_eq!((directory.files().len(), sorted(&open(&directory.lake()), sql)), (6, before));
    // The machine goes on.
    let store = directory.store("a");
    record(&store, 1, 5);
    push(&store, &directory.lake(), "a");
    assert_eq!(value(&open(&directory.lake()), "SELECT count(*) FROM ticks"), json!(27));
}

#[test]
fn old_days_are_deleted_whole() {
    let directory = Directory::new();
    let store = directory.store("a");
    for day in 1..=4 {
        record(&store, day, 2);
    }
    push(&store, &directory.lake(), "a");
    let lake = Lake::open(&directory.lake()).unwrap();
    let before: DateTime<Utc> = "2026-04-03T12:00:00Z".parse().unwrap();
    assert_eq!(lake.prune(Some(before), true).unwrap().files, 2);
    assert_eq!(directory.files().len(), 4);
    assert_eq!(lake.prune(Some(before), false).unwrap().files, 2);
    assert_eq!(value(&lake.db(), "SELECT min(ts_utc)::date::text FROM ticks"), json!("2026-04-03"));
    // What was deleted does not come back.
    record(&store, 4, 1);
    push(&store, &directory.lake(), "a");
    assert_eq!(value(&lake.db(), "SELECT count(*) FROM ticks"), json!(5));
}

#[test]
fn status_says_what_each_machine_has_pushed() {
    let directory = Directory::new();
    for (machine, rows) in [("b", 2), ("a", 5)] {
        let store = directory.store(machine);
        record(&store, 1, rows);
        push(&store, &directory.lake(), machine);
        record(&store, 2, 1);
        push(&store, &directory.lake(), machine);
    }
    let status = Lake::open(&directory.lake()).unwrap().status().unwrap();
    let found: Vec<_> = status.iter().map(|it| (it.machine.as_str(), it.rows, it.files)).collect();
    assert_eq!(found, [("a", 6, 2), ("b", 3, 2)]);
    let size = |file: &String| fs::metadata(directory.path("lake").join(file)).unwrap().len();
    let bytes: u64 = directory.files().iter().map(size).sum();
    assert_eq!(status.iter().map(|it| it.bytes).sum::<u64>(), bytes);
    assert_eq!(status[0].newest_row, Some("2026-04-02T00:00:00Z".parse().unwrap()));
    assert!(status[0].pushed_at.is_some());
}
