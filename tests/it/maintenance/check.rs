//! What `check` finds.

use std::fs;

use netsky_db::demo::Fleet;
use netsky_db::{Db, Error, Fault, TABLES, Table};
use netsky_testing::{
    Dice, at, damage, everything, full_row, message, record_messages, store, store_past_the_crate,
    stored_rows, to_json, value,
};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde_json::json;

use crate::maintenance::{IDS, ZONES, check, faults, past_the_crate, while_recording};

#[test]
fn check_of_an_intact_store_changes_nothing() {
    let store = store();
    assert!(store.db.check().unwrap().is_clean(), "an empty store");
    Fleet::new(20_000).record(&store.db).unwrap();
    let report = store.db.check().unwrap();
    assert_eq!(report.faults, []);
    assert_eq!((report.tables, report.rows), (14, 20_000));
    let summaries = store.db.summaries().unwrap();
    let blocks: u64 = summaries.iter().map(|table| table.rows / 1024 + 1).sum();
    let full: u64 = summaries.iter().filter(|table| table.rows.is_multiple_of(1024)).count() as u64;
    assert!((blocks - full..=blocks).contains(&report.zones), "{report:?}");

    let path = store.path.clone();
    drop(store.db);
    let before = fs::read(&path).unwrap();
    assert!(check(&path).is_clean());
    assert!(fs::read(&path).unwrap() == before, "the check changed the file");
}

#[test]
fn check_lists_at_most_a_thousand_corrupt_rows() {
    let store = store();
    for (index, table) in TABLES.iter().enumerate() {
        let id = index as i64 * 1_000 + 1;
        for good in [id - 1, id + 1] {
            let row = to_json(&full_row(table, good));
            store_past_the_crate(&store.path, table.name(), good, row.as_bytes());
        }
        let mut row = full_row(table, id);
        let last = table.columns().last().unwrap().name;
        row.insert(last.to_owned(), json!(["neither"]));
        store_past_the_crate(&store.path, table.name(), id, to_json(&row).as_bytes());
    }
    let report = store.db.check().unwrap();
    assert_eq!(report.rows, 3 * 14);
    for (index, table) in TABLES.iter().enumerate() {
        let id = index as i64 * 1_000 + 1;
        let named = report.faults.iter().any(|fault| match fault {
            Fault::CorruptRow { table: name, id: row, reason } => {
                *name == table.name()
                    && *row == id
                    && reason.contains(table.columns().last().unwrap().name)
            }
            _ => false,
        });
        assert!(named, "{}: {:?}", table.name(), report.faults);
    }

    let store = netsky_testing::store();
    past_the_crate(&store.path, |txn| {
        let ticks = TableDefinition::<i64, &[u8]>::new("ticks");
        let mut ticks = txn.open_table(ticks).unwrap();
        for id in 1..=1_500 {
            ticks.insert(id, &b"nonsense"[..]).unwrap();
        }
        txn.open_table(IDS).unwrap().insert("ticks", 1_500).unwrap();
    });
    let report = store.db.check().unwrap();
    assert_eq!((report.rows, report.fault_count, report.faults.len()), (1_500, 1_500, 1_000));
}

#[test]
fn check_finds_wrong_zones_and_repair_fixes_them() {
    let change = |change: fn(&WriteTransaction)| {
        let store = store();
        record_messages(&store.db, 0..3_000);
        assert!(store.db.check().unwrap().is_clean());
        past_the_crate(&store.path, change);
        let found = faults(&store.path);
        let rows = everything(&store.path);
        store.db.repair().unwrap();
        assert_eq!(faults(&store.path), Vec::<String>::new(), "{found:?}");
        assert!(everything(&store.path) == rows, "the repair changed rows");
        let sql = "SELECT count(*) FROM messages WHERE ts_utc >= '2023-11-14T22:30:00Z'";
        let messages = stored_rows(&store.path, "messages").len();
        assert_eq!(value(&store.db, sql), messages - 1_000, "{found:?}");
        found
    };

    let counted = change(|txn| {
        let mut zones = txn.open_table(ZONES).unwrap();
        let (rows, low, high) = zones.get(("messages", 1)).unwrap().unwrap().value();
        zones.insert(("messages", 1), (rows + 5, low, high)).unwrap();
    });
    assert_eq!(
        counted,
        ["wrong zone of messages, ids 1024 to 2047: it counts 1029 rows, but there are 1024"]
    );
    let wide = change(|txn| {
        let mut zones = txn.open_table(ZONES).unwrap();
        let (rows, low, high) = zones.get(("messages", 0)).unwrap().unwrap().value();
        zones.insert(("messages", 0), (rows, low - 1_000_000, high)).unwrap();
    });
    assert_eq!(
        wide,
        ["wrong zone of messages, ids 0 to 1023: its times are 2023-11-14T22:13:19.999Z to \
          2023-11-14T22:30:22Z, but those of the rows are 2023-11-14T22:13:20Z to 2023-11-14T22:30:22Z"]
    );
    let removed = change(|txn| {
        txn.open_table(ZONES).unwrap().remove(("messages", 2)).unwrap();
    });
    assert_eq!(
        removed,
        ["wrong zone of messages, ids 2048 to 3071: it is missing, and there are 953 rows"]
    );
    let invented = change(|txn| {
        txn.open_table(ZONES).unwrap().insert(("messages", 9), (7, 0, 1)).unwrap();
    });
    assert_eq!(
        invented,
        ["wrong zone of messages, ids 9216 to 10239: it counts 7 rows, but there are none"]
    );
    let deleted = change(|txn| {
        let messages = TableDefinition::<i64, &[u8]>::new("messages");
        txn.open_table(messages).unwrap().remove(1_500).unwrap();
    });
    assert_eq!(
        deleted,
        [
            "wrong zone of messages, ids 1024 to 2047: it counts 1024 rows, but there are 1023",
            "wrong zones of messages: they count 3000 rows, and it has 2999",
        ]
    );
    // A zone may have no times, as it does after a row with an unreadable time.
    assert_eq!(
        change(|txn| {
            let mut zones = txn.open_table(ZONES).unwrap();
            zones.insert(("messages", 1), (1_024, i64::MAX, i64::MIN)).unwrap();
        }),
        Vec::<String>::new()
    );
}

