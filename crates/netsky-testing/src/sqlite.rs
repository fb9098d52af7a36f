//! SQLite files of netsky versions that did not use redb yet.

use std::fs;
use std::path::{Path, PathBuf};

use netsky_db::Db;

use crate::answers::value;
use crate::directory::names_in;

/// The part of a SQLite file of netsky that identifies it: the first bytes and the schema.
pub const OLD_SQLITE: &[u8] = b"SQLite format 3\0 CREATE TABLE messages (id INTEGER) \
    CREATE TABLE ticks (id INTEGER) CREATE TABLE crashes (id INTEGER)";

/// Creates `meta.db`, a SQLite database whose last row is only in its journal, as a killed program
/// leaves it.
pub fn sqlite_with_journal(dir: &Path, tables: &[&str]) -> PathBuf {
    let (live, path) = (dir.join("live.db"), dir.join("meta.db"));
    let sqlite = rusqlite::Connection::open(&live).unwrap();
    sqlite.pragma_update(None, "journal_mode", "wal").unwrap();
    for table in tables {
        let sql = format!("CREATE TABLE {table} (id INTEGER PRIMARY KEY, source TEXT)");
        sqlite.execute_batch(&sql).unwrap();
    }
    sqlite.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    sqlite.execute(&format!("INSERT INTO {} VALUES (1, 'kept')", tables[0]), []).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        fs::copy(format!("{}{suffix}", live.display()), format!("{}{suffix}", path.display()))
            .unwrap();
    }
    drop(sqlite);
    fs::remove_file(live).unwrap();
    path
}

fn sources_in(sqlite: &Path, table: &str) -> Vec<String> {
    let sqlite = rusqlite::Connection::open(sqlite).unwrap();
    let mut rows = sqlite.prepare(&format!("SELECT source FROM {table}")).unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Tables by which a SQLite file is recognized as netsky's.
pub const OWN_TABLES: [&str; 3] = ["ticks", "messages", "crashes"];

/// Checks that `meta.db` is an empty store and that the archive beside it is complete.
pub fn assert_archived(dir: &Path) {
    let db = Db::open_path(dir.join("meta.db")).unwrap();
    assert_eq!(value(&db, "SELECT count(*) FROM ticks"), 0);
    drop(db);
    let names = names_in(dir);
    let archives: Vec<&String> = names.iter().filter(|name| name.ends_with(".bak")).collect();
    assert_eq!(archives.len(), 1, "{names:?}");
    let journals = names.iter().filter(|name| name.ends_with("-wal") || name.ends_with("-shm"));
    assert!(journals.clone().all(|name| name.starts_with(archives[0])), "{names:?}");
    assert_eq!(journals.count(), 2, "{names:?}");
    assert_eq!(sources_in(&dir.join(archives[0]), "ticks"), ["kept"]);
}
