//! The file of a store, read and changed without netsky-db, as another program would.

use std::path::Path;

use netsky_db::TABLES;
use redb::{Builder, ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition};

/// Opens the file beside netsky-db.
pub fn open_past_the_crate(path: &Path) -> Database {
    Builder::new().set_concurrency_mode(ConcurrencyMode::MultiWriter).create(path).unwrap()
}

fn rows_of(table: &str) -> TableDefinition<'_, i64, &'static [u8]> {
    TableDefinition::new(table)
}

/// Returns the rows of a table with their ids, as stored in the file.
pub fn stored_rows(path: &Path, table: &str) -> Vec<(i64, String)> {
    let db = open_past_the_crate(path);
    let txn = db.begin_read().unwrap();
    let rows = txn.open_table(rows_of(table)).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    rows.iter()
        .unwrap()
        .map(|row| row.unwrap())
        .map(|(id, row)| (id.value(), text(row.value())))
        .collect()
}

/// Returns the rows of every table, as stored in the file.
pub fn everything(path: &Path) -> Vec<(&'static str, Vec<(i64, String)>)> {
    TABLES.iter().map(|table| (table.name(), stored_rows(path, table.name()))).collect()
}

/// Stores a row.
pub fn store_past_the_crate(path: &Path, table: &str, id: i64, bytes: &[u8]) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    txn.open_table(rows_of(table)).unwrap().insert(id, bytes).unwrap();
    txn.commit().unwrap();
}

/// Sets a number in the table of metadata.
pub fn set_meta_past_the_crate(path: &Path, key: &str, value: i64) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    txn.open_table(TableDefinition::<&str, i64>::new("meta")).unwrap().insert(key, value).unwrap();
    txn.commit().unwrap();
}

/// Replaces a message whose body is `body` by another valid message.
pub fn change_row(path: &Path, id: i64) {
    let rows = stored_rows(path, "messages");
    let (_, row) = rows.iter().find(|(found, _)| *found == id).unwrap();
    store_past_the_crate(path, "messages", id, row.replace(":\"body\"", ":\"bodz\"").as_bytes());
}
