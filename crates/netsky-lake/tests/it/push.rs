//! Each row gets into a lake once.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::{Db, Error as StoreError, TickRecord};
use netsky_lake::{Error, Lake, Push, watermarks};
use netsky_testing::{rows, value};
use serde_json::json;

use super::{Directory, open, push};

fn record(db: &Db, rows: i64) {
    let start: DateTime<Utc> = "2026-04-15T22:00:00Z".parse().unwrap();
    let first = db.last_id(db.find_table("ticks").unwrap()).unwrap();
    // Some of each hour, so that rows of several days are in no order.
    let times = (0..rows).map(|i| start + TimeDelta::minutes((first + i) * 37 % 2_880));
    db.record_all(times.map(|ts_utc| TickRecord { ts_utc, source: "x", detail_json: "{}" }))
        .unwrap();
}

fn assert_once(lake: &str, expected: i64) {
    let lake = open(lake);
    let found = rows(
        &lake,
        "SELECT count(*) AS rows, count(DISTINCT id) AS ids, max(id) AS last FROM ticks",
    );
    assert_eq!(
        serde_json::to_value(&found[0]).unwrap(),
        json!({"rows": expected, "ids": expected, "last": expected})
    );
}

#[test]
fn a_push_adds_what_is_new() {
    let directory = Directory::new();
    let store = directory.store("a");
    let mut total = 0;
    for rows in [100, 0, 1, 250] {
        record(&store, rows);
        total += rows;
        assert_eq!(push(&store, &directory.lake(), "m"), rows.unsigned_abs());
        assert_once(&directory.lake(), total);
    }
    let first = "ticks/date=2026-04-15/machine=m/000000000001-000000000100.parquet";
    assert_eq!(directory.files()[0], first);
}

#[test]
fn rows_of_one_second_push_stay_out_until_their_time() {
    let directory = Directory::new();
    let store = directory.store("a");
    for (minutes, source) in [(0, "early"), (120, "late"), (1, "early, recorded late")] {
        let ts_utc =
            "2026-04-15T23:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes);
        store.record_tick(ts_utc, source, "{}").unwrap();
    }
    let until = "2026-04-16T00:00:00Z".parse().unwrap();
    let pushed = Push::new(&store, &directory.lake(), "m").unwrap().until(until).run().unwrap();
    assert_eq!(pushed.rows, [("ticks", 1)]);
    assert_eq!(push(&store, &directory.lake(), "m"), 2);
    assert_once(&directory.lake(), 3);
}

#[test]
fn tables_can_be_chosen() {
    let directory = Directory::new();
    let store = directory.store("a");
    record(&store, 3);
    store.record_crash(Utc::now(), "panic", "a", "{}").unwrap();
    let only = vec![store.find_table("crashes").unwrap()];
    let pushed = Push::new(&store, &directory.lake(), "m").unwrap().tables(only).run().unwrap();
    assert_eq!(pushed.rows, [("crashes", 1)]);
    assert_eq!(push(&store, &directory.lake(), "m"), 3);
}

#[test]
fn a_push_that_failed_goes_on_with_the_same_ids() {
    let directory = Directory::new();
    let store = directory.store("a");
    record(&store, 100);
    // One of the days cannot be written.
    let day = directory.path("lake/ticks/date=2026-04-16");
    fs::create_dir_all(day.parent().unwrap()).unwrap();
    fs::write(&day, "in the way").unwrap();
    let failed = Push::new(&store, &directory.lake(), "m").unwrap().run();
    assert!(matches!(failed, Err(Error::File { .. })), "{failed:?}");
    // The other days are written at the same time.
    let wait = Instant::now() + Duration::from_secs(20);
    while directory.files().len() < 2 && Instant::now() < wait {
        thread::sleep(Duration::from_millis(10));
    }
    let left = directory.files();
    assert_eq!(left.len(), 2, "{left:?}");
    // More rows do not change the range that was begun.
    record(&store, 50);
    fs::remove_file(&day).unwrap();
    push(&store, &directory.lake(), "m");
    assert_once(&directory.lake(), 150);
    assert!(left.iter().all(|file| directory.files().contains(file)));
}

