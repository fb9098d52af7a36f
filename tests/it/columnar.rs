//! The columnar copies of segments: queries answer as from the rows, whatever has become of the copies.

use std::fs;
use std::future::ready;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use futures::executor::block_on;
use netsky_db::demo::Fleet;
use netsky_db::{Db, Fault, MessageRecord, QueryOptions, ScanCounts, TABLES, TickRecord};
use netsky_testing::{
    TestStore, at, change_row, foreign_rows, foreign_session, message, open_past_the_crate, rows,
    store, ticks_by_second, value,
};
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, TableHandle};

/// The ids of a segment.
const SEGMENT: i64 = 8_192;

type Columns = TableDefinition<'static, i64, &'static [u8]>;

const TICKS: Columns = TableDefinition::new("ticks.columns");
const MESSAGES: Columns = TableDefinition::new("messages.columns");

/// Returns the keys of everything that is stored of a table's copies.
fn keys(path: &Path, columns: Columns) -> Vec<i64> {
    let db = open_past_the_crate(path);
    let txn = db.begin_read().unwrap();
    let Ok(table) = txn.open_table(columns) else { return Vec::new() };
    table.iter().unwrap().map(|entry| entry.unwrap().0.value()).collect()
}

/// Changes each stored value of a table's copies. `None` deletes it.
fn change(path: &Path, columns: Columns, change: impl Fn(i64, &mut Vec<u8>) -> Option<()>) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    {
        let mut table = txn.open_table(columns).unwrap();
        let entries = table.iter().unwrap().map(|entry| {
            let (key, value) = entry.unwrap();
            (key.value(), value.value().to_vec())
        });
        for (key, mut value) in entries.collect::<Vec<_>>() {
            match change(key, &mut value) {
                Some(()) => table.insert(key, value.as_slice()).unwrap(),
                None => table.remove(key).unwrap(),
            };
        }
    }
    txn.commit().unwrap();
}

pub fn without_copies(path: &Path, copy: &Path) {
    fs::copy(path, copy).unwrap();
    let db = open_past_the_crate(copy);
    let txn = db.begin_write().unwrap();
    let names: Vec<String> = txn.list_tables().unwrap().map(|t| t.name().to_owned()).collect();
    for name in names.iter().filter(|name| name.ends_with(".columns")) {
        txn.delete_table(TableDefinition::<i64, &[u8]>::new(name)).unwrap();
    }
    txn.commit().unwrap();
}

/// Returns what the scans of a query have read.
pub fn counts(db: &Db, sql: &str) -> ScanCounts {
    let stream = block_on(db.query_stream(sql)).unwrap();
    let progress = stream.progress();
    block_on(stream.try_for_each(|_| ready(Ok(())))).unwrap();
    progress.counts()
}

pub fn segments_read(db: &Db, sql: &str) -> u64 {
    counts(db, sql).segments_read
}

fn sealed_ticks(count: i64) -> TestStore {
    let store = ticks_by_second(count);
    store.db.compact().unwrap();
    store
}

const EVEN: &str =
    "SELECT source, count(*) AS n, min(id), max(ts_utc) FROM ticks GROUP BY 1 ORDER BY 1";