#[test]
fn check_reports_foreign_ids_but_not_foreign_rows() {
    let store = store();
    record_messages(&store.db, 0..1_500);
    let row = to_json(&full_row(Table::find("messages", TABLES).unwrap(), 1));
    store_past_the_crate(&store.path, "messages", 1_501, row.as_bytes());
    store_past_the_crate(&store.path, "messages", 4_000, row.as_bytes());
    assert_eq!(
        faults(&store.path),
        ["wrong id counter of messages: the last id is 1500, but a row has 4000"]
    );
    let reader = Db::open_read_only(&store.path).unwrap();
    assert!(matches!(reader.repair(), Err(Error::ReadOnlyStore { .. })));
    store.db.repair().unwrap();
    assert_eq!(faults(&store.path), Vec::<String>::new());
    assert_eq!(store.db.record(&message(at(0), "next")).unwrap(), 4_001);
}

#[test]
fn check_finds_damaged_pages_with_readable_rows() {
    let store = store();
    record_messages(&store.db, 0..1_000);
    store.db.record_tick(at(0), "unmistakable", "{}").unwrap();
    let path = store.path.clone();
    drop(store.db);
    let bytes = damage(&path, b"unmistakable");
    let copy = path.with_file_name("copy.db");
    fs::copy(&path, &copy).unwrap();
    let repaired = Db::open_path(&copy).unwrap().repair();
    assert!(matches!(repaired, Err(Error::Damaged { .. })));
    let db = Db::open_read_only(&path).unwrap();
    assert_eq!(value(&db, "SELECT source FROM ticks WHERE id = 1"), "tnmistakable");
    let report = db.check().unwrap();
    assert!(matches!(&report.faults[..], [Fault::Pages { .. }]), "{report:?}");
    assert_eq!((report.fault_count, report.rows), (1, 0));
    assert!(fs::read(&path).unwrap() == bytes, "the check changed the file");
}

#[test]
fn check_finds_damaged_pages_during_commits() {
    let store = store();
    record_messages(&store.db, 0..1_000);
    store.db.record_crash(at(0), "unmistakable", "a", "{}").unwrap();
    damage(&store.path, b"unmistakable");
    let reader = Db::open_read_only(&store.path).unwrap();
    while_recording(&store.db, || {
        for db in [&store.db, &reader] {
            let report = db.check().unwrap();
            assert!(matches!(&report.faults[..], [Fault::Pages { .. }]), "{report:?}");
        }
    });
}

#[test]
fn check_finds_any_changed_byte_in_use() {
    let store = store();
    Fleet::new(2_000).record(&store.db).unwrap();
    let path = store.path.clone();
    drop(store.db);
    let (sound, expected) = (fs::read(&path).unwrap(), everything(&path));
    let mut dice = Dice(11);
    let mut found = 0;
    for round in 0..80 {
        // Half of the rounds change the header or the pages near it, which are a small part of the
        // file.
        let end = if round % 2 == 0 { sound.len() } else { 8_192 };
        let mut bytes = sound.clone();
        bytes[dice.below(end as u64) as usize] ^= 1 << dice.below(8);
        let changed = path.with_file_name(format!("{round}.db"));
        fs::write(&changed, &bytes).unwrap();
        match Db::open_read_only(&changed).and_then(|db| db.check()) {
            Ok(report) if report.is_clean() => assert!(everything(&changed) == expected),
            Ok(report) => {
                assert!(matches!(&report.faults[..], [Fault::Pages { .. }]), "{report:?}");
                assert!(fs::read(&changed).unwrap() == bytes);
                found += 1;
            }
            Err(_) => found += 1,
        }
        fs::remove_file(&changed).unwrap();
    }
    assert!(found > 10, "{found}");
}

#[test]
fn check_fails_on_a_truncated_open_file() {
    let store = store();
    record_messages(&store.db, 0..20_000);
    let reader = Db::open_read_only(&store.path).unwrap();
    let whole = fs::metadata(&store.path).unwrap().len();
    let copy = store.path.with_file_name("cut.db");
    fs::copy(&store.path, &copy).unwrap();
    assert!(check(&copy).is_clean());
    let cut = Db::open_read_only(&copy).unwrap();
    fs::OpenOptions::new().write(true).open(&copy).unwrap().set_len(whole / 2).unwrap();
    let report = cut.check().unwrap();
    assert!(matches!(&report.faults[..], [Fault::Pages { .. }]), "{report:?}");
    assert!(reader.check().unwrap().is_clean());
}

#[test]
fn check_beside_a_busy_writer_is_clean() {
    let store = store();
    Fleet::new(20_000).record(&store.db).unwrap();
    let reader = Db::open_read_only(&store.path).unwrap();
    let recorded = while_recording(&store.db, || {
        for _ in 0..5 {
            assert_eq!(store.db.check().unwrap().faults, []);
            assert_eq!(reader.check().unwrap().faults, []);
        }
    });
    assert!(recorded > 0);
}
