//! Stores that are pushed to lakes in directories, and queried there.

mod answers;
mod compaction;
mod damage;
mod histories;
mod machines;
mod push;

use std::fs;
use std::path::{Path, PathBuf};

use netsky_db::{Db, VIEWS};
use netsky_lake::{Lake, Push};
use netsky_testing::{Row, rows};

/// A directory for stores and lakes.
struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn store(&self, name: &str) -> Db {
        Db::open_path(self.0.path().join(name).join("meta.db")).unwrap()
    }

    fn lake(&self) -> String {
        self.0.path().join("lake").display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The paths of the lake's Parquet files, in order.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.path("lake"), &self.path("lake"), &mut found);
        found.sort();
        found
    }
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

fn push(db: &Db, lake: &str, machine: &str) -> u64 {
    let pushed = Push::new(db, lake, machine).unwrap().run().unwrap();
    pushed.rows.iter().map(|(_, rows)| rows).sum()
}

fn open(lake: &str) -> Db {
    Lake::open(lake).unwrap().db()
}

/// The rows of an answer in an order of their own, without the columns that change with time.
fn sorted(db: &Db, sql: &str) -> Vec<String> {
    let mut found: Vec<String> = rows(db, sql).into_iter().map(settled).collect();
    found.sort();
    found
}

fn settled(mut row: Row) -> String {
    for ages in ["age", "age_ms", "silent_ms", "silent_for"] {
        row.remove(ages);
    }
    serde_json::to_string(&row).unwrap()
}

/// The query of all columns of a view that stores have, too.
fn view(name: &str) -> String {
    let view = VIEWS.iter().find(|view| view.name() == name).unwrap();
    let columns: Vec<&str> = view.columns().iter().map(|column| column.name).collect();
    format!("SELECT {} FROM {name}", columns.join(", "))
}
