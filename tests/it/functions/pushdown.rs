//! Filters on functions of times read only the blocks of their range.

use chrono::{DateTime, TimeDelta};
use netsky_db::TickRecord;
use netsky_testing::{TestStore, store, value};

const BLOCKS: i64 = 10;

/// A row each two minutes from 2026-04-15: 720 rows a day, and 10 blocks of 1,024 rows.
fn ticks() -> TestStore {
    let store = store();
    let first = DateTime::parse_from_rfc3339("2026-04-15T00:00:00Z").unwrap().to_utc();
    let tick = |nth| TickRecord {
        ts_utc: first + TimeDelta::minutes(2 * nth),
        source: "s",
        detail_json: "{}",
    };
    store.db.record_all((0..BLOCKS * 1_024).map(tick)).unwrap();
    store
}

/// Returns how many blocks of the store a query does not read.
fn pruned(store: &TestStore, sql: &str) -> i64 {
    let plan = store.db.query(&format!("EXPLAIN ANALYZE {sql}")).unwrap();
    // A filter that no time can pass needs no scan.
    let Some(counter) = plan.split("blocks_pruned=").nth(1) else { return BLOCKS };
    counter.split([',', ']']).next().unwrap().trim().parse().unwrap()
}

#[test]
fn filters_on_functions_of_times_prune_blocks() {
    let store = ticks();
    for (filter, rows, least_pruned) in [
        ("date(ts_utc) = '2026-04-16'", 720, 8),
        ("date(ts_utc) BETWEEN '2026-04-16' AND '2026-04-17'", 1_440, 7),
        ("date(ts_utc) < '2026-04-16'", 720, 9),
        ("date(ts_utc, 'start of month') = '2026-04-01'", 10_240, 0),
        ("datetime(ts_utc) >= '2026-04-28 00:00:00'", 10_240 - 13 * 720, 9),
        ("strftime('%Y-%m-%d', ts_utc) = '2026-04-16'", 720, 8),
        ("strftime(ts_utc, '%Y-%m-%d') = '2026-04-16'", 720, 8),
        ("strftime('%Y-%m-%d %H', ts_utc) = '2026-04-16 05'", 30, 8),
        ("strftime('%Y-%m', ts_utc) = '2026-05'", 0, 10),
        ("strftime('%Y-%m-%d', ts_utc) >= '2026-04-28'", 10_240 - 13 * 720, 8),
        ("strftime('%Y-%m-%d', ts_utc) <> '2026-04-16'", 10_240 - 720, 0),
        ("strftime('%Y-%m-%d', ts_utc) IN ('2026-04-16', '2026-04-18')", 1_440, 6),
        ("to_char(ts_utc, 'YYYY-MM-DD') = '2026-04-16'", 720, 8),
        ("to_char(ts_utc, '%Y-%m-%d') = '2026-04-16'", 720, 8),
        (
            "to_char(ts_utc, 'YYYY-MM-DD HH24:MI') BETWEEN '2026-04-16 05:00' AND '2026-04-16 05:59'",
            30,
            8,
        ),
        ("time_bucket('1 hour', ts_utc) = '2026-04-16T05:00:00Z'", 30, 8),
        ("time_bucket(INTERVAL '1 week', ts_utc) = '2026-04-20'", 7 * 720, 4),
        ("time_bucket(INTERVAL '1 month', ts_utc) > '2026-04-01'", 0, 10),
        ("year(ts_utc) = 2025", 0, 10),
        ("year(ts_utc) > 2026", 0, 10),
        ("date_trunc('day', ts_utc) = '2026-04-16'", 720, 8),
        ("date_bin(INTERVAL '1 day', ts_utc) = '2026-04-16'", 720, 8),
        ("unixepoch(ts_utc) >= 1777334400", 10_240 - 13 * 720, 8),
        ("epoch_ms(ts_utc) < 1776297600000", 720, 9),
        ("epoch_us(ts_utc) = 1776297600000000", 1, 9),
    ] {
        let count = format!("SELECT count(source) FROM ticks WHERE {filter}");
        assert_eq!(value(&store.db, &count), rows, "{filter}");
        let found = pruned(&store, &format!("SELECT source FROM ticks WHERE {filter}"));
        assert!(found >= least_pruned, "{filter}: {found} blocks are pruned");
        // The optimizer does not see through `opaque` values.
        let opaque = filter.replace("ts_utc", "coalesce(ts_utc, now())");
        let plain = format!("SELECT count(source) FROM ticks WHERE {opaque}");
        assert_eq!(value(&store.db, &plain), rows, "{opaque}");
    }
}

#[test]
fn formats_that_are_not_in_the_order_of_time_read_all_rows() {
    let store = ticks();
    for (filter, rows) in [
        ("strftime('%d.%m.%Y', ts_utc) < '16.04.2026'", 720),
        ("strftime('%H', ts_utc) = '05'", 430),
        ("strftime('%Y-%m-%d', ts_utc) > '2026-4'", 0),
        ("strftime('%Y-%m-%d', ts_utc) < '2026-04-16x'", 1_440),
        ("strftime('%Y-%m-%d', ts_utc, '+1 day') = '2026-04-16'", 720),
        ("to_char(ts_utc, 'YYYY-Mon-DD') = '2026-Apr-16'", 720),
    ] {
        let count = format!("SELECT count(*) FROM ticks WHERE {filter}");
        assert_eq!(value(&store.db, &count), rows, "{filter}");
    }
}
