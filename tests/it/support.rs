//! What the tests share: stores in temporary directories, answers as JSON, and rows past the crate.

use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};

use arrow::array::RecordBatch;
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::prelude::{SessionConfig, SessionContext};
use netsky_db::{ColumnType, Db, Direction, MessageRecord, Table, TickRecord, times_as_text};
use redb::{Builder, ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A store that is gone when the test ends.
pub struct TestStore {
    pub db: Db,
    pub path: PathBuf,
    _dir: TempDir,
}

pub fn store() -> TestStore {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.db");
    TestStore { db: Db::open_path(&path).unwrap(), path, _dir: dir }
}

/// So many ticks, one a second from midnight on; of those with an even id the source says so.
pub fn ticks_by_second(count: i64) -> TestStore {
    let store = store();
    let start = DateTime::parse_from_rfc3339("2026-04-03T00:00:00Z").unwrap().to_utc();
    let rows = (1..=count).map(|id| TickRecord {
        ts_utc: start + TimeDelta::seconds(id),
        source: if id % 2 == 0 { "even" } else { "odd" },
        detail_json: "{}",
    });
    store.db.record_all(rows).unwrap();
    store
}

pub type Row = Map<String, Value>;

/// The rows of an answer, times in their stored form.
pub fn rows(db: &Db, sql: &str) -> Vec<Row> {
    to_rows(&db.query_batches(sql).unwrap_or_else(|error| panic!("{sql}\n{error}")))
}

fn to_rows(batches: &[RecordBatch]) -> Vec<Row> {
    let mut writer = arrow::json::writer::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    for batch in batches {
        writer.write(&times_as_text(batch).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    serde_json::from_slice(&writer.into_inner()).unwrap()
}

/// A session that DataFusion makes, with the store's tables and with so many partitions.
pub fn foreign_session(db: &Db, partitions: usize) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(partitions).with_batch_size(256);
    let session = SessionContext::new_with_config(config);
    for table in db.tables() {
        session.register_table(table.name(), db.table(table.name()).unwrap()).unwrap();
    }
    session
}

/// The rows of an answer in a session of somebody else's.
pub fn foreign_rows(session: &SessionContext, sql: &str) -> Vec<Row> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async { session.sql(sql).await?.collect().await });
    to_rows(&answer.unwrap_or_else(|error| panic!("{sql}\n{error}")))
}

/// The only value of an answer.
pub fn value(db: &Db, sql: &str) -> Value {
    only_value(&rows(db, sql), sql)
}

/// The only value of an answer in a session of somebody else's.
pub fn foreign_value(session: &SessionContext, sql: &str) -> Value {
    only_value(&foreign_rows(session, sql), sql)
}

fn only_value(rows: &[Row], sql: &str) -> Value {
    assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}");
    rows[0].values().next().unwrap().clone()
}

/// A row of the table with every column filled; different for each `seed`.
pub fn full_row(table: &Table, seed: i64) -> Row {
    let cell = |column: &netsky_db::Column| match column.ty {
        ColumnType::Int => json!(seed * 1_000_003),
        ColumnType::Bool => json!(seed % 2 == 0),
        ColumnType::Time => {
            json!(format!("2026-04-15T23:{:02}:00.{:03}Z", seed % 60, seed % 1_000))
        }
        ColumnType::Text => match column.allowed {
            [] => json!(format!("{} {seed} \"q\" \\ \n \u{1} é 🦀", column.name)),
            allowed => json!(allowed[seed as usize % allowed.len()]),
        },
    };
    table.columns().iter().map(|column| (column.name.to_owned(), cell(column))).collect()
}

/// As [`full_row`], but null where a column may be.
pub fn sparse_row(table: &Table, seed: i64) -> Row {
    let mut row = full_row(table, seed);
    for column in table.columns().iter().filter(|column| column.nullable) {
        row[column.name] = Value::Null;
    }
    row
}

pub fn to_json(row: &Row) -> String {
    Value::Object(row.clone()).to_string()
}

pub fn open_past_the_crate(path: &Path) -> Database {
    Builder::new().set_concurrency_mode(ConcurrencyMode::MultiWriter).create(path).unwrap()
}

fn rows_of(table: &str) -> TableDefinition<'_, i64, &'static [u8]> {
    TableDefinition::new(table)
}

/// The bytes of a table's rows as they lie in the file.
pub fn stored_rows(path: &Path, table: &str) -> Vec<(i64, String)> {
    let db = open_past_the_crate(path);
    let txn = db.begin_read().unwrap();
    let rows = txn.open_table(rows_of(table)).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    rows.iter()
        .unwrap()
        .map(|row| row.unwrap())
        .map(|(id, row)| (id.value(), text(row.value())))
        .collect()
}

/// Writes a row as another program might.
pub fn store_past_the_crate(path: &Path, table: &str, id: i64, bytes: &[u8]) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    txn.open_table(rows_of(table)).unwrap().insert(id, bytes).unwrap();
    txn.commit().unwrap();
}

pub fn set_meta_past_the_crate(path: &Path, key: &str, value: i64) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    txn.open_table(TableDefinition::<&str, i64>::new("meta")).unwrap().insert(key, value).unwrap();
    txn.commit().unwrap();
}

/// A message of which only the time and the body matter.
pub fn message(ts_utc: DateTime<Utc>, body: &str) -> MessageRecord<'_> {
    MessageRecord {
        ts_utc,
        source: "agent",
        direction: Direction::Inbound,
        chat_id: None,
        from_agent: None,
        to_agent: None,
        body: Some(body),
        raw_json: None,
    }
}

/// The most memory that a process had of a kind that Linux tells of in its status, in bytes. It prints
/// to nobody.
#[cfg(target_os = "linux")]
pub fn peak_memory(mut command: Command, kind: &str) -> u64 {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(kind));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) << 10);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(child.wait().unwrap().success(), "{command:?}");
    peak
}
