//! Stores of netsky-db 0.1.6, written here by the version of redb that it used: they are upgraded
//! once, with every row, and are complete at every instant.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use std::{fs, io};

use netsky_db::{Db, Error, OpenOptions, SCHEMA_VERSION, TABLES};
use netsky_testing::{
    Old, add_old, assert_has_all_rows, count_of, full_row, names_in, old_file, old_row, old_rows,
    old_store, old_table, rows, sparse_row, to_json, value, write_old,
};

#[test]
fn stores_of_0_1_6_keep_rows_and_ids() {
    let old = old_store();
    let db = Db::open_path(&old.path).unwrap();
    assert_eq!(db.upgraded_from(), Some(&*fs::canonicalize(&old.backups()[0]).unwrap()));
    assert_eq!(db.archived(), None);
    assert_eq!(db.schema_version().unwrap(), SCHEMA_VERSION);
    for table in TABLES {
        let name = table.name();
        let answer = rows(&db, &format!("SELECT * FROM {name} ORDER BY id"));
        assert_eq!(answer.len() as i64, count_of(table), "{name}");
        for (row, (id, _)) in answer.into_iter().zip(old_rows(table)) {
            let mut expected =
                if id % 2 == 0 { sparse_row(table, id) } else { full_row(table, id) };
            expected.insert("id".to_owned(), id.into());
            assert_eq!(row, expected);
        }
        // Answered from the zones, which are built when the store is opened.
        assert_eq!(value(&db, &format!("SELECT count(*) FROM {name}")), count_of(table));
    }
    old.assert_upgraded();
    for table in TABLES {
        let id = db.record_json(table.name(), &to_json(&full_row(table, 1))).unwrap();
        assert_eq!(id, count_of(table) + 1, "{}", table.name());
    }
}

#[test]
fn the_kept_file_still_works_in_0_1_6() {
    let old = old_store();
    drop(Db::open_path(&old.path).unwrap());
    let backup = &old.backups()[0];
    let mut db = redb2::Database::open(backup).unwrap();
    let txn = db.begin_read().unwrap();
    for table in TABLES {
        let stored = txn.open_table(old_table(table.name())).unwrap();
        let stored: Vec<(i64, String)> = redb2::ReadableTable::iter(&stored)
            .unwrap()
            .map(|row| row.unwrap())
            .map(|(id, row)| (id.value(), String::from_utf8(row.value().to_vec()).unwrap()))
            .collect();
        assert!(stored == old_rows(table), "{}", table.name());
    }
    drop(txn);
    assert!(db.check_integrity().unwrap());
    let ticks = TABLES.iter().find(|table| table.name() == "ticks").unwrap();
    add_old(&db, ticks, &[(6, old_row(ticks, 6))]);
    drop(db);
    // The store does not have it: the two are different files now.
    assert_has_all_rows(&old.path);
}

