//! Opening a store: what is created, what is refused and left unchanged, and sharing it.

use std::fs;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::Utc;
use netsky_db::{Db, Error, MessageRecord, OpenOptions, SCHEMA_VERSION, TABLES};
use netsky_testing::{
    OLD_SQLITE, OWN_TABLES, assert_archived, message, names_in, rows, set_meta_past_the_crate,
    sqlite_with_journal, store, store_past_the_crate, stored_rows, value,
};
use redb::StorageBackend;
use redb::backends::FileBackend;

#[test]
fn new_stores_have_the_schema_and_tables() {
    let store = store();
    assert_eq!(store.db.schema_version().unwrap(), SCHEMA_VERSION);
    for table in TABLES {
        assert_eq!(stored_rows(&store.path, table.name()), []);
    }
    store.db.migrate().unwrap();
    assert_eq!(store.db.schema_version().unwrap(), 2);
}

#[cfg(unix)]
#[test]
fn stores_and_directories_are_made_private() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/meta.db");
    drop(Db::open_path(&path).unwrap());
    assert_eq!(
        (mode(&path), mode(&dir.path().join("a/b")), mode(&dir.path().join("a"))),
        (0o600, 0o700, 0o700)
    );

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(Db::open_path(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
    // An existing directory made for other purposes keeps its mode.
    fs::set_permissions(dir.path().join("a"), fs::Permissions::from_mode(0o755)).unwrap();
    drop(Db::open_path(&path).unwrap());
    assert_eq!(mode(&dir.path().join("a")), 0o755);
}

#[test]
fn opening_a_missing_store_read_only_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("meta.db"), dir.path().join("no/such/dir/meta.db")] {
        match Db::open_read_only(&path) {
            Err(Error::StoreNotFound { path: named }) => assert_eq!(named, path),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names_in(dir.path()), Vec::<String>::new());
}

#[test]
fn non_stores_are_refused_and_left_unchanged() {
    let whole = {
        let store = store();
        let lines =
            "{\"ts_utc\":\"2026-04-15T23:00:00Z\",\"source\":\"a\",\"detail_json\":\"{}\"}\n"
                .repeat(5_000);
        store.db.import("ticks", lines.as_bytes()).unwrap();
        let path = store.path.clone();
        let closed = store.db;
        drop(closed);
        fs::read(path).unwrap()
    };
    let mut files =
        vec![b"hello".to_vec(), vec![0; 4096], b"{\"id\":1}\n".repeat(1000), vec![b'r']];
    let mut garbled = whole.clone();
    garbled[64..].fill(0xAA);
    files.push(garbled);
    let length = whole.len();
    files.extend(
        [1, 9, 64, 319, 320, 512, 4_096, length / 2, length - 1].map(|cut| whole[..cut].to_vec()),
    );

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    for bytes in files {
        fs::write(&path, &bytes).unwrap();
        match Db::open_path(&path) {
            Err(Error::NotAStore { path: named, reason }) => {
                assert!(named == path && !reason.is_empty());
            }
            other => panic!("{} bytes: {other:?}", bytes.len()),
        }
        // Read-only opening may succeed on a truncated file, but must not give a wrong answer.
        let answer = Db::open_read_only(&path)
            .and_then(|db| db.query("SELECT sum(length(source)) FROM ticks"));
        let is_right = |answer: String| answer.contains("| 5000 ");
        assert!(answer.is_err() || answer.is_ok_and(is_right), "{} bytes", bytes.len());
        assert!(fs::read(&path).unwrap() == bytes, "{} bytes were changed", bytes.len());
        assert_eq!(names_in(dir.path()), ["meta.db"]);
    }
}

#[cfg(unix)]
#[test]
fn non_stores_keep_their_mode() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("plain.txt");
    fs::write(&text, "hello").unwrap();
    let theirs = dir.path().join("theirs.redb");
    let db = redb::Database::create(&theirs).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(redb::TableDefinition::<u64, u64>::new("theirs")).unwrap();
    txn.commit().unwrap();
    drop(db);
    for path in [text, theirs] {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Db::open_path(&path), Err(Error::NotAStore { .. })));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }
}

