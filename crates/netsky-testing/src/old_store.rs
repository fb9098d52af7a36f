//! Stores of netsky-db 0.1.6, written by the version of redb that it used.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use netsky_db::{TABLES, Table};
use tempfile::TempDir;

use crate::directory::names_in;
use crate::file::stored_rows;
use crate::rows::{full_row, sparse_row};

const META: redb2::TableDefinition<'_, &str, i64> = redb2::TableDefinition::new("meta");
const IDS: redb2::TableDefinition<'_, &str, i64> = redb2::TableDefinition::new("ids");

/// Returns the definition of a table of rows.
pub fn old_table(name: &str) -> redb2::TableDefinition<'_, i64, &'static [u8]> {
    redb2::TableDefinition::new(name)
}

/// Returns a row as netsky-db 0.1.6 stores it: the id, then the columns in order, no white space.
pub fn old_row(table: &Table, id: i64) -> String {
    let row = if id % 2 == 0 { sparse_row(table, id) } else { full_row(table, id) };
    let mut json = format!("{{\"id\":{id}");
    for column in table.columns() {
        write!(json, ",\"{}\":{}", column.name, row[column.name]).unwrap();
    }
    json + "}"
}

/// Returns the number of rows in a table of [`write_old`]: none, a few, or more than fit into one
/// block.
pub fn count_of(table: &Table) -> i64 {
    match table.name() {
        "messages" => 2_500,
        "mcp_tool_calls" => 1_024,
        "crashes" | "workspaces" => 0,
        name => name.len() as i64,
    }
}

/// Returns the rows of a table of [`write_old`], with their ids.
pub fn old_rows(table: &Table) -> Vec<(i64, String)> {
    (1..=count_of(table)).map(|id| (id, old_row(table, id))).collect()
}

/// Writes a store as netsky-db 0.1.6 does, and returns it open.
pub fn write_old(path: &Path) -> redb2::Database {
    let db = redb2::Database::create(path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(META).unwrap().insert("schema_version", 2).unwrap();
    for table in TABLES {
        txn.open_table(old_table(table.name())).unwrap();
    }
    txn.open_table(IDS).unwrap();
    txn.commit().unwrap();
    for table in TABLES.iter().filter(|table| count_of(table) > 0) {
        add_old(&db, table, &old_rows(table));
    }
    db
}

/// Adds rows as netsky-db 0.1.6 does.
pub fn add_old(db: &redb2::Database, table: &Table, added: &[(i64, String)]) {
    let txn = db.begin_write().unwrap();
    let mut stored = txn.open_table(old_table(table.name())).unwrap();
    for (id, row) in added {
        stored.insert(id, row.as_bytes()).unwrap();
    }
    txn.open_table(IDS).unwrap().insert(table.name(), added.last().unwrap().0).unwrap();
    drop(stored);
    txn.commit().unwrap();
}

/// A store of netsky-db 0.1.6 in a directory of its own.
#[derive(Debug)]
pub struct Old {
    pub path: PathBuf,
    /// The content of the file.
    pub bytes: Vec<u8>,
    pub dir: TempDir,
}

/// Returns a closed store as [`write_old`] writes it.
pub fn old_store() -> Old {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let file = tempfile::NamedTempFile::new().unwrap();
        drop(write_old(file.path()));
        fs::read(file.path()).unwrap()
    });
    old_file(BYTES.clone())
}

/// Creates a file with these bytes.
pub fn old_file(bytes: Vec<u8>) -> Old {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    fs::write(&path, &bytes).unwrap();
    Old { path, bytes, dir }
}

impl Old {
    /// Returns the paths of the old files that upgrades kept.
    pub fn backups(&self) -> Vec<PathBuf> {
        let names = names_in(self.dir.path()).into_iter();
        let backups = names.filter(|name| name.starts_with("meta.redb-v2-"));
        backups.map(|name| self.dir.path().join(name)).collect()
    }

    /// Checks that the store is upgraded and has every row, and that the old file and nothing else is
    /// beside it.
    pub fn assert_upgraded(&self) {
        assert_has_all_rows(&self.path);
        let backups = self.backups();
        assert_eq!(backups.len(), 1, "{backups:?}");
        assert!(backups[0].extension().is_some_and(|extension| extension == "bak"));
        assert!(fs::read(&backups[0]).unwrap() == self.bytes);
        assert_eq!(names_in(self.dir.path()).len(), 2, "{:?}", names_in(self.dir.path()));
    }

    /// Checks that the file is unchanged and that nothing is beside it.
    pub fn assert_untouched(&self) {
        assert!(fs::read(&self.path).unwrap() == self.bytes);
        assert_eq!(names_in(self.dir.path()), ["meta.db"]);
    }
}

/// Checks that a store of this version has every row of [`write_old`].
pub fn assert_has_all_rows(path: &Path) {
    for table in TABLES {
        assert!(stored_rows(path, table.name()) == old_rows(table), "{}", table.name());
    }
}
