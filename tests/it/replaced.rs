//! A store whose file is deleted or replaced while a program has it open: rows acknowledged from
//! then on are in the file that the path leads to.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use netsky_db::{Db, Error, SCHEMA_VERSION, TABLES};
use netsky_testing::{TestStore, open_past_the_crate, store, stored_rows, value};

const TICK: &str = r#"{"ts_utc":"2026-04-15T23:00:00Z","source":"a","detail_json":"{}"}"#;

fn record(db: &Db) -> i64 {
    db.record_json("ticks", TICK).unwrap()
}

/// Creates a closed store with this many ticks beside the other one.
fn closed_store_beside(store: &TestStore, ticks: i64) -> std::path::PathBuf {
    let path = store.path.with_file_name("other.db");
    let other = Db::open_path(&path).unwrap();
    (0..ticks).for_each(|_| assert!(record(&other) > 0));
    path
}

fn ticks_at(path: &Path) -> usize {
    stored_rows(path, "ticks").len()
}

#[test]
fn deleted_stores_are_created_again() {
    let store = store();
    assert_eq!(record(&store.db), 1);
    let reader = Db::open_read_only(&store.path).unwrap();
    fs::remove_file(&store.path).unwrap();
    match reader.query("SELECT 1 FROM ticks") {
        Err(Error::StoreNotFound { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(record(&store.db), 1);
    assert_eq!(ticks_at(&store.path), 1);
    assert_eq!(value(&reader, "SELECT count(*) FROM ticks"), 1);
    assert_eq!(store.db.schema_version().unwrap(), SCHEMA_VERSION);
    for table in TABLES {
        stored_rows(&store.path, table.name());
    }
    let dir = store.path.parent().unwrap();
    fs::remove_dir_all(dir).unwrap();
    assert_eq!(record(&store.db), 1);
    assert_eq!(ticks_at(&store.path), 1);
}

#[test]
fn rows_go_to_a_store_renamed_over() {
    let store = store();
    let reader = Db::open_read_only(&store.path).unwrap();
    assert_eq!(record(&store.db), 1);
    fs::rename(closed_store_beside(&store, 7), &store.path).unwrap();
    assert_eq!(value(&reader, "SELECT count(*) FROM ticks"), 7);
    assert_eq!(value(&store.db, "SELECT count(*) FROM ticks"), 7);
    assert_eq!(record(&store.db), 8);
    assert_eq!(ticks_at(&store.path), 8);
}

#[test]
fn waiting_writes_go_to_the_new_file() {
    let store = store();
    let other = closed_store_beside(&store, 4);
    let holder = open_past_the_crate(&store.path);
    let txn = holder.begin_write().unwrap();
    let id = thread::scope(|scope| {
        let waiting = scope.spawn(|| record(&store.db));
        // By now it most likely waits for the lock. If not, its rows must go to the new file all
        // the same.
        thread::sleep(Duration::from_millis(200));
        fs::rename(other, &store.path).unwrap();
        txn.abort().unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(id, 5);
    assert_eq!(ticks_at(&store.path), 5);
}

#[test]
fn a_non_store_in_its_place_is_refused() {
    let store = store();
    fs::remove_file(&store.path).unwrap();
    fs::write(&store.path, "something else").unwrap();
    match store.db.record_json("ticks", TICK) {
        Err(Error::NotAStore { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(&store.path).unwrap(), b"something else");
}

/// Set for the child process that changes its directory.
const CHILD: &str = "NETSKY_TEST_CHANGES_DIRECTORY";

/// Not a test itself: a process has one working directory for all threads, so this needs its own.
#[test]
fn child_that_changes_its_directory() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let db = Db::open_path("meta.db").unwrap();
    env::set_current_dir("elsewhere").unwrap();
    assert_eq!(record(&db), 1);
    assert_eq!(value(&db, "SELECT count(*) FROM ticks"), 1);
}

#[test]
fn a_relative_path_outlives_a_change_of_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("elsewhere")).unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "replaced::child_that_changes_its_directory"])
        .env(CHILD, "1")
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert_eq!(ticks_at(&path("meta.db")), 1);
    assert!(!path("elsewhere/meta.db").exists());
}
