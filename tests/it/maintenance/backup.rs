//! Backups of a store, and stores restored from them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::Utc;
use netsky_db::demo::Fleet;
use netsky_db::{Db, Error};
use netsky_testing::{
    at, damage, everything, record_messages, store, store_past_the_crate, stored_rows, value,
};

use crate::maintenance::faults;

fn names_beside(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_a_store_with_identical_rows() {
    let store = store();
    Fleet::new(20_000).record(&store.db).unwrap();
    store_past_the_crate(&store.path, "crashes", 9_000, b"nonsense");
    store_past_the_crate(&store.path, "theirs", 3, b"{}");
    let copy = store.path.with_file_name("copy.db");
    let copied = store.db.backup(&copy).unwrap();
    assert_eq!((copied.rows, copied.kept.as_ref()), (20_002, None));
    assert_eq!(copied.file_bytes, fs::metadata(&copy).unwrap().len());
    assert_eq!(names_beside(&copy), ["copy.db", "meta.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // Only the corrupt row remains a fault: the copy's ids are right, and it has all zones.
    let faults = faults(&copy);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("corrupt row 9000 in crashes"), "{faults:?}");
    let stats = Db::open_read_only(&copy).unwrap().stats().unwrap();
    assert!(stats.tables.iter().all(|table| (table.rows == 0) == (table.zones == 0)));
    assert_eq!(stored_rows(&copy, "theirs"), [(3, "{}".to_owned())]);
    assert!(everything(&copy) == everything(&store.path));

    let copy = Db::open_path(&copy).unwrap();
    let next = copy.record_crash(Utc::now(), "k", "a", "{}").unwrap();
    assert_eq!(next, 9_001);
    assert_eq!(store.db.record_crash(Utc::now(), "k", "a", "{}").unwrap(), next);
}

#[test]
fn concurrent_backups_contain_a_prefix_of_rows() {
    let store = store();
    record_messages(&store.db, 0..30_000);
    let copies: Vec<_> = (0..4).map(|n| store.path.with_file_name(format!("{n}.db"))).collect();
    let acknowledged = AtomicI64::new(0);
    let mut bounds = Vec::new();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let id = store.db.record_tick(Utc::now(), "recorder", "{}").unwrap();
                acknowledged.store(id, Ordering::SeqCst);
            }
        });
        for copy in &copies {
            let before = acknowledged.load(Ordering::SeqCst);
            let copied = store.db.backup(copy).unwrap();
            // One more row may be committed whose acknowledgement is still on its way.
            let after = acknowledged.load(Ordering::SeqCst) + 1;
            bounds.push((before, copied.rows as i64 - 30_000, after));
        }
        stop.store(true, Ordering::Relaxed);
    });
    for (copy, (before, ticks, after)) in copies.iter().zip(bounds) {
        assert!((before..=after).contains(&ticks), "{before} {ticks} {after}");
        let rows = stored_rows(copy, "ticks");
        assert_eq!(rows.len() as i64, ticks);
        assert!(rows == stored_rows(&store.path, "ticks")[..rows.len()]);
        assert_eq!(faults(copy), Vec::<String>::new());
    }
}

#[test]
fn backups_replace_files_only_on_request() {
    let store = store();
    store.db.record_tick(at(0), "a", "{}").unwrap();
    let copy = store.path.with_file_name("copy.db");
    fs::write(&copy, b"something else").unwrap();
    match store.db.backup(&copy) {
        Err(Error::FileExists { path }) => assert_eq!(path, copy),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(&copy).unwrap(), b"something else");
    assert_eq!(store.db.backup_replacing(&copy).unwrap().rows, 1);
    store.db.record_tick(at(0), "a", "{}").unwrap();
    assert_eq!(store.db.backup_replacing(&copy).unwrap().rows, 2);
    {
        let _reader = Db::open_read_only(&copy).unwrap();
        assert!(matches!(store.db.backup_replacing(&copy), Err(Error::InUse { .. })));
    }
    assert!(matches!(store.db.backup_replacing(&store.path), Err(Error::InUse { .. })));
    assert!(store.db.backup(store.path.with_file_name("no").join("dir.db")).is_err());
    assert_eq!(names_beside(&copy), ["copy.db", "meta.db"]);
    assert_eq!(store.db.record_tick(at(0), "a", "{}").unwrap(), 3);
}

#[test]
fn restore_keeps_the_replaced_store() {
    let store = store();
    Fleet::new(3_000).record(&store.db).unwrap();
    let backup = store.path.with_file_name("backup.db");
    store.db.backup(&backup).unwrap();
    let saved = everything(&backup);
    let fresh = store.path.with_file_name("new").join("dir").join("meta.db");
    assert_eq!(Db::restore(&backup, &fresh).unwrap().rows, 3_000);
    assert!(everything(&fresh) == saved);

    store.db.record_tick(at(0), "later", "{}").unwrap();
    let path = store.path.clone();
    // The store is open: by this process.
    assert!(matches!(Db::restore_replacing(&backup, &path), Err(Error::InUse { .. })));
    drop(store.db);
    let newer = everything(&path);
    assert!(matches!(Db::restore(&backup, &path), Err(Error::FileExists { .. })));
    let copied = Db::restore_replacing(&backup, &path).unwrap();
    let kept = copied.kept.unwrap();
    assert!(everything(&path) == saved && everything(&kept) == newer);
    let name = kept.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("meta.before-restore-") && name.ends_with(".bak"), "{name}");
    assert_eq!(faults(&path), Vec::<String>::new());
    // The same second needs another name.
    let again = Db::restore_replacing(&kept, &path).unwrap().kept.unwrap();
    assert!(again != kept && everything(&path) == newer && everything(&again) == saved);
}

#[test]
fn restore_refuses_non_stores_and_replaces_broken_ones() {
    let store = store();
    store.db.record_tick(at(0), "a", "{}").unwrap();
    let beside = |name: &str| store.path.with_file_name(name);
    let (text, empty, backup) = (beside("text"), beside("empty.db"), beside("backup.db"));
    fs::write(&text, b"something else").unwrap();
    drop(redb::Database::create(&empty).unwrap());
    store.db.backup(&backup).unwrap();
    let broken = beside("broken.db");
    let mut bytes = fs::read(&backup).unwrap();
    bytes[4_096..].fill(0xAA);
    fs::write(&broken, &bytes).unwrap();
    for refused in [&text, &empty] {
        match Db::restore_replacing(refused, &broken) {
            Err(Error::NotAStore { path, .. }) => assert_eq!(&path, refused),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(Db::restore(beside("absent"), &broken), Err(Error::StoreNotFound { .. })));
    assert!(fs::read(&broken).unwrap() == bytes);
    let kept = Db::restore_replacing(&backup, &broken).unwrap().kept.unwrap();
    assert!(fs::read(kept).unwrap() == bytes);
    assert_eq!(value(&Db::open_path(&broken).unwrap(), "SELECT source FROM ticks"), "a");
}

#[test]
fn damaged_stores_are_not_copied() {
    let store = store();
    record_messages(&store.db, 0..1_000);
    store.db.record_tick(at(0), "unmistakable", "{}").unwrap();
    let path = store.path.clone();
    drop(store.db);
    damage(&path, b"unmistakable");
    let copy = path.with_file_name("copy.db");
    match Db::open_read_only(&path).unwrap().backup(&copy) {
        Err(Error::Damaged { path: named, .. }) => assert_eq!(named, path),
        other => panic!("{other:?}"),
    }
    assert!(matches!(Db::restore(&path, &copy), Err(Error::Damaged { .. })));
    assert_eq!(names_beside(&path), ["meta.db"]);
}
