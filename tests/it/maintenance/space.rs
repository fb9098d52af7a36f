//! The size of a store, and compaction.

use std::fs;

use netsky_db::{Compacted, Db, Error, TABLES, Table};
use netsky_testing::{
    at, full_row, open_past_the_crate, record_messages, store, store_past_the_crate, stored_rows,
    to_json, value,
};

use crate::maintenance::{time_text, while_recording};

#[test]
fn stats_report_sizes_zones_and_time_ranges() {
    let store = store();
    let empty = store.db.stats().unwrap();
    assert_eq!(empty.tables.len(), 14);
    assert!(empty.tables.iter().all(|table| (table.rows, table.span, table.zones) == (0, None, 0)));
    record_messages(&store.db, 0..3_000);
    record_messages(&store.db, -50..-40);
    let of = |name| {
        let stats = store.db.stats().unwrap();
        stats.tables.into_iter().find(|table| table.table.name() == name).unwrap()
    };
    let found = of("messages");
    let stored: u64 =
        stored_rows(&store.path, "messages").iter().map(|(_, json)| json.len() as u64 + 8).sum();
    assert_eq!((found.rows, found.row_bytes, found.zones), (3_010, stored, 3));
    assert_eq!(found.span, Some((at(-50), at(2_999))));
    assert!(found.page_bytes >= stored && found.page_bytes < 2 * stored, "{found:?}");
    let file = fs::metadata(&store.path).unwrap().len();
    assert_eq!(store.db.stats().unwrap().file_bytes, file);

    // A row that no zone covers, and one whose time is unreadable.
    let mut row = full_row(Table::find("messages", TABLES).unwrap(), 1);
    row["ts_utc"] = time_text(at(9_999)).into();
    store_past_the_crate(&store.path, "messages", 4_000, to_json(&row).as_bytes());
    store_past_the_crate(&store.path, "messages", 7, b"nonsense");
    assert_eq!(of("messages").span, Some((at(-50), at(9_999))));
}

#[test]
fn compact_frees_pruned_space_unless_in_use() {
    let store = store();
    record_messages(&store.db, 0..30_000);
    store.db.prune(at(29_000), None).unwrap();
    let left = stored_rows(&store.path, "messages");
    let size = || fs::metadata(&store.path).unwrap().len();
    let other = Db::open_read_only(&store.path).unwrap();

    let reader = open_past_the_crate(&store.path);
    let reading = redb::ReadableDatabase::begin_read(&reader).unwrap();
    assert!(matches!(store.db.compact(), Err(Error::InUse { .. })));
    drop(reading);
    let before = size();
    let compacted = compact_soon(&store.db);
    assert_eq!((compacted.bytes_before, compacted.bytes_after), (before, size()));
    assert!(compacted.bytes_after * 4 < before, "{compacted:?}");
    assert!(stored_rows(&store.path, "messages") == left);
    assert!(matches!(other.compact(), Err(Error::ReadOnlyStore { .. })));
    // Processes that have it open continue to work.
    assert_eq!(value(&other, "SELECT count(*) FROM messages"), 1_000);
    record_messages(&store.db, 0..2_000);
    assert_eq!(value(&other, "SELECT count(*) FROM messages"), 3_000);
    assert_eq!(store.db.check().unwrap().faults, []);
}

/// The threads of a dropped stream release their snapshot a little later.
fn compact_soon(db: &Db) -> Compacted {
    for _ in 0..100 {
        match db.compact() {
            Err(Error::InUse { .. }) => std::thread::sleep(std::time::Duration::from_millis(20)),
            compacted => return compacted.unwrap(),
        }
    }
    panic!("still in use");
}

#[test]
fn compact_and_writers_wait_for_each_other() {
    let store = store();
    record_messages(&store.db, 0..20_000);
    let recorded = while_recording(&store.db, || {
        for round in 1..=3 {
            store.db.prune(at(round * 5_000), None).unwrap();
            compact_soon(&store.db);
        }
    });
    let counts = "SELECT (SELECT count(*) FROM ticks) + (SELECT count(*) FROM messages)";
    let ticks = value(&store.db, "SELECT max(id) FROM ticks").as_i64().unwrap_or(0);
    assert_eq!(ticks, recorded);
    let old = value(&store.db, counts).as_i64().unwrap();
    assert_eq!(old, recorded + 5_000);
    assert_eq!(store.db.check().unwrap().faults, []);
}