#[cfg(unix)]
#[test]
fn the_upgraded_store_and_the_backup_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let old = old_store();
    fs::set_permissions(&old.path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(Db::open_path(&old.path).unwrap());
    for path in [&old.path, &old.backups()[0]] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_to_an_old_store_stays_one() {
    let old = old_store();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(&old.path, &link).unwrap();
    drop(Db::open_path(&link).unwrap());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(names_in(elsewhere.path()), ["link.db"]);
    old.assert_upgraded();
}

#[test]
fn read_only_opening_does_not_upgrade() {
    let old = old_store();
    let error = Db::open_read_only(&old.path).unwrap_err();
    assert!(matches!(&error, Error::UpgradeRequired { path } if *path == old.path), "{error:?}");
    assert!(error.to_string().contains("`netsky migrate`"), "{error}");
    old.assert_untouched();
}

#[test]
fn upgraded_stores_are_not_upgraded_again() {
    let old = old_store();
    drop(Db::open_path(&old.path).unwrap());
    for _ in 0..2 {
        assert_eq!(Db::open_path(&old.path).unwrap().upgraded_from(), None);
    }
    old.assert_upgraded();
    assert_eq!(Db::open_path(old.dir.path().join("new.db")).unwrap().upgraded_from(), None);
}

#[test]
fn the_next_open_finishes_interrupted_upgrades() {
    type State = fn(&Old);
    let states: [(&str, State); 7] = [
        ("while the copy was written", |old| {
            fs::write(old.dir.path().join("meta.redb-v3.tmp"), &old.bytes[..70_000]).unwrap();
        }),
        ("before the copy was upgraded", |old| {
            fs::copy(&old.path, old.dir.path().join("meta.redb-v3.tmp")).unwrap();
        }),
        ("while the copy was upgraded", |old| {
            let copy = old.dir.path().join("meta.redb-v3.tmp");
            let mut bytes = old.bytes.clone();
            bytes[9] |= 2; // redb's flag for a file that was not closed
            bytes[192..320].fill(0xAA);
            fs::write(copy, bytes).unwrap();
        }),
        ("when the copy was upgraded", |old| {
            let copy = old.dir.path().join("meta.redb-v3.tmp");
            fs::copy(&old.path, &copy).unwrap();
            assert!(redb2::Database::open(copy).unwrap().upgrade().unwrap());
        }),
        ("when the old file had its second name", |old| {
            fs::hard_link(&old.path, old.dir.path().join("meta.redb-v2-20260101000000.bak"))
                .unwrap();
            fs::copy(&old.path, old.dir.path().join("meta.redb-v3.tmp")).unwrap();
        }),
        ("when a backup had been copied, without links", |old| {
            fs::copy(&old.path, old.dir.path().join("meta.redb-v2-20260101000000.bak")).unwrap();
        }),
        ("when all was done but to say so", |old| drop(Db::open_path(&old.path).unwrap())),
    ];
    for (when, leave) in states {
        println!("interrupted {when}");
        let old = old_store();
        leave(&old);
        let there = old.backups();
        drop(Db::open_path(&old.path).unwrap());
        old.assert_upgraded();
        assert!(there.is_empty() || there == old.backups());
    }
}

#[test]
fn backups_with_other_content_are_not_reused() {
    let old = old_store();
    let backup = |day| old.dir.path().join(format!("meta.redb-v2-2026010{day}000000.bak"));
    let mut bytes = old.bytes.clone();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(backup(1), &bytes).unwrap();
    fs::write(backup(2), &bytes[1..]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&old.path, backup(3)).unwrap();
    let db = Db::open_path(&old.path).unwrap();
    let made = db.upgraded_from().unwrap();
    assert!(fs::symlink_metadata(made).unwrap().is_file());
    assert!(fs::read(made).unwrap() == old.bytes);
    assert!(fs::read(backup(1)).unwrap() == bytes);
    assert!(made != backup(1) && made != backup(2));
}

#[test]
fn concurrent_opens_upgrade_once() {
    let old = old_store();
    let upgrades: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| Db::open_path(&old.path).unwrap().upgraded_from().is_some()))
            .collect();
        threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
    });
    assert_eq!(upgrades, 1);
    old.assert_upgraded();
}

