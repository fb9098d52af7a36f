//! Rows that a table has already: an append finds each of them, whatever others do meanwhile.

use std::ops::Range;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use netsky_db::{Committed, Db, Duplicates, Error, Result, TickRecord};
use netsky_testing::{at, store, store_past_the_crate, value};

use crate::types::MEASURE_TABLES;

/// More than fit into one transaction.
const LARGE: i64 = 60_000;

fn tick(second: i64) -> String {
    let time = at(second).format("%Y-%m-%dT%H:%M:%SZ");
    format!(r#"{{"ts_utc":"{time}","source":"s","detail_json":"{{}}"}}"#)
}

/// Appends one tick for each of these seconds.
fn append(db: &Db, seconds: Range<i64>, duplicates: Duplicates) -> Result<Committed> {
    let mut ticks = db.appender("ticks").unwrap();
    seconds.for_each(|second| ticks.push_json(tick(second)).unwrap());
    ticks.commit_with(duplicates)
}

/// The number of rows, and of different times.
fn counts(db: &Db) -> (i64, i64) {
    let count = |sql| value(db, sql).as_i64().unwrap();
    (count("SELECT count(*) FROM ticks"), count("SELECT count(DISTINCT ts_utc) FROM ticks"))
}

fn refused(appended: Result<Committed>) -> (u64, u64) {
    match appended {
        Err(Error::DuplicateRows { table, existing, rows }) => {
            assert_eq!(table, "ticks");
            (existing, rows)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_of_a_second_import_are_refused_or_skipped() {
    for rows in [30, LARGE] {
        let store = store();
        let db = &store.db;
        assert_eq!(append(db, 0..rows, Duplicates::Refuse).unwrap().ids, 1..rows + 1);
        assert_eq!(refused(append(db, 0..rows, Duplicates::Refuse)), (rows as u64, rows as u64));
        let more = rows + 10;
        assert_eq!(
            refused(append(db, 5..more, Duplicates::Refuse)),
            (rows as u64 - 5, more as u64 - 5)
        );
        assert_eq!(counts(db), (rows, rows), "nothing is stored");
        let added = append(db, 5..more, Duplicates::Skip).unwrap();
        assert_eq!((added.ids, added.skipped), (rows + 1..more + 1, rows as u64 - 5));
        let none = append(db, 0..more, Duplicates::Skip).unwrap();
        assert_eq!((none.ids.is_empty(), none.skipped), (true, more as u64));
        assert_eq!(counts(db), (more, more));
        append(db, 0..rows, Duplicates::Allow).unwrap();
        assert_eq!(counts(db), (more + rows, more));
    }
}

#[test]
fn equal_rows_are_counted() {
    let store = store();
    let append = |copies: usize, duplicates| {
        let mut ticks = store.db.appender("ticks").unwrap();
        (0..copies).for_each(|_| ticks.push_json(tick(0)).unwrap());
        ticks.commit_with(duplicates)
    };
    assert_eq!(append(2, Duplicates::Refuse).unwrap().ids, 1..3);
    assert_eq!(refused(append(2, Duplicates::Refuse)), (2, 2));
    assert_eq!(refused(append(5, Duplicates::Refuse)), (2, 5));
    let added = append(5, Duplicates::Skip).unwrap();
    assert_eq!((added.ids, added.skipped), (3..6, 2));
    assert_eq!(append(4, Duplicates::Skip).unwrap().skipped, 4);
}

#[test]
fn only_rows_with_the_same_values_are_duplicates() {
    let store = store();
    let db = &store.db;
    append(db, 0..1, Duplicates::Refuse).unwrap();
    for (from, to) in [("00Z", "00.001Z"), (r#""s""#, r#""t""#), ("{}", "[]")] {
        let row = tick(0);
        let row = row.replacen("20Z", "00Z", 1).replace(from, to);
        let mut ticks = db.appender("ticks").unwrap();
        ticks.push_json(&row).unwrap();
        ticks.commit_with(Duplicates::Refuse).unwrap();
    }
    // The same instant and the same JSON in other forms, and the row's own id.
    let mut ticks = db.appender("ticks").unwrap();
    let time = at(0).timestamp_millis();
    ticks
        .push_json(format!(r#"{{"detail_json":{{ }},"id":9,"source":"\u0073","ts_utc":{time}}}"#))
        .unwrap();
    assert_eq!(refused(ticks.commit_with(Duplicates::Refuse)), (1, 1));
}

#[test]
fn rows_of_other_programs_are_found() {
    let store = store();
    let time = at(0).format("%Y-%m-%dT%H:%M:%S.000999999+00:00");
    let row =
        format!(r#"{{ "source":"s", "extra":1, "ts_utc":"{time}", "detail_json":"\u007b}}" }}"#);
    store_past_the_crate(&store.path, "ticks", 1, row.as_bytes());
    store_past_the_crate(&store.path, "ticks", 2, b"{}");
    assert_eq!(refused(append(&store.db, 0..3, Duplicates::Refuse)), (1, 3));
}

#[test]
fn tables_with_other_types_are_compared() {
    let store = store();
    let db = store.db.with_tables(MEASURE_TABLES).unwrap();
    let row = r#"{"ts_utc":"2026-04-15","result":0.1,"day":"2026-04-15","name":"a"}"#;
    let append = || {
        let mut measures = db.appender("measures").unwrap();
        measures.push_json(row).unwrap();
        measures.commit_with(Duplicates::Refuse)
    };
    append().unwrap();
    assert!(matches!(append(), Err(Error::DuplicateRows { existing: 1, rows: 1, .. })));
}

#[test]
fn simultaneous_imports_store_each_row_once() {
    for (rows, threads) in [(300, 6), (LARGE, 3)] {
        let store = store();
        let begin = Barrier::new(threads);
        let skipped: u64 = thread::scope(|scope| {
            let imports: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        let db = Db::open_path(&store.path).unwrap();
                        begin.wait();
                        append(&db, 0..rows, Duplicates::Skip).unwrap().skipped
                    })
                })
                .collect();
            imports.into_iter().map(|import| import.join().unwrap()).sum()
        });
        assert_eq!(counts(&store.db), (rows, rows));
        assert_eq!(skipped, rows as u64 * (threads as u64 - 1));
    }
}

#[test]
fn imports_into_a_busy_time_range_end() {
    let store = store();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let recorder = scope.spawn(|| {
            let mut recorded = 0;
            while !ended.load(Ordering::Relaxed) {
                let tick =
                    TickRecord { ts_utc: at(recorded % 100), source: "r", detail_json: "{}" };
                store.db.record(&tick).unwrap();
                recorded += 1;
            }
            recorded
        });
        let db = Db::open_path(&store.path).unwrap();
        for round in 0..10 {
            append(&db, round..round + 100, Duplicates::Skip).unwrap();
        }
        append(&db, 0..LARGE, Duplicates::Skip).unwrap();
        ended.store(true, Ordering::Relaxed);
        let recorded = recorder.join().unwrap();
        let imported = value(&db, "SELECT count(*) FROM ticks WHERE source = 's'");
        assert_eq!(imported, LARGE);
        assert_eq!(counts(&db).0, LARGE + recorded);
    });
}
