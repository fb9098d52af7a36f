//! Real schedulers and executors, each a process, that query lakes in directories.

mod answers;
mod cancellation;
mod command_line;
mod faults;
mod processes;
mod random_queries;
mod refusals;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta};
use flate2::read::GzDecoder;
use netsky_db::{Db, TABLES, TickRecord};
use netsky_lake::{Lake, Push};
use netsky_testing::{Row, first_file, rows};

/// A directory for stores and a lake.
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

    /// A file of the ticks.
    fn file(&self) -> PathBuf {
        first_file(&self.0.path().join("lake").join("ticks"))
    }

    /// Queries of the lake in this process.
    fn local(&self) -> Db {
        Lake::open(&self.lake()).unwrap().db()
    }
}

fn push(db: &Db, lake: &str, machine: &str) {
    Push::new(db, lake, machine).unwrap().run().unwrap();
}

/// A lake of one machine with ticks of four days.
fn lake_with_ticks(ticks: i64) -> Directory {
    let directory = Directory::new();
    let store = directory.store("a");
    let sources = ["cron", "watchdog", "agent"];
    let details: Vec<String> = (0..ticks).map(|i| format!("{{\"n\":{i}}}")).collect();
    let tick = |i: i64| TickRecord {
        ts_utc: DateTime::UNIX_EPOCH + TimeDelta::seconds(i * 86_400 * 4 / ticks),
        source: sources[i as usize % sources.len()],
        detail_json: &details[i as usize],
    };
    store.record_all((0..ticks).map(tick)).unwrap();
    push(&store, &directory.lake(), "m");
    directory
}

/// Imports what there is of the history of a fleet.
fn import(db: &Db, from: &Path) {
    for table in TABLES {
        let file = from.join(format!("{}.ndjson.gz", table.name()));
        if let Ok(file) = File::open(file) {
            db.import(table.name(), BufReader::new(GzDecoder::new(file))).unwrap();
        }
    }
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