#[test]
fn columns_answer_as_rows_do() {
    let store = store();
    Fleet::new(60_000).record(&store.db).unwrap();
    store.db.compact().unwrap();
    let plain = store.path.with_file_name("plain.db");
    without_copies(&store.path, &plain);
    let plain = Db::open_read_only(&plain).unwrap();
    let mut read = 0;
    for table in TABLES {
        let name = table.name();
        let time = table.time_column().unwrap().name;
        let columns: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
        let mut queries = vec![
            format!("SELECT * FROM {name} ORDER BY id"),
            format!("SELECT * FROM {name} ORDER BY id DESC LIMIT 9000"),
            format!("SELECT id FROM {name} ORDER BY id DESC"),
            format!("SELECT * FROM {name} WHERE id % 97 = 3 ORDER BY id DESC"),
            format!("SELECT * FROM {name} WHERE id BETWEEN 3000 AND 7900 ORDER BY id"),
            format!("SELECT * FROM {name} WHERE id < 2500 OR id > 5000 ORDER BY id"),
            format!("SELECT count(*), min({time}), max({time}), sum(id) FROM {name} WHERE id <> 7"),
            format!("SELECT * FROM {name} ORDER BY {time} DESC, id LIMIT 5000"),
            format!(
                "SELECT id, {time} FROM {name} WHERE {time} > '2026-04-20' ORDER BY {time}, id"
            ),
        ];
        for column in columns {
            queries.push(format!(
                "SELECT {column}, count(*) AS n, min(id) FROM {name} GROUP BY 1 ORDER BY 2 DESC, 3 LIMIT 50"
            ));
            queries.push(format!(
                "SELECT id, {column} FROM {name} WHERE {column} IS NULL ORDER BY id"
            ));
        }
        for sql in &queries {
            assert_eq!(rows(&store.db, sql), rows(&plain, sql), "{sql}");
        }
        read += segments_read(&store.db, &queries[0]);
        assert_eq!(segments_read(&plain, &queries[0]), 0);
    }
    assert!(read >= 4, "{read} segments were read");
    let (ours, theirs) = (foreign_session(&store.db, 2), foreign_session(&plain, 2));
    let sql = "SELECT source, direction, count(*) AS n FROM messages GROUP BY 1, 2 ORDER BY 1, 2";
    assert_eq!(foreign_rows(&ours, sql), foreign_rows(&theirs, sql));
}

#[test]
fn only_complete_segments_are_sealed() {
    let store = sealed_ticks(2 * SEGMENT - 2);
    assert_eq!(segments_read(&store.db, EVEN), 1);
    store.db.record_tick(Utc::now(), "odd", "{}").unwrap();
    store.db.compact().unwrap();
    assert_eq!(segments_read(&store.db, EVEN), 2);
    // Few rows of a segment are read as rows.
    let few = "SELECT source FROM ticks WHERE id BETWEEN 100 AND 200";
    assert_eq!(segments_read(&store.db, few), 0);
}

#[test]
fn recording_seals_what_it_completes() {
    let store = store();
    let ticks = |count: i64| {
        (0..count).map(|n| TickRecord { ts_utc: at(n), source: "x", detail_json: "{}" })
    };
    // Through the path of single transactions, and of imports.
    store.db.record_all(ticks(SEGMENT)).unwrap();
    store.db.record_all(ticks(60_000)).unwrap();
    let path = store.path.clone();
    // A store that is dropped has ended its thread.
    drop(store.db);
    let db = Db::open_read_only(&path).unwrap();
    let sql = "SELECT count(source), sum(id) FROM ticks";
    assert_eq!(segments_read(&db, sql), (SEGMENT as u64 + 60_000 + 1) / SEGMENT as u64);
}

#[test]
fn rows_are_read_where_they_are_no_longer_those_of_the_copy() {
    let store = sealed_ticks(3 * SEGMENT);
    assert_eq!(segments_read(&store.db, EVEN), 3);
    // Another program removes a row of the second segment, and inserts one at the end.
    let db = open_past_the_crate(&store.path);
    let txn = db.begin_write().unwrap();
    {
        let mut rows = txn.open_table(TableDefinition::<i64, &[u8]>::new("ticks")).unwrap();
        rows.remove(9_000).unwrap();
    }
    txn.commit().unwrap();
    drop(db);
    let count = "SELECT count(source) AS n FROM ticks";
    assert_eq!(value(&store.db, count), 3 * SEGMENT - 1);
    // The next row that is recorded rebuilds the zones, which still fit two of the copies.
    store.db.record_tick(Utc::now(), "odd", "{}").unwrap();
    assert_eq!(value(&store.db, count), 3 * SEGMENT);
    assert_eq!(segments_read(&store.db, EVEN), 2);
    store.db.compact().unwrap();
    assert_eq!(segments_read(&store.db, EVEN), 3);
    assert_eq!(value(&store.db, count), 3 * SEGMENT);
    assert!(store.db.check().unwrap().is_clean());
}