#[test]
fn pushes_at_once_push_each_row_once() {
    let directory = Directory::new();
    let store = directory.store("a");
    record(&store, 500);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| match Push::new(&store, &directory.lake(), "m").unwrap().run() {
                Ok(_) | Err(Error::Busy { .. }) => {}
                Err(error) => panic!("{error}"),
            });
        }
    });
    push(&store, &directory.lake(), "m");
    assert_once(&directory.lake(), 500);
}

#[test]
fn two_stores_cannot_have_one_name() {
    let directory = Directory::new();
    let (one, other) = (directory.store("a"), directory.store("b"));
    record(&one, 3);
    record(&other, 3);
    push(&one, &directory.lake(), "m");
    let refused = Push::new(&other, &directory.lake(), "m").unwrap().run();
    assert!(matches!(refused, Err(Error::OtherStore { .. })), "{refused:?}");
    let renamed = Push::new(&one, &directory.lake(), "n").unwrap().run();
    assert!(matches!(renamed, Err(Error::OtherName { .. })), "{renamed:?}");
    push(&other, &directory.lake(), "n");
    // Once its rows are gone, a store can have another name.
    let first = Lake::open(&directory.lake()).unwrap().of_machines(["m"]).unwrap();
    first.prune(None, false).unwrap();
    assert_eq!(push(&one, &directory.lake(), "o"), 3);
    assert_eq!(value(&open(&directory.lake()), "SELECT count(*) FROM ticks"), json!(6));
}

#[test]
fn a_restored_store_is_another_one() {
    let directory = Directory::new();
    let store = directory.store("a");
    record(&store, 10);
    let backup = directory.path("backup.db");
    push(&store, &directory.lake(), "m");
    store.backup(&backup).unwrap();
    record(&store, 10);
    push(&store, &directory.lake(), "m");
    Db::restore(&backup, directory.path("restored.db")).unwrap();
    for copy in [backup, directory.path("restored.db")] {
        let copy = Db::open_path(copy).unwrap();
        record(&copy, 1);
        let refused = Push::new(&copy, &directory.lake(), "m").unwrap().run();
        assert!(matches!(refused, Err(Error::OtherStore { .. })), "{refused:?}");
    }
    assert_once(&directory.lake(), 20);
}

#[test]
fn an_older_copy_of_the_file_is_refused() {
    let directory = Directory::new();
    let store = directory.store("a");
    record(&store, 10);
    push(&store, &directory.lake(), "m");
    drop(store);
    fs::create_dir(directory.path("old")).unwrap();
    fs::copy(directory.path("a/meta.db"), directory.path("old/meta.db")).unwrap();
    let store = directory.store("a");
    record(&store, 10);
    push(&store, &directory.lake(), "m");
    let old = directory.store("old");
    record(&old, 25);
    let refused = Push::new(&old, &directory.lake(), "m").unwrap().run();
    assert!(matches!(refused, Err(Error::OlderCopy { .. })), "{refused:?}");
    assert_once(&directory.lake(), 20);
}

#[test]
fn a_lake_that_was_put_back_is_refused() {
    let directory = Directory::new();
    let store = directory.store("a");
    let claims = directory.path("lake/_netsky/machines/m");
    record(&store, 10);
    push(&store, &directory.lake(), "m");
    let files = fs::read_dir(&claims).unwrap().map(|file| file.unwrap().path());
    let before: Vec<_> = files.map(|file| (fs::read(&file).unwrap(), file)).collect();
    record(&store, 10);
    push(&store, &directory.lake(), "m");
    fs::remove_dir_all(&claims).unwrap();
    fs::create_dir(&claims).unwrap();
    for (content, file) in before {
        fs::write(file, content).unwrap();
    }
    let refused = Push::new(&store, &directory.lake(), "m").unwrap().run();
    assert!(matches!(refused, Err(Error::OlderLake { found: 10, pushed: 20, .. })), "{refused:?}");
}

