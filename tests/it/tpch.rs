//! The 22 queries of TPC-H over tables of a user: joins, correlated subqueries and sums of many columns.

use std::fs;

use datafusion::prelude::SessionContext;
use netsky_db::Db;
use netsky_testing::{
    Row, TPCH_TABLES, foreign_rows, record_tpch, register_tpch, rows, store, tpch_query,
};
use serde_json::Value;

use crate::columnar::segments_read;

/// 36,000 items, of which four segments are complete, and one segment of the orders.
const SCALE: f64 = 0.006;

#[test]
fn tpch_answers_as_tables_in_memory_do() {
    let store = store();
    let db = store.db.with_tables(TPCH_TABLES).unwrap();
    record_tpch(&db, SCALE);
    // Waits until all copies are made.
    db.compact().unwrap();
    let plain = store.path.with_file_name("plain.db");
    fs::copy(&store.path, &plain).unwrap();
    let plain = Db::open_path(&plain).unwrap().with_tables(TPCH_TABLES).unwrap();
    plain.keep_columns(false).unwrap();
    let in_memory = SessionContext::new();
    register_tpch(&in_memory, SCALE);
    let mut empty = 0;
    for number in 1..=22 {
        let sql = tpch_query(number);
        let expected = foreign_rows(&in_memory, &sql);
        assert_same(&rows(&db, &sql), &expected, &sql);
        assert_same(&rows(&plain, &sql), &expected, &sql);
        empty += usize::from(expected.is_empty());
    }
    assert!(empty <= 2, "{empty} answers are empty");
    // All items, and those of the complete segments.
    assert_eq!(segments_read(&db, &tpch_query(1)), 4);
    assert_eq!(segments_read(&plain, &tpch_query(1)), 0);
}

/// Compares answers. Sums of floats depend on the order of the rows in their last digits.
fn assert_same(found: &[Row], expected: &[Row], sql: &str) {
    // DataFusion names a sum with the table of its column.
    let is_same = |found: &Row, expected: &Row| {
        found.len() == expected.len()
            && found.iter().zip(expected).all(|((name, value), (other_name, other))| {
                *name == other_name.replace("lineitem.", "") && is_near(value, other)
            })
    };
    assert_eq!(found.len(), expected.len(), "{sql}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(is_same(found, expected), "{sql}\n{found:?}\n{expected:?}");
    }
}

fn is_near(found: &Value, expected: &Value) -> bool {
    match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => {
            (found - expected).abs() <= 1e-9 * found.abs().max(expected.abs())
        }
        _ => found == expected,
    }
}