#[test]
fn pruned_segments_lose_their_copies() {
    let store = sealed_ticks(3 * SEGMENT);
    let all = keys(&store.path, TICKS).len();
    let start = DateTime::parse_from_rfc3339("2026-04-03T00:00:00Z").unwrap().to_utc();
    store.db.prune(start + TimeDelta::seconds(SEGMENT + 100), Some("ticks")).unwrap();
    assert_eq!(keys(&store.path, TICKS).len(), all / 3);
    let left = 2 * SEGMENT - 99;
    assert_eq!(value(&store.db, "SELECT count(source) AS n FROM ticks"), left);
    store.db.compact().unwrap();
    assert_eq!(keys(&store.path, TICKS).len(), all / 3 * 2);
    assert_eq!(segments_read(&store.db, EVEN), 2);
    assert_eq!(value(&store.db, "SELECT count(source) AS n FROM ticks"), left);
    assert!(store.db.check().unwrap().is_clean());
}

#[test]
fn damaged_copies_change_no_answer() {
    let store = sealed_ticks(2 * SEGMENT);
    let expected = rows(&store.db, EVEN);
    let sound = fs::read(&store.path).unwrap();
    let faults = |db: &Db| db.check().unwrap().faults;
    type Damage = fn(i64, &mut Vec<u8>) -> Option<()>;
    let damages: [(Damage, usize); 5] = [
        // A changed byte, less than there was, nothing, another segment's, and a missing value.
        (
            |_, value| {
                let at = value.len() / 2;
                value[at] ^= 1;
                Some(())
            },
            2,
        ),
        (
            |_, value| {
                value.pop();
                Some(())
            },
            2,
        ),
        (
            |_, value| {
                value.clear();
                Some(())
            },
            2,
        ),
        (
            |key, value| {
                if key & 0xfff != 0 {
                    value.reverse();
                }
                Some(())
            },
            6,
        ),
        (|key, _| (key & 0xfff == 0).then_some(()), 6),
    ];
    for (damage, count) in damages {
        fs::write(&store.path, &sound).unwrap();
        change(&store.path, TICKS, damage);
        let db = Db::open_path(&store.path).unwrap();
        assert_eq!(rows(&db, EVEN), expected);
        let late = "SELECT detail_json FROM ticks WHERE id % 5000 = 1 ORDER BY id";
        assert_eq!(rows(&db, late).len(), 4);
        // The blocks of a segment are read from the newest to the oldest.
        let newest = "SELECT id, detail_json FROM ticks WHERE id % 100 = 1 ORDER BY ts_utc DESC";
        let ids = rows(&db, newest);
        let ids: Vec<i64> = ids.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, (0..164).rev().map(|n| n * 100 + 1).collect::<Vec<_>>());
        let found = faults(&db);
        assert_eq!(found.len(), count, "{found:?}");
        assert!(found.iter().all(|fault| matches!(fault, Fault::ColumnarCopy { .. })), "{found:?}");
        db.repair().unwrap();
        assert_eq!(faults(&db), []);
        assert_eq!(segments_read(&db, EVEN), 2);
        assert_eq!(rows(&db, EVEN), expected);
    }
}

#[test]
fn a_copy_with_other_values_is_found_by_check() {
    let (one, other) = (sealed_ticks(2 * SEGMENT), store());
    // The same rows, but for the sources.
    let start = DateTime::parse_from_rfc3339("2026-04-03T00:00:00Z").unwrap().to_utc();
    let ticks = (1..=2 * SEGMENT).map(|id| TickRecord {
        ts_utc: start + TimeDelta::seconds(id),
        source: if id % 2 == 0 { "evil" } else { "odd" },
        detail_json: "{}",
    });
    other.db.record_all(ticks).unwrap();
    other.db.compact().unwrap();
    let db = open_past_the_crate(&other.path);
    let txn = db.begin_read().unwrap();
    let table = txn.open_table(TICKS).unwrap();
    assert_eq!(table.len().unwrap(), 8);
    change(&one.path, TICKS, |key, value| {
        *value = table.get(key).unwrap().unwrap().value().to_vec();
        Some(())
    });
    // Its checksum is that of other rows, so it is not used.
    assert_eq!(segments_read(&one.db, EVEN), 0);
    assert_eq!(rows(&one.db, EVEN)[0]["source"], "even");
    assert!(one.db.check().unwrap().is_clean());
}

