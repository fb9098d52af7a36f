//! Rows with something in every column.

use netsky_db::{ColumnType, Table};
use serde_json::{Value, json};

use crate::answers::Row;

/// Returns a row of the table with a value in every column. It differs for each `seed`.
pub fn full_row(table: &Table, seed: i64) -> Row {
    let cell = |column: &netsky_db::Column| match column.ty {
        ColumnType::Int => json!(seed * 1_000_003),
        ColumnType::Bool => json!(seed % 2 == 0),
        ColumnType::Time => {
            json!(format!("2026-04-15T23:{:02}:00.{:03}Z", seed % 60, seed % 1_000))
        }
        ColumnType::Float => json!(seed as f64 * 0.1),
        ColumnType::Date => json!(format!("2026-04-{:02}", 1 + seed % 28)),
        ColumnType::Text if column.is_json() => {
            json!(json!({ column.name: seed, "text": "\"q\" \\ \n \u{1} é 🦀" }).to_string())
        }
        ColumnType::Text => match column.allowed {
            [] => json!(format!("{} {seed} \"q\" \\ \n \u{1} é 🦀", column.name)),
            allowed => json!(allowed[seed as usize % allowed.len()]),
        },
        other => panic!("no values of type {other}"),
    };
    table.columns().iter().map(|column| (column.name.to_owned(), cell(column))).collect()
}

/// Like [`full_row`], with null in each nullable column.
pub fn sparse_row(table: &Table, seed: i64) -> Row {
    let mut row = full_row(table, seed);
    for column in table.columns().iter().filter(|column| column.nullable) {
        row[column.name] = Value::Null;
    }
    row
}

/// Returns the row as the JSON to record.
pub fn to_json(row: &Row) -> String {
    Value::Object(row.clone()).to_string()
}
