//! Joins of tables that have columns with the same names: no condition is applied to the wrong one,
//! in any session.

use netsky_testing::{Row, TestStore, foreign_rows, foreign_session, ticks_by_second};
use serde_json::{Value, json};

const ROWS: i64 = 10_000;

fn ticks() -> TestStore {
    ticks_by_second(ROWS)
}

/// Returns the store's answer, after checking that a session created by DataFusion returns the
/// same.
fn rows(store: &TestStore, sql: &str) -> Vec<Row> {
    let rows = netsky_testing::rows(&store.db, sql);
    for partitions in [1, 4] {
        let foreign = foreign_rows(&foreign_session(&store.db, partitions), sql);
        assert_eq!(foreign, rows, "in a foreign session: {sql}");
    }
    rows
}

fn value(store: &TestStore, sql: &str) -> Value {
    rows(store, sql)[0].values().next().unwrap().clone()
}

#[test]
fn outer_joins_find_unmatched_rows() {
    let store = ticks();
    for (join, condition) in [
        ("ticks a RIGHT JOIN ticks b ON a.id = b.id + 4000", "a.id IS NULL"),
        ("ticks b LEFT JOIN ticks a ON a.id = b.id + 4000", "a.id IS NULL"),
        ("ticks b LEFT JOIN ticks a ON a.id = b.id + 4000", "a.source IS NULL AND b.id > 1"),
        ("ticks b FULL JOIN ticks a ON a.id = b.id + 4000", "a.id IS NULL"),
    ] {
        let sql = format!("SELECT count(*) FROM {join} WHERE {condition}");
        assert_eq!(value(&store, &sql), 4_000, "{sql}");
    }
}

#[test]
fn join_conditions_filter_the_right_table() {
    let store = ticks();
    for (join, condition, count) in [
        ("ticks a JOIN ticks b ON a.id + 1 = b.id", "a.source = 'odd' OR b.id < 100", 5_049),
        ("ticks a RIGHT JOIN ticks b ON a.id + 1 = b.id", "b.id < 7 OR a.source = 'odd'", 5_003),
        (
            "ticks a JOIN ticks b ON a.id + 1 = b.id JOIN ticks c ON b.id = c.id",
            "c.source = 'odd'",
            4_999,
        ),
        (
            "ticks a JOIN ticks b ON a.id + 1 = b.id JOIN ticks c ON b.id = c.id + 1",
            "c.source = 'odd' OR a.id = 2 OR b.id = 5",
            5_002,
        ),
    ] {
        let sql = format!("SELECT count(*) FROM {join} WHERE {condition}");
        assert_eq!(value(&store, &sql), count, "{sql}");
    }
}

#[test]
fn topk_of_a_join_uses_the_named_column() {
    let store = ticks();
    for (from, order) in [
        ("ticks a JOIN ticks b ON a.id + b.id = 10001", "b.id"),
        ("ticks a JOIN ticks b ON a.id + b.id = 10001 JOIN ticks c ON c.id = b.id", "c.id"),
        ("ticks a JOIN ticks b ON a.id + b.id = 10001", "a.id DESC"),
    ] {
        let sql = format!("SELECT a.id AS x, b.id AS y FROM {from} ORDER BY {order} LIMIT 2");
        let found = rows(&store, &sql);
        assert_eq!((&found[0]["x"], &found[1]["y"]), (&json!(10_000), &json!(2)), "{sql}");
    }
    let sql = "SELECT id, n FROM (SELECT id, id % 100 AS n FROM ticks
               UNION ALL SELECT id % 100 AS n, id FROM ticks) ORDER BY id DESC, n LIMIT 2";
    let found = rows(&store, sql);
    assert_eq!((&found[0]["id"], &found[1]["id"]), (&json!(10_000), &json!(9_999)));
    let sql = "SELECT a.id, a.n FROM (SELECT id, id % 100 AS n FROM ticks) a
               LEFT SEMI JOIN (SELECT id % 100 AS id, id AS n FROM ticks) b ON a.n = b.id AND a.id = b.n
               ORDER BY a.n DESC, a.id DESC LIMIT 1";
    assert_eq!(rows(&store, sql)[0]["id"], 9_999);
}

/// Only in our sessions: others have the bug of DataFusion that one of our rules works around.
#[test]
fn a_filter_keeps_its_columns_apart() {
    let store = ticks();
    for condition in
        ["a.id IS NOT DISTINCT FROM 35", "a.id = 35", "a.id IS NOT DISTINCT FROM 35 + 0"]
    {
        for join in ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"] {
            let sql = format!(
                "SELECT b.id, length(a.source) + length(b.detail_json) + b.id AS n FROM ticks a {join} ticks b
                 ON a.id + 1 = b.id WHERE {condition}"
            );
            let found = netsky_testing::rows(&store.db, &sql);
            assert_eq!(found, [json!({"id": 36, "n": 41}).as_object().unwrap().clone()], "{sql}");
        }
    }
}
