//! A store of random rows, and the oracles that have the same rows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use chrono::DateTime;
use datafusion::prelude::SessionContext;
use fastrand::Rng;
use futures::TryStreamExt;
use netsky_db::{ColumnType, Db, QueryOptions, TABLES, Table, VIEWS, ViewType};
use redb::{Builder, ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::answer::Answer;
use super::expression::{Literal, TimeForm, Type};
use super::known::Failure;
use super::memtable::{MemTables, create_views, plain_session};
use super::query::{Query, Settled};
use super::sql::Dialect;
use super::sqlite::Sqlite;
use super::tables::{self, ORACLE_TABLES};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Reported if DataFusion without the store returns the oracle's answer.
const RIGHT: &str = "is right";

pub struct Subject {
    db: Db,
    /// The store's session with unusual batch sizes and partition counts, so that small tables get
    /// the plans of large ones.
    session: SessionContext,
    /// A session created by DataFusion, in which the store's tables are registered.
    foreign: SessionContext,
    memtables: MemTables,
    sqlite: Sqlite,
    pub relations: Vec<Relation>,
    /// The number of corrupt rows in each table. The oracles do not have these rows.
    corrupt: Vec<(&'static str, u64)>,
    pub description: String,
    _dir: TempDir,
}

/// A table or view to query, with some of its values.
pub struct Relation {
    pub name: String,
    pub columns: Vec<Column>,
    /// Whether `id` is unique.
    pub has_key: bool,
    /// Whether only DataFusion has it.
    pub native: bool,
    pub rows: usize,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub ty: Type,
    /// Some of the column's values.
    pub values: Vec<Literal>,
}

/// How the store is queried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Stream,
    Batches,
    /// Planned before it runs.
    Prepared,
    /// In the session that the store makes.
    Session,
    /// A session created by DataFusion, in which the store's tables are registered.
    Foreign,
}

impl Way {
    pub const ALL: [Self; 5] =
        [Self::Stream, Self::Batches, Self::Prepared, Self::Session, Self::Foreign];
}

/// The outcome of a query.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The store agrees with the oracles: the first, and the second if it supports the query.
    Answered { by_sqlite: bool },
    /// It does not, for a known reason.
    Known(&'static str),
    /// The oracle has no answer either.
    Unanswered,
}

impl Subject {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let dir = tempfile::tempdir().unwrap();
        let mut path = dir.path().join("meta.db");
        let mut description = format!("store {seed}");
        fill(&path, &mut rng);
        let mut options = QueryOptions::new().timeout(std::time::Duration::from_secs(120));
        if rng.u8(..4) == 0 {
            prune(&path, &mut rng);
            description += ", pruned";
        }
        if rng.u8(..6) == 0 {
            let copy = dir.path().join("copy.db");
            Db::open_path(&path).unwrap().backup(&copy).unwrap();
            path = dir.path().join("restored.db");
            Db::restore(&copy, &path).unwrap();
            description += ", restored";
        }
        if rng.u8(..4) != 0 {
            description += seal(&path, &mut rng);
        }
        if rng.u8(..6) == 0 {
            damage(&path, &mut rng);
            options = options.skip_corrupt(true);
            description += ", with corrupt rows";
        }
        if rng.u8(..5) == 0 {
            options = options.memory_limit(512 << 20);
            description += ", with a memory limit";
        }
        let db = match rng.u8(..4) {
            0 => Db::open_read_only(&path),
            _ => Db::open_path(&path),
        };
        let db = db.unwrap().with_query_options(options).with_tables(ORACLE_TABLES).unwrap();
        let session = db.session().unwrap();
        for (option, value) in [
            ("batch_size", [3, 64, 1_000][rng.usize(..3)]),
            ("target_partitions", [1, 2, 4][rng.usize(..3)]),
        ] {
            let sql = format!("SET datafusion.execution.{option} = {value}");
            RUNTIME.block_on(async { session.sql(&sql).await }).unwrap();
        }

        let stored = stored_rows(&path);
        let corrupt = stored.iter().map(|(table, rows)| {
            (table.name(), rows.iter().filter(|row| row.is_none()).count() as u64)
        });
        let corrupt: Vec<_> = corrupt.collect();
        let rows: Vec<(&'static Table, Vec<Vec<Literal>>)> = stored
            .into_iter()
            .map(|(table, rows)| (table, rows.into_iter().flatten().collect()))
            .collect();
        let mut relations: Vec<Relation> =
            rows.iter().map(|(table, rows)| relation(table, rows, &mut rng)).collect();
        relations.extend(VIEWS.iter().map(view));
        let counts = relations.iter().filter(|relation| relation.rows > 0);
        let counts: Vec<String> =
            counts.map(|relation| format!("{} {}", relation.rows, relation.name)).collect();
        description += &format!(" ({})", counts.join(", "));
        let (memtables, sqlite) = (MemTables::new(&rows), Sqlite::new(&rows));
        let foreign = foreign_session(&db);
        Self { db, session, foreign, memtables, sqlite, relations, corrupt, description, _dir: dir }
    }

    /// Runs a query. The error says how the store's answer differs from an oracle's.
    pub fn check(&self, query: &Query, way: Way) -> Result<Outcome, String> {
        let dialect = match way {
            Way::Session | Way::Foreign => Dialect::Session,
            Way::Stream | Way::Batches | Way::Prepared => Dialect::Store,
        };
        let sql = query.sql(dialect).text;
        let for_memtable = query.sql(Dialect::MemTable).text;
        let failed = |what: String| {
            let alone = self.alone(&sql, query);
            let failure = Failure { sql: &sql, what: &what, alone_is_right: alone == RIGHT, way };
            if let Some(reason) = failure.reason() {
                return Ok(Outcome::Known(reason));
            }
            Err(format!(
                "{sql}\nBy {way:?}: {what}\nThe oracle was asked\n{for_memtable}\n\
                 DataFusion alone {alone}"
            ))
        };
        let answer = self.answer(&sql, way);
        let expected = self.memtables.answer(&for_memtable);
        let (mut answer, mut expected) = match (answer, expected) {
            (_, Err(_)) => return Ok(Outcome::Unanswered),
            (Err(error), Ok(_)) => return failed(error),
            (Ok(answer), Ok(expected)) => (answer, expected),
        };
        match self.difference(query, &mut answer, &mut expected) {
            // With fewer rows, the oracle may not have reached the row at which it fails.
            Err(_) => return Ok(Outcome::Unanswered),
            Ok(Some(difference)) => return failed(difference),
            Ok(None) => {}
        }
        let for_sqlite = query.sql(Dialect::Sqlite);
        if for_sqlite.native || query.settled() == Settled::Count {
            return Ok(Outcome::Answered { by_sqlite: false });
        }
        let failed = |what: String| format!("{sql}\n{what}\nSQLite was asked\n{}", for_sqlite.text);
        let mut expected = self.sqlite.answer(&for_sqlite.text).map_err(&failed)?;
        match answer.difference(&mut expected, query.settled() == Settled::Sequence) {
            Some(difference) => Err(failed(difference)),
            None => Ok(Outcome::Answered { by_sqlite: true }),
        }
    }

    /// Returns how an answer differs from the oracle's, as far as the query determines it. Fails if
    /// the oracle has no answer to the query without its limit.
    fn difference(
        &self,
        query: &Query,
        answer: &mut Answer,
        expected: &mut Answer,
    ) -> Result<Option<String>, String> {
        if query.settled() != Settled::Count {
            return Ok(answer.difference(expected, query.settled() == Settled::Sequence));
        }
        let unlimited = Query { limit: None, offset: 0, ..query.clone() };
        let all = self.memtables.answer(&unlimited.sql(Dialect::MemTable).text)?;
        let (found, expected) = (answer.rows.len(), expected.rows.len());
        Ok(match found == expected {
            true => answer.not_among(&all),
            false => Some(format!("{found} rows, expected {expected}")),
        })
    }

    /// Runs the same SQL with DataFusion over the same rows in memory, to tell which side causes a
    /// difference.
    fn alone(&self, sql: &str, query: &Query) -> String {
        let expected = self.memtables.answer(&query.sql(Dialect::MemTable).text);
        match (self.memtables.plain_answer(sql), expected) {
            (Ok(mut answer), Ok(mut expected)) => {
                match self.difference(query, &mut answer, &mut expected) {
                    Ok(None) => RIGHT.to_owned(),
                    Ok(Some(_)) => "is wrong, too".to_owned(),
                    Err(_) => "has an answer".to_owned(),
                }
            }
            (Err(error), _) => format!("fails: {}", error.lines().next().unwrap_or_default()),
            (Ok(_), Err(_)) => "has an answer".to_owned(),
        }
    }

    fn answer(&self, sql: &str, way: Way) -> Result<Answer, String> {
        let batches = match way {
            Way::Stream => RUNTIME.block_on(self.stream(sql)),
            Way::Session => in_session(&self.session, sql),
            Way::Foreign => in_session(&self.foreign, sql),
            Way::Batches => self.db.query_batches(sql).map_err(|error| error.to_string()),
            Way::Prepared => self.prepared(sql),
        };
        batches.map(|batches| Answer::of(&batches))
    }

    fn prepared(&self, sql: &str) -> Result<Vec<RecordBatch>, String> {
        let text = |error: netsky_db::Error| error.to_string();
        let query = self.db.prepare(sql).map_err(text)?;
        let batches = query.batches().map_err(text)?;
        let types = |schema: SchemaRef| -> Vec<(String, DataType)> {
            let fields = schema.fields().iter();
            fields.map(|field| (field.name().clone(), field.data_type().clone())).collect()
        };
        let expected = types(query.schema());
        for batch in &batches {
            if types(batch.schema()) != expected {
                return Err(format!("the batches have other columns: {:?}", batch.schema()));
            }
        }
        Ok(batches)
    }

    async fn stream(&self, sql: &str) -> Result<Vec<RecordBatch>, String> {
        let text = |error: netsky_db::Error| error.to_string();
        let mut stream = self.db.query_stream(sql).await.map_err(text)?;
        let batches = (&mut stream).try_collect().await.map_err(text)?;
        // Each scan of a table reads each of its corrupt rows at most once.
        let most = self.corrupt.iter().map(|(table, corrupt)| {
            let scans = sql.matches(&format!("{table} ")).count();
            corrupt * scans as u64
        });
        let (skipped, most) = (stream.skipped_rows(), most.sum::<u64>());
        if skipped > most && !sql.contains("v_") && !sql.contains("clone_lifetimes") {
            return Err(format!("{skipped} rows were skipped; there are {most} corrupt ones"));
        }
        Ok(batches)
    }
}

fn in_session(session: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>, String> {
    let answer = || RUNTIME.block_on(async { session.sql(sql).await?.collect().await });
    match catch_unwind(AssertUnwindSafe(answer)) {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("the session panicked".to_owned()),
    }
}

fn foreign_session(db: &Db) -> SessionContext {
    let session = plain_session();
    for table in TABLES.iter().chain(ORACLE_TABLES) {
        session.register_table(table.name(), db.table(table.name()).unwrap()).unwrap();
    }
    RUNTIME.block_on(create_views(&session));
    session
}

fn relation(table: &Table, rows: &[Vec<Literal>], rng: &mut Rng) -> Relation {
    let mut columns = Vec::new();
    let types = table.columns().iter().map(|column| (column.name, column.ty));
    for (index, (name, ty)) in std::iter::once(("id", ColumnType::Int)).chain(types).enumerate() {
        let ty = match ty {
            ColumnType::Int => Type::Int,
            ColumnType::Text => Type::Text,
            ColumnType::Bool => Type::Bool,
            ColumnType::Time => Type::Time,
            ColumnType::Float => Type::Float,
            ColumnType::Date => Type::Date,
            other => panic!("no expressions of type {other}"),
        };
        let values = (0..rows.len().min(30)).map(|_| rows[rng.usize(..rows.len())][index].clone());
        columns.push(Column { name: name.to_owned(), ty, values: values.collect() });
    }
    let name = table.name().to_owned();
    Relation { name, columns, has_key: true, native: false, rows: rows.len() }
}

fn view(view: &netsky_db::View) -> Relation {
    // Ages differ between sessions.
    let columns =
        view.columns().iter().filter(|column| !["age_ms", "silent_ms"].contains(&column.name));
    let columns = columns.map(|column| {
        let ty = match column.ty {
            ViewType::Int => Type::Int,
            ViewType::Text => Type::Text,
            ViewType::Time => Type::Time,
            _ => Type::Other,
        };
        Column { name: column.name.to_owned(), ty, values: Vec::new() }
    });
    let name = view.name().to_owned();
    Relation { name, columns: columns.collect(), has_key: false, native: true, rows: 0 }
}

fn fill(path: &Path, rng: &mut Rng) {
    let db = Db::open_path(path).unwrap().with_tables(ORACLE_TABLES).unwrap();
    let large = rng.u8(..10) == 0;
    for (table, most) in ORACLE_TABLES.iter().zip([if large { 5_000 } else { 900 }, 300, 120]) {
        for _ in 0..rng.usize(1..4) {
            import(&db, table, rng, most);
            if rng.u8(..3) == 0 {
                meddle(path, table, rng);
            }
            if rng.bool() {
                complete_segment(path, table, rng);
            }
        }
    }
    if rng.u8(..3) == 0 {
        for table in TABLES {
            import(&db, table, rng, 60);
        }
    }
}

fn import(db: &Db, table: &Table, rng: &mut Rng, most: usize) {
    let count = rng.usize(..most);
    let rows = tables::times(rng, count).into_iter().map(|ms| {
        let row = Value::Object(tables::row(table, rng, ms, most));
        format!("{row}\n")
    });
    let rows: String = rows.collect();
    db.import(table.name(), rows.as_bytes()).unwrap();
}

fn prune(path: &Path, rng: &mut Rng) {
    let db = Db::open_path(path).unwrap().with_tables(ORACLE_TABLES).unwrap();
    for table in &ORACLE_TABLES[..2] {
        let column = table.time_column().unwrap().name;
        let sql = format!("SELECT {column}::bigint AS t FROM {} ORDER BY id", table.name());
        let batches = db.query_batches(&sql).unwrap();
        let times: Vec<i64> = Answer::of(&batches)
            .rows
            .iter()
            .filter_map(|row| match row[0] {
                super::answer::Cell::Int(nanos) => Some(nanos),
                _ => None,
            })
            .collect();
        if !times.is_empty() {
            let before = DateTime::from_timestamp_nanos(times[rng.usize(..times.len())]);
            db.prune(before, Some(table.name())).unwrap();
        }
    }
}

fn rows_of(table: &Table) -> TableDefinition<'_, i64, &'static [u8]> {
    TableDefinition::new(table.name())
}

fn open_past_the_crate(path: &Path) -> Database {
    Builder::new().set_concurrency_mode(ConcurrencyMode::MultiWriter).create(path).unwrap()
}

/// Assigns ids up to the next segment, so that the rows so far have a copy when they are sealed.
fn complete_segment(path: &Path, table: &Table, rng: &mut Rng) {
    const IDS: TableDefinition<'_, &str, i64> = TableDefinition::new("ids");
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    {
        let mut ids = txn.open_table(IDS).unwrap();
        let last = ids.get(table.name()).unwrap().map_or(0, |id| id.value());
        ids.insert(table.name(), (last | 8_191) + rng.i64(0..50)).unwrap();
    }
    txn.commit().unwrap();
}

/// Makes the columnar copies of complete segments, and maybe removes or damages some values.
fn seal(path: &Path, rng: &mut Rng) -> &'static str {
    let db = Db::open_path(path).unwrap().with_tables(ORACLE_TABLES).unwrap();
    db.compact().unwrap();
    drop(db);
    let (change, description): (fn(&mut Vec<u8>), _) = match rng.u8(..4) {
        0 => (Vec::clear, ", half sealed"),
        1 => (|value| value[0] ^= 1, ", sealed and damaged"),
        _ => return ", sealed",
    };
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    for table in ORACLE_TABLES {
        let name = format!("{}.columns", table.name());
        let mut columns = txn.open_table(TableDefinition::<i64, &[u8]>::new(&name)).unwrap();
        let values = columns.iter().unwrap().map(|entry| {
            let (key, value) = entry.unwrap();
            (key.value(), value.value().to_vec())
        });
        for (key, mut value) in values.collect::<Vec<_>>() {
            if rng.u8(..4) == 0 {
                change(&mut value);
                match value.is_empty() {
                    true => columns.remove(key).unwrap(),
                    false => columns.insert(key, value.as_slice()).unwrap(),
                };
            }
        }
    }
    txn.commit().unwrap();
    description
}

/// Adds rows at the end or removes some, like another program that does not maintain zones.
fn meddle(path: &Path, table: &Table, rng: &mut Rng) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    {
        let mut rows = txn.open_table(rows_of(table)).unwrap();
        let last = rows.last().unwrap().map_or(0, |(id, _)| id.value());
        if rng.bool() {
            let first = rng.i64(0..=last);
            rows.retain_in(first..first + rng.i64(1..1_500), |_, _| false).unwrap();
        } else {
            let count = rng.usize(1..600);
            let mut id = last;
            for ms in tables::times(rng, count) {
                id += 1 + rng.i64(0..2) * rng.i64(0..700);
                let row = tables::row(table, rng, ms, count);
                let row = tables::foreign(&row, rng);
                rows.insert(id, row.as_bytes()).unwrap();
            }
        }
    }
    txn.commit().unwrap();
}

