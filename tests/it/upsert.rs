//! Rows with keys: inserted, amended and removed in one transaction, with answers, zones and copies that stay
//! right.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use netsky_db::internal::{EncodedRow, Key};
use netsky_db::{Db, Record, TickRecord};
use netsky_testing::{TestStore, store, value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redb::ReadableTable;

fn start() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-04-03T00:00:00Z").unwrap().to_utc()
}

fn tick(second: i64, source: &str) -> EncodedRow {
    let ts_utc = start() + TimeDelta::seconds(second);
    EncodedRow::new(TickRecord::TABLE, TickRecord { ts_utc, source, detail_json: "{}" }.values())
        .unwrap()
}

fn key(number: i64) -> Key {
    let mut key = Key::default();
    // Many keys share their first half.
    key[..8].copy_from_slice(&(number % 7).to_le_bytes());
    key[8..].copy_from_slice(&number.to_le_bytes());
    key
}

/// A store with `count` ticks, one a second, each with its id as its key.
fn ticks(count: i64) -> TestStore {
    let store = store();
    store
        .db
        .upsert(move |txn| {
            for number in 1..=count {
                let id = txn.push(TickRecord::TABLE, tick(number, "first"))?;
                txn.set_number(&key(number), id);
            }
            Ok(())
        })
        .unwrap();
    store
}

fn check(db: &Db) {
    let report = db.check().unwrap();
    assert!(report.is_clean(), "{:?}", report.faults);
}

#[test]
fn keys_lead_to_their_rows() {
    let store = ticks(100);
    let number = 42;
    assert_eq!(store.db.key_number(&key(number)).unwrap(), Some(number));
    assert_eq!(store.db.key_number(&key(101)).unwrap(), None);
    let other = Db::open_read_only(&store.path).unwrap();
    assert_eq!(other.key_number(&key(number)).unwrap(), Some(number));
}

#[test]
fn states_are_kept_by_name() {
    let store = store();
    let long = "x".repeat(100_000);
    let stored = long.clone();
    store
        .db
        .upsert(move |txn| {
            txn.set_state("a", b"1")?;
            txn.set_state("b", stored.as_bytes())?;
            txn.set_state("a", b"2")
        })
        .unwrap();
    assert_eq!(store.db.state("a").unwrap().unwrap(), b"2");
    assert_eq!(store.db.state("b").unwrap().unwrap(), long.as_bytes());
    assert_eq!(store.db.state("c").unwrap(), None);
    assert_eq!(store.db.states_with("a").unwrap(), [("a".to_owned(), b"2".to_vec())]);
}

#[test]
fn failed_work_changes_nothing() {
    let store = ticks(10);
    let failed = store.db.upsert(|txn| {
        txn.push(TickRecord::TABLE, tick(11, "lost"))?;
        txn.amend(TickRecord::TABLE, 3, tick(3, "lost"))?;
        txn.set_number(&key(11), 11);
        Err::<(), _>(netsky_db::Error::Storage("refused".into()))
    });
    assert!(failed.is_err());
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks WHERE source = 'first'"), 10);
    assert_eq!(store.db.key_number(&key(11)).unwrap(), None);
}

#[test]
fn readers_see_a_row_before_or_after_its_amendment() {
    let store = ticks(10);
    let rows = |store: &TestStore| value(&store.db, "SELECT count(*) FROM ticks");
    store.db.upsert(|txn| txn.amend(TickRecord::TABLE, 5, tick(5, "second"))).unwrap();
    assert_eq!(rows(&store), 10);
    assert_eq!(value(&store.db, "SELECT id FROM ticks WHERE source = 'second'"), 5);
    store.db.upsert(|txn| txn.remove(TickRecord::TABLE, 10)).unwrap();
    assert_eq!(rows(&store), 9);
    // The id of a removed row is not assigned again.
    let id = store.db.upsert(|txn| txn.push(TickRecord::TABLE, tick(1, "third"))).unwrap();
    assert_eq!(id, 11);
    check(&store.db);
}

#[test]
fn backups_have_keys_and_states() {
    let store = ticks(10);
    store.db.upsert(|txn| txn.set_state("name", b"value")).unwrap();
    let copy = store.path.with_file_name("copy.db");
    store.db.backup(&copy).unwrap();
    let copy = Db::open_path(&copy).unwrap();
    assert_eq!(copy.key_number(&key(7)).unwrap(), Some(7));
    assert_eq!(copy.state("name").unwrap().unwrap(), b"value");
    store.db.compact().unwrap();
    assert_eq!(store.db.key_number(&key(7)).unwrap(), Some(7));
}

