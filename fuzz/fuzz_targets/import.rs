//! Any bytes as NDJSON for any table: lines are stored completely or not at all, `import` and
//! `import_valid` agree on which are rows, and whatever is stored can be read.

#![no_main]

use std::cell::Cell;
use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use netsky_db::{Db, Error, TABLES, Table};
use tempfile::TempDir;

static STORE: LazyLock<(Db, TempDir)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    (Db::open_path(dir.path().join("meta.db")).expect("a new store"), dir)
});

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((&table, lines)) = input.split_first() else { return Corpus::Reject };
    let (db, _) = &*STORE;
    let table = TABLES[usize::from(table) % TABLES.len()];
    let before = rows(db, table);
    let first_invalid = Cell::new(None);
    let valid = db.import_valid(table.name(), lines, |line, _| {
        first_invalid.set(first_invalid.get().or(Some(line)));
    });
    let valid = match valid {
        // A line that is too long is an error for both.
        Err(Error::InvalidLine { .. }) => return Corpus::Reject,
        valid => valid.expect("a store that takes rows"),
    };
    let stored = valid.ids.clone().count() as u64;
    assert_eq!(rows(db, table), before + stored);
    match (db.import(table.name(), lines), first_invalid.get()) {
        (Ok(ids), None) => assert_eq!(ids.count() as u64, stored),
        (Err(Error::InvalidLine { line, .. }), Some(first)) => assert_eq!(line, first),
        (outcome, first) => panic!("{outcome:?}, while the first invalid line is {first:?}"),
    }
    let sql = format!("SELECT * FROM {} WHERE id >= {}", table.name(), valid.ids.start);
    let batches = db.query_batches(&sql).expect("rows that can be read");
    let found: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    let twice = if first_invalid.get().is_none() { 2 } else { 1 };
    assert_eq!(found as u64, stored * twice);
    Corpus::Keep
});

fn rows(db: &Db, table: &Table) -> u64 {
    let summaries = db.summaries().expect("a readable store");
    let summary = summaries.iter().find(|summary| summary.table.name() == table.name());
    summary.expect("a table of the catalogue").rows
}