/// Corrupts some rows of each table.
fn damage(path: &Path, rng: &mut Rng) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    for table in ORACLE_TABLES {
        let mut rows = txn.open_table(rows_of(table)).unwrap();
        let ids: Vec<i64> = rows.iter().unwrap().map(|row| row.unwrap().0.value()).collect();
        for _ in 0..rng.usize(..6) {
            if !ids.is_empty() {
                let garbage = [&b""[..], b"{", b"\xff\xff", b"[1]", b"null"][rng.usize(..5)];
                rows.insert(ids[rng.usize(..ids.len())], garbage).unwrap();
            }
        }
    }
    txn.commit().unwrap();
}

/// Returns the rows of each table as serde_json reads them; `None` for a corrupt one.
fn stored_rows(path: &Path) -> Vec<(&'static Table, Vec<Option<Vec<Literal>>>)> {
    let db = open_past_the_crate(path);
    let txn = db.begin_read().unwrap();
    let tables = TABLES.iter().chain(ORACLE_TABLES).copied();
    let rows = tables.map(|table| {
        let rows = txn.open_table(rows_of(table)).unwrap();
        let rows = rows.iter().unwrap().map(|row| {
            let (id, json) = row.unwrap();
            values(table, id.value(), json.value())
        });
        (table, rows.collect())
    });
    rows.collect()
}

fn values(table: &Table, id: i64, json: &[u8]) -> Option<Vec<Literal>> {
    let row: serde_json::Map<String, Value> = serde_json::from_slice(json).ok()?;
    let mut values = vec![Literal::Int(id)];
    for column in table.columns() {
        values.push(match row.get(column.name) {
            None | Some(Value::Null) => Literal::Null,
            Some(Value::Bool(value)) => Literal::Bool(*value),
            Some(Value::String(text)) if column.ty == ColumnType::Time => {
                let time = DateTime::parse_from_rfc3339(text).ok()?;
                Literal::Time(time.timestamp_nanos_opt()?, TimeForm::Utc)
            }
            Some(Value::String(text)) if column.ty == ColumnType::Date => {
                Literal::Date(text.clone())
            }
            Some(value) if column.ty == ColumnType::Float => Literal::Float(value.as_f64()?),
            Some(Value::String(text)) => Literal::Text(text.clone()),
            Some(value) => Literal::Int(value.as_i64()?),
        });
    }
    Some(values)
}
