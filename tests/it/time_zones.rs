//! Days, weeks and months of a time zone: a filter on local time returns the same rows as when it
//! is evaluated row by row, and still prunes the blocks of other days.

use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::TickRecord;
use netsky_testing::{TestStore, store, ticks_by_second, value};

const ZONES: [&str; 6] = [
    "Europe/Berlin",
    // Clocks were set back at 00:01, so that a minute of the next day came before the last hour of
    // this one.
    "America/St_Johns",
    "Pacific/Apia",
    "+02:00",
    "-11:30",
    "UTC",
];

/// Returns a store with a tick every 7 minutes for two weeks around each of the times.
fn ticks(around: &[&str]) -> TestStore {
    let store = store();
    let rows = around.iter().flat_map(|time| {
        let start = DateTime::parse_from_rfc3339(time).unwrap().to_utc() - TimeDelta::days(7);
        (0..14 * 24 * 60 / 7).map(move |step| start + TimeDelta::minutes(7 * step))
    });
    let tick = |ts_utc: DateTime<Utc>| TickRecord { ts_utc, source: "cron", detail_json: "{}" };
    store.db.record_all(rows.map(tick)).unwrap();
    store
}

/// Compares with the same filter under `IS TRUE`, which keeps it from becoming a range.
fn assert_as_row_by_row(store: &TestStore, condition: &str) -> u64 {
    let count = |condition: &str| {
        value(&store.db, &format!("SELECT count(*) FROM ticks WHERE {condition}"))
    };
    let expected = count(&format!("({condition}) IS TRUE"));
    assert_eq!(count(condition), expected, "{condition}");
    expected.as_u64().unwrap()
}

#[test]
fn filters_on_local_time_agree_with_rows() {
    let store = ticks(&["2006-10-29T03:00:00Z", "2011-12-30T10:00:00Z", "2026-03-29T01:00:00Z"]);
    let mut passed = 0;
    let mut check = |condition: String| passed += assert_as_row_by_row(&store, &condition);
    for zone in ZONES {
        let local = format!("ts_utc AT TIME ZONE '{zone}'");
        let cast = format!("arrow_cast(ts_utc, 'Timestamp(Nanosecond, Some(\"{zone}\"))')");
        for operator in ["=", "<>", "<=", ">"] {
            for day in ["2006-10-28", "2006-10-29", "2011-12-31", "2026-03-29"] {
                check(format!("({local})::date {operator} '{day}'"));
            }
            // Midnight in St. John's, in New York and in Berlin.
            for midnight in ["2006-10-29T02:30:00Z", "2026-03-29T04:00:00Z", "2026-03-29T22:00:00Z"]
            {
                check(format!("date_trunc('day', {local}) {operator} '{midnight}'"));
                check(format!("date_trunc('month', {local}) {operator} '{midnight}'"));
                check(format!("ts_utc::timestamp AT TIME ZONE '{zone}' {operator} '{midnight}'"));
            }
        }
        check(format!("NOT ({cast}::date >= '2011-12-31')"));
        check(format!("({local})::date IN ('2006-10-29', '2026-03-29')"));
        check(format!("({local})::date NOT IN ('2006-10-29', '2026-03-29')"));
        check(format!("({local})::date BETWEEN '2011-12-29' AND '2026-03-29'"));
        check(format!("({local})::date NOT BETWEEN '2011-12-29' AND '2026-03-29'"));
        check(format!("date_bin(INTERVAL '1 day', {local}) = '2026-03-29T00:00:00Z'"));
        check(format!("ts_utc::date::timestamp AT TIME ZONE '{zone}' < '2026-01-01T00:00:00Z'"));
        check(format!("date_trunc('week', date_trunc('day', {local})) = '2026-03-22T23:00:00Z'"));
        if zone.starts_with(['+', '-']) {
            // Other zones have local times that clocks skip, for which the cast fails.
            check(format!("ts_utc < (ts_utc::timestamp AT TIME ZONE '{zone}')"));
        }
    }
    assert!(passed > 0);
}

#[test]
fn local_days_work_in_outer_queries() {
    let store = ticks(&["2026-03-29T01:00:00Z"]);
    let count = |inner: &str| {
        let sql = format!(
            "SELECT count(*) FROM (SELECT ts_utc AT TIME ZONE '{inner}' AS t FROM ticks) WHERE t::date = '2026-03-29'"
        );
        value(&store.db, &sql)
    };
    // The day on which clocks are set forward has 23 hours.
    let minutes = [("UTC", 24 * 60), ("Europe/Berlin", 23 * 60), ("Asia/Tokyo", 24 * 60)];
    for (zone, minutes) in minutes {
        let expected = minutes / 7;
        let found = count(zone).as_i64().unwrap();
        assert!((expected..=expected + 1).contains(&found), "{zone}: {found}, not {expected}");
    }
}

#[test]
fn local_days_prune_other_blocks() {
    let store = ticks(&["2026-03-29T01:00:00Z"]);
    let plan = store
        .db
        .query(
            "EXPLAIN ANALYZE SELECT detail_json FROM ticks
             WHERE (ts_utc AT TIME ZONE 'Europe/Berlin')::date = '2026-03-23'",
        )
        .unwrap();
    assert!(plan.contains("blocks_pruned=2, blocks_read=1"), "{plan}");
}

#[test]
fn coarse_times_are_compared_with_all_digits() {
    let store = ticks_by_second(3);
    let count = |condition: &str| {
        let sql = format!(
            "SELECT count(*) FROM (SELECT arrow_cast(ts_utc, 'Timestamp(Second, None)') AS t FROM ticks) \
             WHERE {condition}"
        );
        value(&store.db, &sql)
    };
    for (condition, expected) in [
        ("t = '2026-04-03T00:00:01'", 1),
        ("t = '2026-04-03T00:00:01.25'", 0),
        ("t IN ('2026-04-03T00:00:01.25')", 0),
        ("t IN ('2026-04-03T00:00:01.25', '2026-04-03T00:00:02')", 1),
        ("t NOT IN ('2026-04-03T00:00:01.25')", 3),
        ("t >= '2026-04-03T00:00:01.25'", 2),
        ("t <= '2026-04-03T00:00:01.25'", 1),
        ("t BETWEEN '2026-04-03T00:00:01.25' AND '2026-04-03T00:00:02.75'", 1),
        ("'2026-04-03T00:00:01.25' < t", 2),
    ] {
        assert_eq!(count(condition), expected, "{condition}");
    }
}
