//! OpenTelemetry becomes rows.

mod broken;
mod captures;
mod claude;
mod codex;
mod genai;
mod transcripts;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use netsky_db::{Db, TABLES, Table};
use netsky_ingest::otlp::{Encoding, FoundSession, Lookup, Mapped, Request, Signal, decode, map};
use netsky_ingest::prices::Prices;
use netsky_ingest::{Batch, Committed, Committer, ReadOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A store that requests are recorded in.
struct Store {
    committer: Committer,
    lookup: Lookup,
    _dir: TempDir,
}

impl Store {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_path(dir.path().join("store.db")).unwrap();
        let prices = Arc::new(Prices::load(None).unwrap());
        let options = ReadOptions { host: "anvil".to_owned(), ..Default::default() };
        let lookup = Lookup::new(Some(db.clone()), shop, options);
        Self { committer: Committer::new(db, prices), lookup, _dir: dir }
    }

    /// Records requests, each in a transaction of its own.
    fn record<'a>(&self, requests: impl IntoIterator<Item = &'a Request>) -> Committed {
        let mut all = Committed::default();
        for request in requests {
            let Mapped { chunk, .. } = map(request, &self.lookup);
            all.add(self.committer.commit(Batch { chunks: vec![chunk] }, now()).unwrap());
        }
        all
    }

    /// The rows of a table, with their details read.
    fn rows(&self, table: &str) -> Vec<Value> {
        let table: &'static Table = TABLES.iter().find(|known| known.name() == table).unwrap();
        let mut rows = Vec::new();
        let visit = |_, json: &[u8]| {
            let mut row: Value = serde_json::from_slice(json).unwrap();
            for column in ["detail_json", "request_json", "raw_json"] {
                if let Some(text) = row[column].as_str() {
                    row["detail"] = serde_json::from_str(text).unwrap();
                }
            }
            rows.push(row);
        };
        self.committer.db().visit_rows(table, visit).unwrap();
        rows
    }

    /// All rows of all tables, without their ids.
    fn all_rows(&self) -> Vec<String> {
        let mut all = Vec::new();
        for table in TABLES {
            for mut row in self.rows(table.name()) {
                row["id"] = Value::Null;
                all.push(format!("{} {row}", table.name()));
            }
        }
        all.sort();
        all
    }
}

/// Every session works in the same directory.
fn shop(_: &str, _: &str) -> Option<FoundSession> {
    Some(FoundSession { agent: Some("shop".to_owned()), cwd: Some("/home/dev/shop".to_owned()) })
}

fn now() -> DateTime<Utc> {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/agents/fixtures")
}

/// The requests of a capture, in order. `None`, after saying so, if there are no captures.
fn capture(name: &str) -> Option<Vec<Request>> {
    let dir = fixtures().join("otlp").join(name);
    if !dir.exists() {
        let line = format!("skipped: there is no {}\n", dir.display());
        let _ = std::io::stderr().write_all(line.as_bytes());
        return None;
    }
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    Some(paths.iter().map(|path| request(path)).collect())
}

fn request(path: &Path) -> Request {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let signal = match name.rsplit('-').next().unwrap() {
        "logs" => Signal::Logs,
        "metrics" => Signal::Metrics,
        _ => Signal::Traces,
    };
    let encoding = match path.extension().unwrap().to_str().unwrap() {
        "pb" => Encoding::Protobuf,
        _ => Encoding::Json,
    };
    decode(signal, encoding, &std::fs::read(path).unwrap()).unwrap()
}

/// A request with log records, each of the attributes of an object.
fn log_request(service: &str, records: &[Value]) -> Request {
    let records: Vec<_> = records
        .iter()
        .map(|record| json!({"timeUnixNano": "1795471366224000000", "attributes": attributes(record)}))
        .collect();
    let request = json!({"resourceLogs": [{
        "resource": {"attributes": attributes(&json!({"service.name": service}))},
        "scopeLogs": [{"logRecords": records}],
    }]});
    decode(Signal::Logs, Encoding::Json, request.to_string().as_bytes()).unwrap()
}

/// A request with spans: objects with a name, ids, and attributes.
fn span_request(spans: &[Value]) -> Request {
    let spans: Vec<_> = spans
        .iter()
        .map(|span| {
            let mut span = span.clone();
            span["traceId"] = json!("0102030405060708090a0b0c0d0e0f10");
            span["attributes"] = attributes(&span["attributes"]);
            if span["startTimeUnixNano"].is_null() {
                span["startTimeUnixNano"] = json!("1795471366000000000");
                span["endTimeUnixNano"] = json!("1795471367500000000");
            }
            span
        })
        .collect();
    let request = json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&json!({"service.name": "planner"}))},
        "scopeSpans": [{"spans": spans}],
    }]});
    decode(Signal::Traces, Encoding::Json, request.to_string().as_bytes()).unwrap()
}

fn attributes(object: &Value) -> Value {
    let value = |value: &Value| match value {
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(value) if value.is_i64() => json!({ "intValue": value }),
        Value::Number(value) => json!({ "doubleValue": value }),
        Value::String(value) => json!({ "stringValue": value }),
        _ => json!({}),
    };
    let pairs = object.as_object().into_iter().flatten();
    pairs.map(|(key, it)| json!({"key": key, "value": value(it)})).collect()
}
