//! The contract of every table in the catalogue. The tests loop over `TABLES`, so a new table is
//! covered too.

use netsky_db::{Column, ColumnType, Error, TABLES, Table, VIEWS};
use netsky_testing::{Row, full_row, rows, sparse_row, store, stored_rows, to_json, value};
use proptest::prelude::*;
use serde_json::{Value, json};

fn columns(table: &Table) -> String {
    let names: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
    names.join(", ")
}

fn columns_where(
    pick: impl Fn(&Column) -> bool,
) -> impl Iterator<Item = (&'static Table, &'static Column)> {
    let all =
        TABLES.iter().flat_map(|table| table.columns().iter().map(move |column| (*table, column)));
    all.filter(move |(_, column)| pick(column))
}

#[test]
fn the_catalogue_has_fourteen_dated_tables() {
    assert_eq!(TABLES.len(), 14);
    for table in TABLES {
        assert_eq!(table.time_column(), table.columns().first(), "{}", table.name());
        assert!(!table.doc().is_empty());
        assert!(table.columns().iter().all(|column| !column.doc.is_empty()), "{}", table.name());
    }
}

#[test]
fn an_empty_table_returns_no_rows() {
    let store = store();
    for table in TABLES {
        assert_eq!(rows(&store.db, &format!("SELECT * FROM {}", table.name())), Vec::<Row>::new());
        assert_eq!(value(&store.db, &format!("SELECT COUNT(*) FROM {}", table.name())), 0);
    }
}

#[test]
fn recorded_rows_are_returned() {
    let store = store();
    for table in TABLES {
        let recorded = [full_row(table, 1), sparse_row(table, 2), full_row(table, 3)];
        for (index, row) in recorded.iter().enumerate() {
            let id = store.db.record_json(table.name(), &to_json(row)).unwrap();
            assert_eq!(id, index as i64 + 1, "ids count from 1 in {}", table.name());
        }
        let sql = format!("SELECT {} FROM {} ORDER BY id", columns(table), table.name());
        assert_eq!(rows(&store.db, &sql), recorded, "{}", table.name());
        assert_eq!(value(&store.db, &format!("SELECT COUNT(*) FROM {}", table.name())), 3);
    }
}

#[test]
fn each_column_can_be_read_alone() {
    let store = store();
    for table in TABLES {
        let recorded = [full_row(table, 5), sparse_row(table, 6)];
        recorded.iter().for_each(|row| {
            store.db.record_json(table.name(), &to_json(row)).unwrap();
        });
        for column in table.columns() {
            let found = rows(
                &store.db,
                &format!("SELECT {} FROM {} ORDER BY id", column.name, table.name()),
            );
            for (found, recorded) in found.iter().zip(&recorded) {
                assert_eq!(
                    found[column.name],
                    recorded[column.name],
                    "{}.{}",
                    table.name(),
                    column.name
                );
            }
        }
        let ids = rows(&store.db, &format!("SELECT id FROM {} ORDER BY id", table.name()));
        assert_eq!(ids.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), [1, 2]);
    }
}

#[test]
fn stored_rows_have_the_documented_json_layout() {
    let store = store();
    for table in TABLES {
        let row = sparse_row(table, 4);
        store.db.record_json(table.name(), &to_json(&row)).unwrap();
        let members: Vec<String> = table
            .columns()
            .iter()
            .map(|column| format!("{}:{}", json!(column.name), row[column.name]))
            .collect();
        let expected = format!("{{\"id\":1,{}}}", members.join(","));
        assert_eq!(stored_rows(&store.path, table.name()), [(1, expected)]);
    }
}

