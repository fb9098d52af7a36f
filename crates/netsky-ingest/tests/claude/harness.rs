//! Reads transcripts into a store, and rows out of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use netsky_db::Db;
use netsky_ingest::prices::Prices;
use netsky_ingest::{
    Batch, Chunk, ClaudeReader, Committed, Committer, FileEnd, Line, LineReader, Output,
    ReadOptions, SkippedLine,
};
use serde_json::Value;
use tempfile::TempDir;

pub const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/agents");

/// A store in a directory of its own.
pub struct Store {
    pub committer: Committer,
    pub skipped: BTreeMap<String, u64>,
    pub lines: u64,
    _dir: TempDir,
}

impl Store {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_path(dir.path().join("store.db")).unwrap();
        let prices = Arc::new(Prices::load(None).unwrap());
        let committer = Committer::new(db, prices);
        Self { committer, skipped: BTreeMap::new(), lines: 0, _dir: dir }
    }

    /// Reads a whole file.
    pub fn read(&mut self, path: &Path, options: &ReadOptions) -> Committed {
        let bytes = std::fs::read(path).unwrap();
        let mut reader = ClaudeReader::new(path, None, options);
        let mut out = Output::default();
        for (offset, line) in lines(&bytes) {
            self.lines += 1;
            if let Err(reason) = reader.read(Line { bytes: line, offset }, &mut out) {
                assert_eq!(reason, SkippedLine::NotJson);
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                *self.skipped.entry(name).or_default() += 1;
            }
        }
        reader.end(FileEnd { now: now(), is_final: false }, &mut out);
        assert_eq!(reader.unfinished(), None, "{}", path.display());
        assert_eq!(out.unknown, BTreeMap::new(), "{}", path.display());
        self.commit(out)
    }

    pub fn commit(&self, mut out: Output) -> Committed {
        let sessions = out.take_sessions();
        let chunk = Chunk { sightings: out.sightings, sessions, progress: None };
        self.committer.commit(Batch { chunks: vec![chunk] }, now()).unwrap()
    }

    /// Returns the rows of a table, without their ids.
    pub fn rows(&self, table: &str) -> Vec<Value> {
        let db = self.committer.db();
        let table = db.tables().iter().find(|known| known.name() == table).unwrap();
        let mut rows = Vec::new();
        db.visit_rows(table, |_, json| {
            let mut row: Value = serde_json::from_slice(json).unwrap();
            row.as_object_mut().unwrap().remove("id");
            rows.push(row);
        })
        .unwrap();
        rows
    }

    /// Returns the number of rows of each table that has some.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let tables = self.committer.db().tables().iter();
        let counts =
            tables.map(|table| (table.name().to_owned(), self.rows(table.name()).len() as u64));
        counts.filter(|(_, rows)| *rows > 0).collect()
    }

    /// Returns all rows in an order that does not depend on when they were stored.
    pub fn contents(&self) -> BTreeMap<String, Vec<String>> {
        let tables = self.committer.db().tables().iter();
        let contents = tables.map(|table| {
            let mut rows: Vec<_> = self.rows(table.name()).iter().map(Value::to_string).collect();
            rows.sort_unstable();
            (table.name().to_owned(), rows)
        });
        contents.collect()
    }
}

/// The time of all tests: long after all records.
pub fn now() -> DateTime<Utc> {
    "2026-12-31T00:00:00Z".parse().unwrap()
}

/// Returns the lines of a file that are not blank, and where they begin.
pub fn lines(bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut offset = 0;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let start = offset;
        offset += line.len() as u64;
        (start, line.trim_ascii())
    });
    lines.filter(|(_, line)| !line.is_empty()).collect()
}

/// Returns the transcripts below a directory, in the order of their paths.
pub fn transcripts(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Unpacks the 40 transcripts. `None`, with a line that says so, if they or `tar` are absent.
pub fn unpacked() -> Option<TempDir> {
    let archive = Path::new(DATA).join("transcripts.tar.xz");
    let dir = tempfile::tempdir().unwrap();
    let tar = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(dir.path()).output();
    if !archive.exists() || !tar.is_ok_and(|tar| tar.status.success()) {
        println!("skipped: no {} or no tar that unpacks it", archive.display());
        return None;
    }
    Some(dir)
}

/// Returns a file of the data. `None`, with a line that says so, if it is absent.
pub fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(DATA).join(name);
    if !path.exists() {
        println!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Returns the details of a row.
pub fn detail(row: &Value, column: &str) -> Value {
    serde_json::from_str(row[column].as_str().unwrap()).unwrap()
}
