//! Segments in which no row can pass a condition are not read: by the ranges of their columns.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use netsky_db::Db;
use netsky_testing::{TestStore, at, rows, store, value};

use crate::columnar::counts;

netsky_db::tables! {
    /// What the tests read.
    static READING_TABLES;

    /// Readings.
    #[table = "readings"]
    struct Reading<'a> {
        ts_utc: DateTime<Utc>,
        n: i64,
        share: f64,
        day: NaiveDate,
        passed: bool,
        cost: Option<i64>,
        place: &'a str,
    }

    /// Some of the readings.
    #[table = "picks"]
    struct Pick {
        picked: i64,
    }
}

const SEGMENT: i64 = 8_192;
const SEGMENTS: i64 = 6;

/// Each segment has other values than the others: 0 has ids and `n` from 1 to 8,191, and so on. `share` goes
/// from -1000 up by tenths. `cost` is null in segment 1, and nowhere else.
fn readings() -> (Db, TestStore) {
    let store = store();
    let db = store.db.with_tables(READING_TABLES).unwrap();
    let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    let reading = |id: i64| Reading {
        ts_utc: at(id),
        n: id,
        share: id as f64 / 10.0 - 1_000.0,
        day: first + TimeDelta::days(id / SEGMENT),
        passed: id / SEGMENT == 2,
        cost: (id / SEGMENT != 1).then_some(id % 10),
        place: "here",
    };
    db.record_all((1..=SEGMENTS * SEGMENT).map(reading)).unwrap();
    db.record_all([10, 20].map(|picked| Pick { picked })).unwrap();
    db.compact().unwrap();
    (db, store)
}

#[test]
fn segments_outside_of_a_range_are_skipped() {
    let (db, _store) = readings();
    let all = SEGMENTS * SEGMENT;
    for (condition, rows, pruned) in [
        ("n > 45000", all - 45_000, 5),
        ("n <= 8191", 8_191, 5),
        ("n = 20000", 1, 5),
        ("n = -1", 0, 6),
        ("n BETWEEN 8000 AND 8200", 201, 4),
        ("n NOT BETWEEN 8000 AND 48000", 7_999 + all - 48_000, 4),
        ("n IN (5, 40000)", 2, 4),
        ("n + 0 = 20000", 1, 0),
        // An integer is compared as a float.
        ("n < 10000.5", 10_000, 4),
        ("share < -180.9", 8_190, 5),
        ("share >= 0 AND share < 0.1", 1, 5),
        ("share > 'NaN'::double", 0, 0),
        ("day = '2026-01-03'", SEGMENT, 5),
        ("day < '2026-01-03' AND n <> 5", 2 * SEGMENT - 2, 4),
        ("passed", SEGMENT, 5),
        ("NOT passed", all - SEGMENT, 1),
        ("cost IS NULL", SEGMENT, 5),
        ("cost IS NOT NULL", all - SEGMENT, 1),
        ("cost >= 0", all - SEGMENT, 1),
        ("cost > 9", 0, 6),
        ("n < 100 OR share > 3900", 99 + all - 49_000, 4),
        ("place = 'here' AND n < 100", 99, 5),
        // The first condition keeps the second from failing.
        ("n >= 8192 AND 10 / (n / 8192) = 10", SEGMENT, 1),
    ] {
        let sql = format!("SELECT count(id + 0) AS n FROM readings WHERE {condition}");
        assert_eq!(value(&db, &sql), rows, "{condition}");
        let counts = counts(&db, &sql);
        // The row after the last segment has no segment of its own.
        assert_eq!(counts.segments_pruned, pruned, "{condition}");
        assert_eq!(counts.blocks_pruned + counts.blocks_read, counts.blocks_total, "{condition}");
    }
}

#[test]
fn joins_and_top_rows_skip_segments() {
    let (db, _store) = readings();
    for (sql, at_least) in [
        // The picks are read first, and the readings only from the smallest to the largest of them.
        ("SELECT count(*) AS n FROM readings JOIN picks ON n = picked", 5),
        ("SELECT count(*) AS n FROM readings WHERE n IN (SELECT picked FROM picks)", 5),
        // Up to four batches are on their way before the sort has seen the first one.
        ("SELECT n FROM readings ORDER BY share LIMIT 3", 1),
        ("SELECT share FROM readings ORDER BY cost DESC NULLS LAST, n LIMIT 3", 1),
        ("SELECT min(share) AS low FROM readings", 1),
    ] {
        let pruned = counts(&db, sql).segments_pruned;
        assert!(pruned >= at_least, "{sql}: {pruned}");
    }
    assert_eq!(value(&db, "SELECT count(*) AS n FROM readings JOIN picks ON n = picked"), 2);
    let top = rows(&db, "SELECT n FROM readings ORDER BY share LIMIT 3");
    assert_eq!(top.iter().map(|row| row["n"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    let plan = db.query("EXPLAIN ANALYZE SELECT sum(n) FROM readings WHERE n > 45000").unwrap();
    assert!(plan.contains("segments_pruned=5"), "{plan}");
}
