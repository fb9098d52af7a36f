//! The store's tables in sessions created by DataFusion, without the store's rules that work around
//! DataFusion's bugs. There, a scan only promises what DataFusion is known to handle, and a query
//! reads as little as that allows.

use netsky_db::{Db, QueryOptions};
use netsky_testing::{
    TestStore, foreign_rows, foreign_session, foreign_value, store_past_the_crate, ticks_by_second,
};
use serde_json::json;

/// The number of blocks of 1,024 ids. The first has 1,023, because ids begin with 1.
const BLOCKS: i64 = 20;
const ROWS: i64 = BLOCKS * 1_024 - 1;

/// Returns a store with one tick a second from midnight on.
fn ticks() -> TestStore {
    ticks_by_second(ROWS)
}

/// Returns the number of rows that a query's scans read, and the plan.
fn rows_read(store: &TestStore, sql: &str) -> (f64, String) {
    let session = foreign_session(&store.db, 1);
    let plan = foreign_rows(&session, &format!("EXPLAIN ANALYZE {sql}"));
    let plan = plan[0]["plan"].as_str().unwrap().to_owned();
    let figures = plan.split("rows_read=").skip(1).map(|figure| {
        let number = figure.split([',', ']', ' ']).next().unwrap();
        let thousands = if figure[number.len()..].starts_with(" K") { 1_000.0 } else { 1.0 };
        number.parse::<f64>().unwrap() * thousands
    });
    (figures.sum(), plan)
}

#[test]
fn table_statistics_do_not_answer_other_aggregates() {
    let store = ticks();
    for partitions in [1, 4] {
        let session = foreign_session(&store.db, partitions);
        for (sql, value) in [
            (
                "SELECT count(DISTINCT n) FILTER (WHERE n > 4) FROM (SELECT min(id) AS n FROM ticks) t",
                json!(0),
            ),
            (
                "SELECT max(n) FILTER (WHERE n > 4) FROM (SELECT max(id) AS n FROM ticks) t",
                json!(ROWS),
            ),
            (
                "SELECT sum(n) FILTER (WHERE n > 4) FROM
                 (SELECT count(*) AS n FROM ticks WHERE id > 20000) t",
                json!(ROWS - 20_000),
            ),
            ("SELECT count(*) FROM ticks WHERE id > 20000 AND source = 'odd'", json!(240)),
            ("SELECT max(id) - min(id) FROM ticks", json!(ROWS - 1)),
        ] {
            assert_eq!(foreign_value(&session, sql), value, "{sql}");
        }
    }
}

#[test]
fn sorts_by_id_are_planned_on_many_partitions() {
    let store = ticks();
    for partitions in [1, 4] {
        let session = foreign_session(&store.db, partitions);
        for (sql, first) in [
            ("SELECT id, upper(source) FROM ticks ORDER BY id DESC", ROWS),
            ("SELECT id, upper(source) FROM ticks ORDER BY id DESC LIMIT 5", ROWS),
            ("SELECT id, upper(source) FROM ticks ORDER BY id LIMIT 5 OFFSET 3", 4),
            (
                "SELECT id, id / 8 + id / 8 FROM ticks WHERE id / 8 > 9 ORDER BY id DESC LIMIT 54",
                ROWS,
            ),
            ("SELECT id, source FROM ticks ORDER BY id DESC, source LIMIT 5", ROWS),
            (
                "SELECT 1000000 / id AS a, 1000000 / id AS b, id FROM ticks
                 WHERE id IS DISTINCT FROM 5 ORDER BY id DESC LIMIT 58",
                ROWS,
            ),
            (
                "SELECT id, source AS a, source AS b FROM ticks
              WHERE id / 8 NOT BETWEEN 9 AND 21 ORDER BY id DESC LIMIT 7",
                ROWS,
            ),
            (
                "SELECT max(nth) AS id FROM
              (SELECT row_number() OVER (ORDER BY id, ts_utc) AS nth FROM ticks)",
                ROWS,
            ),
        ] {
            let rows = foreign_rows(&session, sql);
            let ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
            assert_eq!(ids[0], first, "{sql}");
            assert!(ids.is_sorted() || ids.is_sorted_by(|a, b| a > b), "{sql}");
        }
    }
}

#[test]
fn foreign_sessions_read_only_needed_rows() {
    let store = ticks();
    for (sql, most) in [
        ("SELECT source FROM ticks WHERE id = 4321", 1),
        ("SELECT source FROM ticks WHERE id BETWEEN 2000 AND 2099 AND source = 'odd'", 100),
        ("SELECT count(*) FROM ticks WHERE ts_utc < '2026-04-03T00:10:00Z'", 1_024),
        ("SELECT source FROM ticks LIMIT 7", 7),
        ("SELECT id FROM ticks WHERE source = 'odd' LIMIT 7", 1_024),
        ("SELECT id FROM ticks ORDER BY id DESC LIMIT 5", 1_024),
        ("SELECT id FROM ticks WHERE source = 'odd' ORDER BY id DESC LIMIT 5", 1_024),
        ("SELECT id FROM ticks ORDER BY id LIMIT 5", 1_024),
        ("SELECT id FROM ticks ORDER BY ts_utc DESC LIMIT 5", 2_048),
        ("SELECT id, source FROM ticks ORDER BY ts_utc DESC, id DESC LIMIT 5", 2_048),
        ("SELECT id FROM ticks WHERE source = 'odd' ORDER BY ts_utc LIMIT 3", 2_048),
    ] {
        let (read, plan) = rows_read(&store, sql);
        assert!(read <= f64::from(most), "{sql}: {read}\n{plan}");
    }
    let (_, plan) = rows_read(&store, "SELECT id FROM ticks WHERE source LIKE 'o%' AND id > 7");
    assert!(plan.contains("columns=[id], ids=[8..=]") && !plan.contains("FilterExec"), "{plan}");
}

#[test]
fn foreign_sessions_skip_corrupt_rows_on_request() {
    let store = ticks();
    store_past_the_crate(&store.path, "ticks", 7, b"{");
    let lenient = Db::open_read_only(&store.path)
        .unwrap()
        .with_query_options(QueryOptions::new().skip_corrupt(true));
    let sql = "SELECT count(*) FROM ticks WHERE id < 11";
    assert_eq!(foreign_value(&foreign_session(&lenient, 1), sql), 9);
}