#[test]
fn a_machine_that_was_deleted_pushes_anew() {
    let directory = Directory::new();
    let store = directory.store("a");
    record(&store, 10);
    push(&store, &directory.lake(), "m");
    fs::remove_dir_all(directory.path("lake/_netsky/machines/m")).unwrap();
    let refused = Push::new(&store, &directory.lake(), "m").unwrap().run();
    assert!(matches!(refused, Err(Error::Forgotten { .. })), "{refused:?}");
    let lake = Lake::open(&directory.lake()).unwrap().of_machines(["m"]).unwrap();
    assert_eq!(lake.prune(None, false).unwrap().files, 2);
    // Also if it has nothing to push at first.
    let before = "2026-01-01T00:00:00Z".parse().unwrap();
    let pushed = Push::new(&store, &directory.lake(), "m").unwrap().until(before).run().unwrap();
    assert_eq!(pushed.rows, []);
    assert_eq!(push(&store, &directory.lake(), "m"), 10);
    assert_once(&directory.lake(), 10);
    // So does one whose lake was deleted.
    fs::remove_dir_all(directory.path("lake")).unwrap();
    assert_eq!(push(&store, &directory.lake(), "m"), 10);
}

#[test]
fn rows_that_were_exported_are_not_pushed_beside_them() {
    let directory = Directory::new();
    let (store, other) = (directory.store("a"), directory.store("b"));
    record(&store, 10);
    push(&store, &directory.lake(), "m");
    // As an export leaves it: rows, and no claim.
    fs::remove_dir_all(directory.path("lake/_netsky/machines/m")).unwrap();
    record(&other, 10);
    let refused = Push::new(&other, &directory.lake(), "m").unwrap().run();
    assert!(matches!(refused, Err(Error::Forgotten { .. })), "{refused:?}");
    assert_once(&directory.lake(), 10);
}

#[test]
fn a_store_knows_how_far_it_has_pushed() {
    let directory = Directory::new();
    let store = directory.store("a");
    let ticks = store.find_table("ticks").unwrap();
    assert_eq!(watermarks(&store, ticks).unwrap(), []);
    record(&store, 10);
    push(&store, &directory.lake(), "m");
    record(&store, 5);
    let found = watermarks(&store, ticks).unwrap();
    assert_eq!(
        (found.len(), found[0].id, found[0].url.as_str()),
        (1, 10, directory.lake().as_str())
    );
}

#[test]
fn a_newer_format_and_foreign_files_are_refused() {
    let directory = Directory::new();
    let store = directory.store("a");
    record(&store, 1);
    push(&store, &directory.lake(), "m");
    let file = directory.path("lake/_netsky/lake.json");
    let ours = fs::read_to_string(&file).unwrap();
    fs::write(&file, r#"{"format": 2, "schema_version": 2, "new": true}"#).unwrap();
    assert!(matches!(Lake::open(&directory.lake()), Err(Error::NewerFormat { found: 2, .. })));
    let refused = Push::new(&store, &directory.lake(), "m").unwrap().run();
    assert!(matches!(refused, Err(Error::NewerFormat { .. })));
    fs::write(&file, r#"{"format": 1, "schema_version": 3, "id": "x"}"#).unwrap();
    let error = Lake::open(&directory.lake()).unwrap_err().to_string();
    assert!(error.contains("has schema version 3, but"), "{error}");
    fs::write(&file, "{").unwrap();
    assert!(matches!(Lake::open(&directory.lake()), Err(Error::ForeignFile { .. })));
    fs::write(&file, ours).unwrap();
    let foreign = directory.path("lake/ticks/date=2026-04-15/machine=m/part-0.parquet");
    fs::write(foreign, "").unwrap();
    let error = open(&directory.lake()).query("SELECT * FROM ticks").unwrap_err().to_string();
    assert!(error.contains("part-0.parquet is not a file that netsky pushed"), "{error}");
}

#[test]
fn a_lake_can_only_be_queried() {
    let directory = Directory::new();
    let store = directory.store("a");
    record(&store, 1);
    push(&store, &directory.lake(), "m");
    let lake = open(&directory.lake());
    let refused = lake.record_tick(Utc::now(), "x", "{}");
    assert!(matches!(refused, Err(StoreError::IsALake { .. })));
    assert!(matches!(lake.check(), Err(StoreError::IsALake { .. })));
    assert!(matches!(lake.query("DELETE FROM ticks"), Err(StoreError::ReadOnlySql { .. })));
    assert!(matches!(
        Lake::open(&directory.path("none").display().to_string()),
        Err(Error::NotFound { .. })
    ));
}