#[test]
fn changed_rows_are_reported_once_and_not_as_a_wrong_copy() {
    let store = store();
    store.db.record_all((0..SEGMENT).map(|n| message(at(n), "body"))).unwrap();
    store.db.compact().unwrap();
    assert!(!keys(&store.path, MESSAGES).is_empty());
    change_row(&store.path, 1_500);
    let found = store.db.check().unwrap().faults;
    assert!(matches!(found.as_slice(), [Fault::ChangedRows { .. }]), "{found:?}");
    // The copy has what was recorded.
    assert_eq!(value(&store.db, "SELECT count(*) AS n FROM messages WHERE body = 'bodz'"), 0);
    store.db.repair().unwrap();
    assert_eq!(value(&store.db, "SELECT count(*) AS n FROM messages WHERE body = 'bodz'"), 1);
    assert!(store.db.check().unwrap().is_clean());
}

#[test]
fn columns_of_long_texts_are_read_from_the_rows() {
    let store = store();
    let long = "0123456789".repeat(100);
    let bodies: Vec<String> = (0..SEGMENT).map(|n| format!("{n} {long}")).collect();
    let messages = bodies.iter().zip(0..).map(|(body, n)| MessageRecord {
        from_agent: Some(if n % 1_000 == 0 { "rare" } else { "often" }),
        ..message(at(n), body)
    });
    store.db.record_all(messages).unwrap();
    store.db.compact().unwrap();
    let filtered = "SELECT id, body FROM messages WHERE from_agent = 'rare' ORDER BY id";
    for order in ["", " DESC"] {
        let sql = format!("{filtered}{order}");
        let mut found = rows(&store.db, &sql);
        if !order.is_empty() {
            found.reverse();
        }
        let ids: Vec<i64> = found.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, (0..9).map(|n| n * 1_000 + 1).collect::<Vec<_>>());
        assert!(found.iter().all(|row| {
            row["body"]
                .as_str()
                .unwrap()
                .starts_with(&format!("{} ", row["id"].as_i64().unwrap() - 1))
        }));
        assert_eq!(segments_read(&store.db, &sql), 1);
        assert_eq!(counts(&store.db, &sql).rows_read, SEGMENT as u64 + 9);
    }
    let whole = "SELECT max(length(body)) AS n FROM messages";
    assert_eq!(value(&store.db, whole), 1_005);
    assert_eq!(segments_read(&store.db, whole), 0);
    assert!(store.db.check().unwrap().is_clean());
}

#[test]
fn segments_with_corrupt_rows_have_no_copy() {
    let store = ticks_by_second(2 * SEGMENT);
    drop(store.db);
    change_source(&store.path, 100);
    let db = Db::open_path(&store.path).unwrap();
    db.repair().unwrap();
    let lenient = db.with_query_options(QueryOptions::new().skip_corrupt(true));
    assert_eq!(value(&lenient, "SELECT count(source) AS n FROM ticks"), 2 * SEGMENT - 1);
    assert_eq!(segments_read(&lenient, EVEN), 0);
    assert_eq!(keys(&store.path, TICKS).len(), 4);
    assert!(db.query("SELECT max(source) FROM ticks").is_err());
}

/// Makes a tick corrupt.
fn change_source(path: &Path, id: i64) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    {
        let mut rows = txn.open_table(TableDefinition::<i64, &[u8]>::new("ticks")).unwrap();
        rows.insert(id, &b"{\"id\":100,\"source\":7}"[..]).unwrap();
    }
    txn.commit().unwrap();
}

#[test]
fn a_backup_has_the_copies_too() {
    let store = sealed_ticks(2 * SEGMENT);
    let backup = store.path.with_file_name("backup.db");
    store.db.backup(&backup).unwrap();
    let restored = store.path.with_file_name("restored.db");
    Db::restore(&backup, &restored).unwrap();
    let db = Db::open_path(&restored).unwrap();
    assert_eq!(rows(&db, EVEN), rows(&store.db, EVEN));
    assert!(db.unknown_tables().unwrap().is_empty());
    assert_eq!(segments_read(&db, EVEN), 2);
    assert!(db.check().unwrap().is_clean());
}