#[test]
fn amended_segments_are_sealed_again() {
    let store = ticks(20_000);
    let sources = "SELECT count(*) FROM ticks WHERE source = 'second'";
    store.db.compact().unwrap();
    store.db.upsert(|txn| txn.amend(TickRecord::TABLE, 4_000, tick(4_000, "second"))).unwrap();
    assert_eq!(value(&store.db, sources), 1);
    let path = store.path.clone();
    // Closing waits for the thread that seals.
    drop(store.db);
    let db = Db::open_path(&path).unwrap();
    assert_eq!(value(&db, sources), 1);
    let report = db.check().unwrap();
    assert!(report.is_clean() && report.segments == 2, "{report:?}");
}

#[derive(Debug, Clone)]
enum Change {
    Push { second: i64 },
    Amend { id: i64, second: i64 },
    Remove { id: i64 },
}

fn changes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let id = 1..2_600_i64;
    let change = prop_oneof![
        3 => (-5_000..5_000_i64).prop_map(|second| Change::Push { second }),
        3 => (id.clone(), -5_000..5_000_i64).prop_map(|(id, second)| Change::Amend { id, second }),
        // The first and last row of a block have its extreme times.
        1 => (0..3_i64, 0..3_i64, -5_000..5_000_i64)
            .prop_map(|(block, at, second)| Change::Amend { id: block * 1_024 + at, second }),
        2 => id.prop_map(|id| Change::Remove { id }),
    ];
    prop::collection::vec(prop::collection::vec(change, 1..40), 1..6)
}

#[test]
fn answers_follow_every_change() {
    let config = Config { cases: 24, ..Config::default() };
    TestRunner::new(config)
        .run(&changes(), |transactions| {
            let store = ticks(2_500);
            let mut model: BTreeMap<i64, i64> = (1..=2_500).map(|id| (id, id)).collect();
            let mut last_id = 2_500;
            for changes in transactions {
                let done = changes.clone();
                store
                    .db
                    .upsert(move |txn| {
                        for change in &done {
                            match *change {
                                Change::Push { second } => {
                                    txn.push(TickRecord::TABLE, tick(second, "first"))?;
                                }
                                Change::Amend { id, second } => {
                                    // What the transaction itself has changed is seen.
                                    if txn.row(TickRecord::TABLE, id)?.is_some() {
                                        txn.amend(TickRecord::TABLE, id, tick(second, "first"))?;
                                    }
                                }
                                Change::Remove { id } => txn.remove(TickRecord::TABLE, id)?,
                            }
                        }
                        Ok(())
                    })
                    .unwrap();
                for change in changes {
                    match change {
                        Change::Push { second } => {
                            last_id += 1;
                            model.insert(last_id, second);
                        }
                        Change::Amend { id, second } => {
                            model.entry(id).and_modify(|at| *at = second);
                        }
                        Change::Remove { id } => drop(model.remove(&id)),
                    }
                }
            }
            let seconds =
                |sql: &str| value(&store.db, &format!("SELECT cast({sql} AS BIGINT) FROM ticks"));
            let at = start().timestamp();
            prop_assert_eq!(seconds("count(*)"), model.len() as i64);
            prop_assert_eq!(seconds("sum(id)"), model.keys().sum::<i64>());
            prop_assert_eq!(
                seconds("extract(epoch FROM min(ts_utc))"),
                at + model.values().min().unwrap()
            );
            prop_assert_eq!(
                seconds("extract(epoch FROM max(ts_utc))"),
                at + model.values().max().unwrap()
            );
            let recent = model.values().filter(|second| **second >= 1_000).count() as i64;
            let from = start() + TimeDelta::seconds(1_000);
            let sql = format!("SELECT count(*) FROM ticks WHERE ts_utc >= '{}'", from.to_rfc3339());
            prop_assert_eq!(value(&store.db, &sql), recent);
            check(&store.db);
            Ok(())
        })
        .unwrap();
}

#[test]
fn damaged_notes_are_found_and_dropped() {
    let store = ticks(100);
    {
        let mut builder = redb::Builder::new();
        builder.set_concurrency_mode(redb::ConcurrencyMode::MultiWriter);
        let txn = builder.create(&store.path).unwrap().begin_write().unwrap();
        {
            let table = redb::TableDefinition::<i64, &[u8]>::new(".keys");
            let mut keys = txn.open_table(table).unwrap();
            let mut bytes = keys.get(3).unwrap().unwrap().value().to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            keys.insert(3, bytes.as_slice()).unwrap();
        }
        txn.commit().unwrap();
    }
    let message = store.db.key_number(&key(3)).unwrap_err().to_string();
    assert!(message.contains("check --repair"), "{message}");
    assert_eq!(store.db.key_number(&key(4)).unwrap(), Some(4));
    assert_eq!(store.db.check().unwrap().fault_count, 1);
    store.db.repair().unwrap();
    check(&store.db);
    assert_eq!(store.db.key_number(&key(3)).unwrap(), None);
}
