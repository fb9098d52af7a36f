//! A store, and what is in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use netsky_db::{Db, TABLES};
use netsky_ingest::prices::Prices;
use netsky_ingest::{
    Batch, Chunk, ClaudeReader, CodexReader, Committed, Committer, FileEnd, Line, LineReader,
    Output, ReadOptions, SkippedLine,
};
use serde_json::Value;

/// The rows of each table, without their ids, in an order that does not depend on when they were stored.
pub type Rows = BTreeMap<&'static str, Vec<Value>>;

/// A store in a directory of its own.
pub struct Store {
    pub committer: Committer,
    _dir: tempfile::TempDir,
}

impl Store {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_path(dir.path().join("netsky.redb")).unwrap();
        Self { committer: Committer::new(db, Arc::new(Prices::load(None).unwrap())), _dir: dir }
    }

    /// Stores what the reader of a file has handed out.
    fn commit(&self, mut output: Output, created_ns: i64, now: DateTime<Utc>) -> Committed {
        let mut sessions = output.take_sessions();
        for update in &mut sessions {
            update.created_ns = update.transcript.is_some().then_some(created_ns);
        }
        let chunk = Chunk { sightings: output.sightings, sessions, progress: None };
        self.committer.commit(Batch { chunks: vec![chunk] }, now).unwrap()
    }

    pub fn rows(&self) -> Rows {
        rows(self.committer.db())
    }
}

/// Returns what is in a store.
pub fn rows(db: &Db) -> Rows {
    let mut tables = Rows::new();
    for table in TABLES {
        let mut rows = Vec::new();
        db.visit_rows(table, |_, json| {
            let mut row: Value = serde_json::from_slice(json).unwrap();
            row.as_object_mut().unwrap().remove("id");
            rows.push(row);
        })
        .unwrap();
        rows.sort_by_key(Value::to_string);
        if !rows.is_empty() {
            tables.insert(table.name(), rows);
        }
    }
    tables
}

/// A file that is read in parts, with a new reader after each, as files are.
pub struct Reading {
    pub path: PathBuf,
    pub options: ReadOptions,
    pub now: DateTime<Utc>,
    /// When the file was created; only the order counts.
    created_ns: i64,
    context: Option<Value>,
    /// The lines so far, and the place of the first one that belongs to something unfinished.
    lines: Vec<Vec<u8>>,
    unfinished: usize,
}

impl Reading {
    pub fn new(path: impl AsRef<Path>, now: DateTime<Utc>) -> Self {
        let options = ReadOptions { host: "box".to_owned(), ..ReadOptions::default() };
        let path = path.as_ref().to_owned();
        static CREATED: AtomicI64 = AtomicI64::new(0);
        let created_ns = CREATED.fetch_add(1, Ordering::Relaxed);
        Self { path, options, now, created_ns, context: None, lines: Vec::new(), unfinished: 0 }
    }

    /// Reads lines that were added and stores what they tell. Returns what was counted.
    pub fn read(&mut self, lines: &[impl AsRef<[u8]>], store: &Store) -> Output {
        self.read_to(lines, false, store)
    }

    pub fn read_to(&mut self, lines: &[impl AsRef<[u8]>], is_final: bool, store: &Store) -> Output {
        let mut told = Output::default();
        let mut output = self.output(lines, is_final);
        std::mem::swap(&mut told.unknown, &mut output.unknown);
        store.commit(output, self.created_ns, self.now);
        told
    }

    /// Reads lines that were added.
    pub fn output(&mut self, lines: &[impl AsRef<[u8]>], is_final: bool) -> Output {
        self.lines.extend(lines.iter().map(|line| line.as_ref().to_owned()));
        let is_claude = self.path.to_string_lossy().contains("claude/projects");
        let mut reader: Box<dyn LineReader> = if !is_claude {
            Box::new(CodexReader::new(&self.path, self.context.as_ref(), &self.options))
        } else {
            Box::new(ClaudeReader::new(&self.path, self.context.as_ref(), &self.options))
        };
        let mut output = Output::default();
        let mut starts = vec![0];
        for (place, line) in self.lines.iter().enumerate() {
            let offset = starts[place];
            starts.push(offset + line.len() as u64 + 1);
            // A file's blank lines are not passed on.
            if place >= self.unfinished && !line.iter().all(|byte| *byte == 0) {
                let read: Result<(), SkippedLine> =
                    reader.read(Line { bytes: line, offset }, &mut output);
                let _ = read;
            }
        }
        reader.end(FileEnd { now: self.now, is_final }, &mut output);
        let unfinished = reader.unfinished().unwrap_or(u64::MAX);
        self.unfinished = starts.partition_point(|start| *start < unfinished).min(self.lines.len());
        // As it is stored.
        let context = serde_json::to_vec(&reader.context()).unwrap();
        self.context = Some(serde_json::from_slice(&context).unwrap());
        output
    }
}

/// Returns the rows of a file that is read at once.
pub fn rows_of(path: &str, lines: &[impl AsRef<[u8]>], now: DateTime<Utc>) -> Rows {
    let store = Store::new();
    Reading::new(path, now).read(lines, &store);
    store.rows()
}

/// Returns the values of a column.
pub fn column<'a>(rows: &'a Rows, table: &str, column: &str) -> Vec<&'a Value> {
    rows.get(table).into_iter().flatten().map(|row| &row[column]).collect()
}

/// Returns the sum of a column.
pub fn sum(rows: &Rows, table: &str, name: &str) -> i64 {
    column(rows, table, name).iter().filter_map(|value| value.as_i64()).sum()
}

/// Returns the JSON in a column of a row.
pub fn json(row: &Value, column: &str) -> Value {
    serde_json::from_str(row[column].as_str().unwrap()).unwrap()
}

pub fn utc(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}