#[test]
fn a_store_can_do_without_copies() {
    let store = sealed_ticks(2 * SEGMENT);
    store.db.keep_columns(false).unwrap();
    assert!(keys(&store.path, TICKS).is_empty());
    // Nobody makes new ones.
    let tick = TickRecord { ts_utc: at(0), source: "odd", detail_json: "{}" };
    store.db.record_all(std::iter::repeat_n(tick, SEGMENT as usize)).unwrap();
    store.db.compact().unwrap();
    store.db.repair().unwrap();
    assert!(keys(&store.path, TICKS).is_empty());
    assert_eq!(value(&store.db, "SELECT count(detail_json) AS n FROM ticks"), 3 * SEGMENT);
    store.db.keep_columns(true).unwrap();
    store.db.compact().unwrap();
    assert_eq!(segments_read(&store.db, EVEN), 3);
}

#[test]
fn segments_without_a_wanted_text_are_skipped() {
    let store = store();
    let start = DateTime::parse_from_rfc3339("2026-04-03T00:00:00Z").unwrap().to_utc();
    // Each segment has sources of its own, the second one a chat that is null.
    let messages = (1..=3 * SEGMENT).map(|id| MessageRecord {
        source: ["first", "two", "third"][(id / SEGMENT).min(2) as usize],
        chat_id: (id / SEGMENT != 1).then_some("chat"),
        ..message(start, "body")
    });
    store.db.record_all(messages).unwrap();
    store.db.compact().unwrap();
    for (condition, rows, pruned) in [
        ("source = 'two'", SEGMENT, 2),
        ("source LIKE 't%'", 2 * SEGMENT, 1),
        ("source IN ('four', 'first')", SEGMENT - 1, 2),
        ("source = 'four'", 0, 3),
        ("chat_id IS NULL", SEGMENT, 2),
        ("chat_id IS NOT NULL", 2 * SEGMENT - 1, 1),
        ("source <> 'two' AND upper(source) = 'TWO'", 0, 3),
        // The first condition keeps the second from failing.
        ("source <> 'two' AND 10 / (length(source) - 3) = 5", 2 * SEGMENT, 1),
        ("source = 'two' OR chat_id = 'chat'", 3 * SEGMENT - 1, 0),
    ] {
        let sql = format!("SELECT count(id + 0) AS n FROM messages WHERE {condition}");
        let found = value(&store.db, &sql).as_i64().unwrap();
        let counts = counts(&store.db, &sql);
        assert!(found == rows || found == rows + 1, "{condition}: {found}");
        assert_eq!(counts.segments_pruned, pruned, "{condition}");
        assert_eq!(counts.blocks_pruned + counts.blocks_read, counts.blocks_total, "{condition}");
    }
}

#[test]
fn a_process_that_ends_at_once_seals_its_segment() {
    let store = ticks_by_second(SEGMENT - 2);
    drop(store.db);
    let db = Db::open_path(&store.path).unwrap();
    db.record_tick(at(0), "last", "{}").unwrap();
    drop(db);
    let db = Db::open_read_only(&store.path).unwrap();
    assert_eq!(segments_read(&db, EVEN), 1);
}

#[test]
fn compaction_deletes_the_copies_of_other_rows() {
    let store = sealed_ticks(2 * SEGMENT);
    let all = keys(&store.path, TICKS).len();
    // As an older version would: the rows and zones of the first segment go, and the copy stays.
    let first: Vec<(i64, Vec<u8>)> = {
        let db = open_past_the_crate(&store.path);
        let table = db.begin_read().unwrap().open_table(TICKS).unwrap();
        table
            .range(..0x1000)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|(k, v)| (k.value(), v.value().to_vec()))
            .collect()
    };
    let start = DateTime::parse_from_rfc3339("2026-04-03T00:00:00Z").unwrap().to_utc();
    store.db.prune(start + TimeDelta::seconds(SEGMENT), Some("ticks")).unwrap();
    {
        let db = open_past_the_crate(&store.path);
        let txn = db.begin_write().unwrap();
        for (key, value) in &first {
            txn.open_table(TICKS).unwrap().insert(key, value.as_slice()).unwrap();
        }
        txn.commit().unwrap();
    }
    assert_eq!(keys(&store.path, TICKS).len(), all);
    assert_eq!(value(&store.db, "SELECT count(detail_json) AS n FROM ticks"), SEGMENT + 1);
    store.db.compact().unwrap();
    assert_eq!(keys(&store.path, TICKS).len(), all / 2);
    assert_eq!(segments_read(&store.db, EVEN), 1);
    assert!(store.db.check().unwrap().is_clean());
}