#[test]
fn foreign_redb_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.redb");
    {
        let db = redb::Database::create(&path).unwrap();
        let txn = db.begin_write().unwrap();
        txn.open_table(redb::TableDefinition::<u64, u64>::new("theirs")).unwrap();
        txn.commit().unwrap();
    }
    for opened in [Db::open_path(&path), Db::open_read_only(&path)] {
        match opened {
            Err(Error::NotAStore { reason, .. }) => assert!(reason.contains("theirs"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn newer_schemas_are_refused_with_both_versions() {
    let store = store();
    set_meta_past_the_crate(&store.path, "schema_version", 3);
    for opened in [Db::open_path(&store.path), Db::open_read_only(&store.path)] {
        match opened {
            Err(Error::FutureSchemaVersion { found: 3, supported: 2, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(store.db.migrate(), Err(Error::FutureSchemaVersion { .. })));
}

#[test]
fn exclusively_opened_stores_are_reported_locked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    let _exclusive = redb::Database::create(&path).unwrap();
    let options = OpenOptions::new().busy_timeout(Duration::from_millis(300));
    for opened in [options.open(&path), options.open_read_only(&path)] {
        assert!(matches!(opened, Err(Error::Locked { .. })), "{opened:?}");
    }
}

#[test]
fn sqlite_files_are_archived_with_their_journals() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    let mut archives = Vec::new();
    // Twice within a second, so that the names could collide.
    for round in 0..2u8 {
        let bytes = [OLD_SQLITE, &[round]].concat();
        fs::write(&path, &bytes).unwrap();
        fs::write(dir.path().join("meta.db-wal"), [round]).unwrap();
        match Db::open_read_only(&path) {
            Err(Error::NotAStore { reason, .. }) => assert!(reason.contains("SQLite"), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert!(fs::read(&path).unwrap() == bytes, "a reader changed it");

        let db = Db::open_path(&path).unwrap();
        let archive = db.archived().unwrap().to_owned();
        let name = archive.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("meta.sqlite-v1-") && name.ends_with(".bak"), "{name}");
        assert!(fs::read(&archive).unwrap() == bytes);
        assert_eq!(fs::read(format!("{}-wal", archive.display())).unwrap(), [round]);
        assert_eq!(value(&db, "SELECT COUNT(*) FROM ticks"), 0);
        archives.push(archive);
        drop(db);
        assert!(Db::open_path(&path).unwrap().archived().is_none());
        fs::remove_file(&path).unwrap();
    }
    assert_ne!(archives[0], archives[1]);
}

#[test]
fn archived_sqlite_files_keep_journaled_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = sqlite_with_journal(dir.path(), &OWN_TABLES);
    assert_archived(dir.path());
    assert_eq!(Db::open_path(path).unwrap().archived(), None);
}

#[cfg(unix)]
#[test]
fn interrupted_archives_are_finished() {
    let name = |dir: &Path, suffix: &str| dir.join(format!("meta.db{suffix}"));
    let archive =
        |dir: &Path, suffix: &str| dir.join(format!("meta.sqlite-v1-20260101000000.bak{suffix}"));
    // The steps in their order. A process is killed after each of them.
    let link =
        |dir: &Path, suffix: &str| fs::hard_link(name(dir, suffix), archive(dir, suffix)).unwrap();
    let remove = |dir: &Path, suffix: &str| fs::remove_file(name(dir, suffix)).unwrap();
    let steps: [&dyn Fn(&Path); 6] = [
        &|dir| link(dir, "-wal"),
        &|dir| link(dir, "-shm"),
        &|dir| link(dir, ""),
        &|dir| remove(dir, ""),
        &|dir| remove(dir, "-wal"),
        &|dir| remove(dir, "-shm"),
    ];
    for done in 0..=steps.len() {
        println!("killed after {done} steps");
        let dir = tempfile::tempdir().unwrap();
        sqlite_with_journal(dir.path(), &OWN_TABLES);
        steps[..done].iter().for_each(|step| step(dir.path()));
        assert_archived(dir.path());
        assert!(done == 0 || archive(dir.path(), "").exists());
    }
}

#[test]
fn foreign_sqlite_files_are_refused_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    for tables in [&["bookmarks", "folders"][..], &["messages", "sessions"]] {
        let path = sqlite_with_journal(dir.path(), tables);
        let before = names_in(dir.path())
            .iter()
            .map(|name| fs::read(dir.path().join(name)).unwrap())
            .collect::<Vec<_>>();
        for opened in [Db::open_path(&path), Db::open_read_only(&path)] {
            match opened {
                Err(Error::NotAStore { reason, .. }) => {
                    assert!(reason.contains("another program"), "{reason}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(names_in(dir.path()), ["meta.db", "meta.db-shm", "meta.db-wal"]);
        let after = names_in(dir.path())
            .iter()
            .map(|name| fs::read(dir.path().join(name)).unwrap())
            .collect::<Vec<_>>();
        assert!(before == after, "it was changed");
    }
}

#[cfg(unix)]
#[test]
fn opening_waits_for_a_sqlite_file_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let path = sqlite_with_journal(dir.path(), &OWN_TABLES);
    // A lock on a part of the file, like SQLite's own.
    let file = fs::File::options().read(true).write(true).open(&path).unwrap();
    let holder = FileBackend::new(file).unwrap();
    let byte = Bound::Included(0x4000_0002);
    assert!(holder.try_lock_range(byte, byte).unwrap());
    let begun = Instant::now();
    match OpenOptions::new().busy_timeout(Duration::ZERO).open(&path) {
        Err(Error::Locked { reason, .. }) => assert!(reason.contains("SQLite"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
    holder.close().unwrap();
    assert_archived(dir.path());
}

#[test]
fn one_process_can_open_a_path_repeatedly() {
    let store = store();
    let again = Db::open_path(&store.path).unwrap();
    let through_dots = Db::open_path(store.path.parent().unwrap().join("./meta.db")).unwrap();
    let reader = Db::open_read_only(&store.path).unwrap();
    assert_eq!(store.db.record_tick(Utc::now(), "a", "{}").unwrap(), 1);
    assert_eq!(again.record_tick(Utc::now(), "b", "{}").unwrap(), 2);
    assert_eq!(through_dots.record_tick(Utc::now(), "c", "{}").unwrap(), 3);
    for db in [&store.db, &again, &through_dots, &reader] {
        assert_eq!(value(db, "SELECT COUNT(*) FROM ticks"), 3);
    }
    drop((again, through_dots));
    assert_eq!(store.db.record_tick(Utc::now(), "d", "{}").unwrap(), 4);
    match reader.record_tick(Utc::now(), "e", "{}") {
        Err(Error::ReadOnlyStore { path }) => assert_eq!(path, store.path),
        other => panic!("{other:?}"),
    }
    assert!(matches!(reader.migrate(), Ok(()) | Err(Error::ReadOnlyStore { .. })));
}

#[test]
fn rows_survive_closing_and_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    for round in 1..=3 {
        let db = Db::open_path(&path).unwrap();
        assert_eq!(db.record_tick(Utc::now(), "a", "{}").unwrap(), round);
        assert_eq!(value(&db, "SELECT COUNT(*) FROM ticks"), round);
    }
}

#[test]
fn stores_of_killed_writers_open_read_only() {
    let store = store();
    store.db.record_tick(Utc::now(), "a", "{}").unwrap();
    // A copy made while the writer has the file open, as a kill would leave it.
    let left = store.path.with_file_name("left.db");
    fs::copy(&store.path, &left).unwrap();
    let reader = Db::open_read_only(&left).unwrap();
    assert_eq!(value(&reader, "SELECT COUNT(*) FROM ticks"), 1);
}

#[test]
fn foreign_rows_are_not_overwritten() {
    let store = store();
    store_past_the_crate(&store.path, "ticks", 41, b"{}");
    assert_eq!(store.db.record_tick(Utc::now(), "a", "{}").unwrap(), 42);
    store_past_the_crate(&store.path, "crashes", i64::MAX, b"{}");
    let error = store.db.record_crash(Utc::now(), "k", "a", "{}").unwrap_err();
    assert!(error.to_string().contains("no ids left"), "{error}");
    let crash = r#"{"ts_utc":"2026-04-15T23:00:00Z","kind":"k","agent":"a","detail_json":"{}"}"#;
    let error = store.db.import("crashes", crash.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("no ids left"), "{error}");
    assert!(store.db.import("crashes", &b""[..]).unwrap().is_empty());
    store_past_the_crate(&store.path, "workspaces", i64::MAX - 2, b"{}");
    let row = r#"{"ts_utc_created":"2026-04-15T23:00:00Z","name":"n","branch":"b"}"#;
    assert_eq!(store.db.import("workspaces", row.as_bytes()).unwrap(), i64::MAX - 1..i64::MAX);
    assert!(store.db.import("workspaces", row.as_bytes()).is_err());
}

#[test]
fn concurrent_threads_get_ids_without_gaps() {
    let store = store();
    let ids: Vec<i64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let db = store.db.clone();
                scope.spawn(move || -> Vec<i64> {
                    (0..20)
                        .map(|_| db.record_tick(Utc::now(), &format!("t{thread}"), "{}").unwrap())
                        .collect()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut sorted = ids;
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=160).collect::<Vec<_>>());
}

#[test]
fn record_all_is_atomic() {
    let store = store();
    let message = |body| message(Utc::now(), body);
    assert_eq!(store.db.record_all(["a", "b", "c"].map(message)).unwrap(), 1..4);
    assert_eq!(store.db.record_all(Vec::<MessageRecord<'_>>::new()).unwrap(), 4..4);
    assert_eq!(store.db.record_all([message("d")]).unwrap(), 4..5);
    let bodies: Vec<_> = rows(&store.db, "SELECT body FROM messages ORDER BY id")
        .into_iter()
        .map(|row| row["body"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(bodies, ["a", "b", "c", "d"]);

    // The iterator may use the store itself: no lock is held while it runs.
    let db = &store.db;
    let nested = db.record_all(["e", "f"].into_iter().map(|body| {
        db.record_tick(Utc::now(), "nested", "{}").unwrap();
        message(body)
    }));
    assert_eq!(nested.unwrap(), 5..7);
}

#[test]
fn imports_are_atomic() {
    let store = store();
    let good = "{\"ts_utc\":\"2026-04-15T23:00:00Z\",\"source\":\"a\",\"detail_json\":\"{}\"}\n";
    let lines = format!(
        "\u{feff}{good}\r\n\n{}{good}{{\"source\":1}}\n{good}",
        good.trim_end().to_owned() + "\r\n"
    );
    match store.db.import("ticks", lines.as_bytes()) {
        Err(Error::InvalidLine { line: 6, reason }) => {
            assert!(reason.contains("ts_utc is missing"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(value(&store.db, "SELECT COUNT(*) FROM ticks"), 0);

    let mut skipped = Vec::new();
    let imported = store
        .db
        .import_valid("ticks", lines.as_bytes(), |line, reason| {
            skipped.push((line, reason.to_owned()))
        })
        .unwrap();
    assert_eq!((imported.ids, imported.skipped), (1..5, 1));
    assert_eq!(skipped.len(), 1);
    assert!(matches!(store.db.import("tick", &b""[..]), Err(Error::UnknownTable { .. })));
    assert_eq!(store.db.import("ticks", &b""[..]).unwrap(), 5..5);
}

#[test]
fn imports_assign_ids_and_refuse_unknown_keys() {
    let store = store();
    let line = |extra: &str| {
        format!(
            "{{\"id\":77,\"ts_utc\":\"2026-04-15T23:00:00.123456Z\",\"source\":\"a\",\"detail_json\":\"{{}}\"{extra}}}"
        )
    };
    assert_eq!(store.db.import("ticks", line("").as_bytes()).unwrap(), 1..2);
    assert_eq!(value(&store.db, "SELECT ts_utc FROM ticks"), "2026-04-15T23:00:00.123Z");
    match store.db.import("ticks", line(",\"sourse\":\"b\"").as_bytes()) {
        Err(Error::InvalidLine { line: 1, reason }) => {
            assert_eq!(reason, "unknown key 'sourse'; did you mean 'source'?");
        }
        other => panic!("{other:?}"),
    }
    match store.db.import("sessions", &b"{\"ts_utc\":\"2026-04-15T23:00:00Z\",\"agent\":\"a\",\"session_num\":1,\"event\":\"Up\"}"[..]) {
        Err(Error::InvalidLine { reason, .. }) => {
            assert_eq!(reason, "event: 'Up' must be up, down or note");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn imports_keep_the_order_of_unique_ids() {
    let row = |id: &str, source: &str| {
        format!(
            "{{{id}\"ts_utc\":\"2026-04-15T23:00:00Z\",\"source\":\"{source}\",\"detail_json\":\"{{}}\"}}\n"
        )
    };
    for (ids, expected) in [
        (["\"id\":30,", "\"id\":-2,", "\"id\":7,"], "bca"),
        (["\"id\":1,", "\"id\":2,", "\"id\":9223372036854775807,"], "abc"),
        // A duplicate id, a missing id, and an invalid id.
        (["\"id\":7,", "\"id\":2,", "\"id\":7,"], "abc"),
        (["\"id\":7,", "", "\"id\":2,"], "abc"),
        (["\"id\":7,", "\"id\":\"3\",", "\"id\":2,"], "abc"),
    ] {
        let store = store();
        let lines: String = ids.iter().zip(["a", "b", "c"]).map(|(id, s)| row(id, s)).collect();
        assert_eq!(store.db.import("ticks", lines.as_bytes()).unwrap(), 1..4);
        let rows = rows(&store.db, "SELECT source FROM ticks ORDER BY id");
        let order: String = rows.iter().filter_map(|row| row["source"].as_str()).collect();
        assert_eq!(order, expected, "{ids:?}");
    }
}

#[test]
fn only_recorded_rows_default_to_now() {
    let store = store();
    let row = "{\"source\":\"a\",\"detail_json\":\"{}\"}";
    let before = Utc::now().timestamp_millis();
    store.db.record_json("ticks", row).unwrap();
    let stored = value(&store.db, "SELECT ts_utc FROM ticks");
    let stored = chrono::DateTime::parse_from_rfc3339(stored.as_str().unwrap()).unwrap();
    assert!((before..=Utc::now().timestamp_millis()).contains(&stored.timestamp_millis()));
    assert!(store.db.import("ticks", row.as_bytes()).is_err());
}

#[test]
fn opening_a_killed_store_reports_repair_progress() {
    let store = store();
    store.db.record_tick(chrono::Utc::now(), "kept", "{}").unwrap();
    drop(store.db);
    // Another program writes to the store with exclusive access and is killed, without redb's data
    // for a fast reopening.
    let other = redb::Database::open(&store.path).unwrap();
    let txn = other.begin_write().unwrap();
    txn.open_table(redb::TableDefinition::<&str, i64>::new("theirs"))
        .unwrap()
        .insert("a", 1)
        .unwrap();
    txn.commit().unwrap();
    let killed = store.path.with_extension("killed");
    std::fs::copy(&store.path, &killed).unwrap();
    drop(other);

    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    let options =
        OpenOptions::new().on_repair(move |progress| teller.lock().unwrap().push(progress));
    let db = options.open_read_only(&killed).unwrap();
    assert_eq!(value(&db, "SELECT source FROM ticks"), "kept");
    let told = told.lock().unwrap();
    assert!(!told.is_empty() && told.is_sorted(), "{told:?}");
    assert!(told.iter().all(|progress| (0.0..=1.0).contains(progress)), "{told:?}");
}