#[test]
fn only_nullable_columns_may_be_omitted() {
    let store = store();
    for (table, column) in columns_where(|_| true) {
        let mut row = full_row(table, 7);
        row.remove(column.name);
        let imported = store.db.import(table.name(), to_json(&row).as_bytes());
        match imported {
            Ok(_) => assert!(column.nullable, "{}.{}", table.name(), column.name),
            Err(Error::InvalidLine { line: 1, reason }) => {
                assert!(!column.nullable, "{}.{}", table.name(), column.name);
                assert_eq!(reason, format!("{} is missing", column.name));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn wrong_types_are_refused_with_the_column() {
    let store = store();
    for (table, column) in columns_where(|_| true) {
        for wrong in [json!([1]), json!({"a": 1}), json!(1.5), json!(true), json!(7), json!("x")] {
            let fits = match column.ty {
                ColumnType::Text if column.is_json() => wrong.is_array() || wrong.is_object(),
                ColumnType::Text => wrong.is_string() && column.allowed.is_empty(),
                ColumnType::Int => wrong.is_i64(),
                ColumnType::Bool => wrong.is_boolean(),
                ColumnType::Float => wrong.is_number(),
                _ => false,
            };
            let mut row = full_row(table, 8);
            row[column.name] = wrong.clone();
            match store.db.record_json(table.name(), &to_json(&row)) {
                Ok(_) => assert!(fits, "{}.{} took {wrong}", table.name(), column.name),
                Err(Error::InvalidRow { reason, .. }) => {
                    assert!(!fits, "{}.{} refused {wrong}", table.name(), column.name);
                    assert!(reason.contains(column.name), "{reason}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn long_texts_are_truncated_between_characters() {
    let limits = [
        ("clone_dispatches", "brief", 16_384),
        ("communication_events", "body", 4_096),
        ("mcp_tool_calls", "error", 2_048),
        ("mcp_tool_calls", "request_json", 8_192),
        ("mcp_tool_calls", "response_json", 8_192),
        ("owner_directives", "raw_text", 16_384),
    ];
    let store = store();
    for (table, column) in
        columns_where(|column| column.ty == ColumnType::Text && column.allowed.is_empty())
    {
        let long = match column.is_json() {
            true => format!("\"{}\"", "é🦀".repeat(10_000)),
            false => "é🦀".repeat(10_000),
        };
        let mut row = full_row(table, 9);
        row[column.name] = json!(long);
        let id = store.db.record_json(table.name(), &to_json(&row)).unwrap();
        let limit = limits.iter().find(|(t, c, _)| (*t, *c) == (table.name(), column.name));
        let expected: String =
            long.chars().take(limit.map_or(usize::MAX, |(_, _, max)| *max)).collect();
        let sql = format!("SELECT {} FROM {} WHERE id = {id}", column.name, table.name());
        assert!(value(&store.db, &sql) == json!(expected), "{}.{}", table.name(), column.name);
    }
}

#[test]
fn information_schema_describes_every_column() {
    let store = store();
    let described = rows(
        &store.db,
        "SELECT table_name, column_name, is_nullable, data_type FROM information_schema.columns \
         WHERE table_schema = 'public'",
    );
    let of_tables = TABLES.iter().map(|table| table.columns().len() + 1).sum::<usize>();
    let of_views = VIEWS.iter().map(|view| view.columns().len()).sum::<usize>();
    assert_eq!(described.len(), of_tables + of_views);
    for (table, column) in columns_where(|_| true) {
        let found = described
            .iter()
            .find(|row| row["table_name"] == table.name() && row["column_name"] == column.name)
            .unwrap();
        assert_eq!(found["is_nullable"], if column.nullable { "YES" } else { "NO" });
        let ty = match column.ty {
            ColumnType::Text => "Utf8View",
            ColumnType::Int => "Int64",
            ColumnType::Bool => "Boolean",
            ColumnType::Time => "Timestamp(ns, \"UTC\")",
            other => panic!("the catalogue has no columns of type {other}"),
        };
        assert_eq!(found["data_type"], ty);
    }
}

/// Any text: every plane of Unicode, controls and NUL, quotes and backslashes.
fn any_text() -> impl Strategy<Value = String> {
    let awkward = prop::sample::select(vec![
        '\0', '"', '\\', '/', '\u{8}', '\u{c}', '\n', '\r', '\t', '\u{1f}', '\u{7f}', '\u{2028}',
        '\u{ffff}', '🦀',
    ]);
    prop::collection::vec(prop_oneof![any::<char>(), awkward], 0..40).prop_map(String::from_iter)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_returned_unchanged(texts in prop::collection::vec(any_text(), 12)) {
        let store = store();
        for table in TABLES {
            let mut row = full_row(table, 1);
            for (index, column) in table.columns().iter().enumerate() {
                if column.ty == ColumnType::Text && column.allowed.is_empty() {
                    let text = json!(texts[index % texts.len()]);
                    row[column.name] = if column.is_json() { json!(text.to_string()) } else { text };
                }
            }
            // Recording row by row would take most of the test's time; an import uses the same code
            // path.
            store.db.import(table.name(), to_json(&row).as_bytes()).unwrap();
            let sql = format!("SELECT {} FROM {}", columns(table), table.name());
            prop_assert_eq!(&rows(&store.db, &sql), &[row.clone()]);
            // serde_json wrote the rows of 0.1.6, so its bytes define the format.
            let (_, stored) = stored_rows(&store.path, table.name()).remove(0);
            for column in table.columns() {
                let member = format!("{}:{}", json!(column.name), Value::clone(&row[column.name]));
                prop_assert!(stored.contains(&member), "{} lacks {}", stored, member);
            }
        }
    }
}