#[test]
fn stores_open_in_0_1_6_are_reported_locked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    let in_use = write_old(&path);
    match Db::open_path(&path) {
        Err(Error::Locked { reason, .. }) => assert!(reason.contains("0.1.6"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(names_in(dir.path()), ["meta.db"]);
    drop(in_use);
    assert!(Db::open_path(&path).unwrap().upgraded_from().is_some());
    assert_has_all_rows(&path);
}

#[cfg(unix)]
#[test]
fn upgrades_time_out_waiting_for_a_lock() {
    let old = old_store();
    let holder = fs::File::open(old.dir.path()).unwrap();
    holder.lock().unwrap();
    match OpenOptions::new().busy_timeout(Duration::ZERO).open(&old.path) {
        Err(Error::Locked { .. }) => {}
        other => panic!("{other:?}"),
    }
    old.assert_untouched();
    drop(holder);
    drop(Db::open_path(&old.path).unwrap());
    old.assert_upgraded();
}

#[test]
fn old_stores_of_killed_writers_are_upgraded() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let _in_use = write_old(file.path());
    // A copy made while the writer has the file open, as a kill would leave it.
    let old = old_file(fs::read(file.path()).unwrap());
    drop(Db::open_path(&old.path).unwrap());
    old.assert_upgraded();
}

/// Returns an old file with one table of numbers.
fn old_file_with(table: &str, key: &str, value: i64) -> Old {
    let file = tempfile::NamedTempFile::new().unwrap();
    let db = redb2::Database::create(file.path()).unwrap();
    let txn = db.begin_write().unwrap();
    let definition = redb2::TableDefinition::<&str, i64>::new(table);
    txn.open_table(definition).unwrap().insert(key, value).unwrap();
    txn.commit().unwrap();
    drop(db);
    old_file(fs::read(file.path()).unwrap())
}

#[test]
fn foreign_or_newer_old_files_are_refused() {
    let theirs = old_file_with("theirs", "a", 1);
    match Db::open_path(&theirs.path) {
        Err(Error::NotAStore { path, reason }) => {
            assert!(reason.contains("theirs") && path == fs::canonicalize(&theirs.path).unwrap());
        }
        other => panic!("{other:?}"),
    }
    theirs.assert_untouched();

    let newer = old_file_with("meta", "schema_version", 3);
    match Db::open_path(&newer.path) {
        Err(Error::FutureSchemaVersion { found: 3, .. }) => {}
        other => panic!("{other:?}"),
    }
    newer.assert_untouched();
}

#[test]
fn damaged_old_files_are_refused_unchanged() {
    let whole = old_store();
    let length = whole.bytes.len();
    let mut damaged: Vec<Vec<u8>> = [65, 192, 319, 320, 4_096, length / 2, length - 1]
        .map(|cut| whole.bytes[..cut].to_vec())
        .into();
    for span in [12..32, 4_096..length, length / 2..length] {
        let mut garbled = whole.bytes.clone();
        garbled[span].fill(0xAA);
        damaged.push(garbled);
    }
    for bytes in damaged {
        fs::write(&whole.path, &bytes).unwrap();
        match Db::open_path(&whole.path) {
            Err(Error::NotAStore { reason, .. }) => assert!(!reason.is_empty()),
            other => panic!("{} bytes: {other:?}", bytes.len()),
        }
        assert!(fs::read(&whole.path).unwrap() == bytes, "{} bytes were changed", bytes.len());
        assert_eq!(names_in(whole.dir.path()), ["meta.db"]);
    }
}

#[test]
fn changed_bytes_in_old_rows_are_detected() {
    let old = old_store();
    let row = old_row(TABLES[0], 1_001);
    let mut bytes = old.bytes.clone();
    let at = bytes.windows(row.len()).position(|window| window == row.as_bytes()).unwrap();
    bytes[at + row.len() / 2] ^= 1;
    fs::write(&old.path, &bytes).unwrap();
    assert!(matches!(Db::open_path(&old.path), Err(Error::NotAStore { .. })));
    assert!(fs::read(&old.path).unwrap() == bytes);
}

/// An in-memory file that allows a limited number of writes.
#[derive(Debug, Clone)]
struct CutOff {
    file: Arc<Mutex<Vec<u8>>>,
    writes_left: Arc<AtomicI64>,
}

impl CutOff {
    fn file(&self) -> MutexGuard<'_, Vec<u8>> {
        self.file.lock().unwrap()
    }

    fn file_to_write(&self) -> io::Result<MutexGuard<'_, Vec<u8>>> {
        match self.writes_left.fetch_sub(1, Ordering::Relaxed) {
            1.. => Ok(self.file()),
            _ => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

impl redb2::StorageBackend for CutOff {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file().len() as u64)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        Ok(self.file()[offset as usize..][..len].to_vec())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file_to_write().map(|mut file| file.resize(len as usize, 0))
    }

    fn sync_data(&self, _eventual: bool) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut file = self.file_to_write()?;
        file[offset as usize..][..data.len()].copy_from_slice(data);
        Ok(())
    }
}

/// A program may have upgraded a store in place with redb's own call, and have been interrupted.
#[test]
fn half_upgraded_files_keep_all_rows() {
    let mut formats = Vec::new();
    for writes in 0.. {
        let cut_off = CutOff {
            file: Arc::new(Mutex::new(old_store().bytes)),
            writes_left: Arc::new(AtomicI64::new(writes)),
        };
        let _interrupted = redb2::Builder::new()
            .create_with_backend(cut_off.clone())
            .map(|mut db| db.upgrade().is_ok());
        let old = old_file(cut_off.file().clone());
        let format = [old.bytes[64], old.bytes[192]];
        let refused = matches!(Db::open_read_only(&old.path), Err(Error::UpgradeRequired { .. }));
        assert_eq!(refused, format.contains(&2));
        drop(Db::open_path(&old.path).unwrap());
        assert_has_all_rows(&old.path);
        if format == [3, 3] {
            break;
        }
        formats.push(format);
    }
    assert!(
        formats.contains(&[2, 2]) && formats.iter().any(|[one, two]| one != two),
        "{formats:?}"
    );
}
