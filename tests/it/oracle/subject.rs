//! Random tables, in a store and in a `MemTable`, random queries, and whether both answer alike.
//!
//! The fuzz target compiles this file too.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, Utc};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use fastrand::Rng;
use netsky_db::Db;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use redb::{Builder, ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

netsky_db::tables! {
    /// A table with a column of every kind.
    pub static ORACLE_TABLES;

    /// Anything that happens.
    #[table = "events"]
    pub struct EventRecord<'a> {
        /// When.
        pub ts: DateTime<Utc>,
        /// What.
        pub name: Option<&'a str>,
        /// How much.
        pub n: Option<i64>,
        /// Whether.
        pub flag: bool,
    }
}

const EVENTS: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("events");

const HOUR: i64 = 3_600_000;

/// Times, in milliseconds, that rise on the whole: some stand still, some come late.
fn times(rng: &mut Rng, count: usize) -> Vec<i64> {
    let start = rng.i64(-40_000..40_000) * 12 * HOUR;
    let largest_step = [1, 1_000, HOUR / 4, 30 * HOUR][rng.usize(..4)];
    let mut now = start;
    let one = |rng: &mut Rng, now: i64| {
        if rng.u8(..20) == 0 { now - rng.i64(0..50 * largest_step) } else { now }
    };
    (0..count)
        .map(|_| {
            now += rng.i64(0..=largest_step);
            one(rng, now)
        })
        .collect()
}

fn record(db: &Db, rng: &mut Rng, times: &[i64]) {
    const NAMES: [Option<&str>; 5] = [Some("a"), Some("b"), Some("b%"), Some("é\"\n🦀"), None];
    db.record_all(times.iter().map(|&ms| EventRecord {
        ts: DateTime::from_timestamp_millis(ms).unwrap(),
        name: NAMES[rng.usize(..5)],
        n: (rng.u8(..4) > 0).then(|| rng.i64(-3..1_000)),
        flag: rng.bool(),
    }))
    .unwrap();
}

/// Another program, which knows nothing of zones, adds rows at the end or takes some away.
fn meddle(path: &Path, rng: &mut Rng) {
    let db = open_past_the_crate(path);
    let txn = db.begin_write().unwrap();
    {
        let mut rows = txn.open_table(EVENTS).unwrap();
        let last = rows.last().unwrap().map_or(0, |(id, _)| id.value());
        if rng.bool() {
            let first = rng.i64(0..=last);
            rows.retain_in(first..first + rng.i64(1..2_500), |_, _| false).unwrap();
        } else {
            for (index, ms) in times(rng, rng.clone().usize(1..1_500)).into_iter().enumerate() {
                let id = last + 1 + index as i64 + rng.i64(0..2) * 700;
                let ts = DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339();
                let row = format!("{{\"n\":7, \"ts\":\"{ts}\",\"flag\":true}}");
                rows.insert(id, row.as_bytes()).unwrap();
            }
        }
    }
    txn.commit().unwrap();
}

fn open_past_the_crate(path: &Path) -> Database {
    Builder::new().set_concurrency_mode(ConcurrencyMode::MultiWriter).create(path).unwrap()
}

fn stored_rows(path: &Path) -> Vec<(i64, Value)> {
    let db = open_past_the_crate(path);
    let rows = db.begin_read().unwrap().open_table(EVENTS).unwrap();
    let row = |(id, json): (i64, &[u8])| (id, serde_json::from_slice(json).unwrap());
    rows.iter()
        .unwrap()
        .map(Result::unwrap)
        .map(|(id, json)| row((id.value(), json.value())))
        .collect()
}

/// A table of random rows, twice.
pub struct Subject {
    db: Db,
    oracle: SessionContext,
    /// Values to ask about.
    ids: Vec<i64>,
    times: Vec<i64>,
    _dir: TempDir,
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

fn printed(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(
                columns
                    .iter()
                    .map(|column| format!("{:?}|", column.value(row).to_string()))
                    .collect(),
            );
        }
    }
    rows
}

impl Subject {
    /// The table of a seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let dir = tempfile::tempdir().unwrap();
        let path: PathBuf = dir.path().join("meta.db");
        let db = Db::open_path(&path).unwrap().with_tables(ORACLE_TABLES).unwrap();
        for _ in 0..rng.usize(1..4) {
            let count = rng.usize(..2_500);
            let times = times(&mut rng, count);
            record(&db, &mut rng, &times);
            if rng.u8(..3) == 0 {
                meddle(&path, &mut rng);
            }
        }
        let rows = stored_rows(&path);
        let time = |row: &Value| {
            let time = DateTime::parse_from_rfc3339(row["ts"].as_str().unwrap()).unwrap();
            time.timestamp_nanos_opt().unwrap()
        };
        let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
        let times: Vec<i64> = rows.iter().map(|(_, row)| time(row)).collect();
        let times_array = TimestampNanosecondArray::from(times.clone()).with_timezone("UTC");
        let columns: [(&str, ArrayRef, bool); 5] = [
            ("id", Arc::new(Int64Array::from(ids.clone())), false),
            ("ts", Arc::new(times_array), false),
            (
                "name",
                Arc::new(rows.iter().map(|(_, row)| row["name"].as_str()).collect::<StringArray>()),
                true,
            ),
            (
                "n",
                Arc::new(rows.iter().map(|(_, row)| row["n"].as_i64()).collect::<Int64Array>()),
                true,
            ),
            (
                "flag",
                Arc::new(
                    rows.iter().map(|(_, row)| row["flag"].as_bool()).collect::<BooleanArray>(),
                ),
                false,
            ),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let mut config = SessionConfig::new();
        config.options_mut().execution.time_zone = Some("UTC".to_owned());
        let oracle = SessionContext::new_with_config(config);
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
        oracle.register_table("events", Arc::new(table)).unwrap();
        Self { db, oracle, ids, times, _dir: dir }
    }

    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// Fails if the two answer differently.
    pub fn check(&self, query: &Query) -> Result<(), TestCaseError> {
        let sql = &query.sql;
        let failed = |error: String| TestCaseError::fail(format!("{sql}\n{error}"));
        let answer = self.db.query_batches(sql).map_err(|error| failed(error.to_string()))?;
        // The oracle's own session would drop an order by the argument of a CAST to a date.
        let sql_of_oracle = sql.replace("CAST(e.ts AS DATE)", "TRY_CAST(e.ts AS DATE)");
        let expected =
            RUNTIME.block_on(async { self.oracle.sql(&sql_of_oracle).await?.collect().await });
        let expected = expected.map_err(|error| failed(error.to_string()))?;
        let (mut answer, mut expected) = (printed(&answer), printed(&expected));
        if query.any_rows {
            // Which rows a bare limit gives is open; how many is not.
            prop_assert_eq!(answer.len(), expected.len(), "{}", sql);
            return Ok(());
        }
        if !query.ordered {
            answer.sort();
            expected.sort();
        }
        prop_assert_eq!(answer, expected, "{}", sql);
        Ok(())
    }

    /// Queries about what the table holds.
    pub fn queries(&self) -> impl Strategy<Value = Query> + use<> {
        let id = values(&self.ids);
        let time = values(&self.times).prop_flat_map(|nanos| {
            let offsets = [0, 1, -1, 1_000_000, HOUR * 1_000_000, -HOUR * 24_000_000];
            prop::sample::select(offsets.map(|offset| nanos.saturating_add(offset)).to_vec())
        });
        (condition(id, time), shape()).prop_map(|(condition, shape)| shape.query(&condition))
    }
}

fn values(values: &[i64]) -> BoxedStrategy<i64> {
    let near = prop::sample::select(if values.is_empty() { vec![0] } else { values.to_vec() });
    prop_oneof![8 => near, 1 => -5_000..5_000_i64, 1 => Just(0)].boxed()
}

/// A query, and how far its answer is settled.
#[derive(Debug, Clone)]
pub struct Query {
    sql: String,
    ordered: bool,
    any_rows: bool,
}

#[derive(Debug, Clone)]
struct Shape {
    select: &'static str,
    order: Option<&'static str>,
    limit: Option<(usize, usize)>,
    filtered: bool,
}

impl Shape {
    fn query(&self, condition: &str) -> Query {
        let mut sql =
            self.select.replace("WHERE", if self.filtered { "WHERE" } else { "WHERE true OR" });
        sql = sql.replace("CONDITION", condition);
        let aggregate = sql.contains("GROUP")
            || sql.starts_with("SELECT count")
            || sql.starts_with("SELECT min");
        let (order, limit) = if aggregate { (None, None) } else { (self.order, self.limit) };
        if let Some(order) = order {
            sql += &format!(" ORDER BY {order}");
        }
        if let Some((limit, offset)) = limit {
            sql += &format!(" LIMIT {limit} OFFSET {offset}");
        }
        let ordered = order.is_some();
        Query { sql, ordered, any_rows: limit.is_some() && !ordered }
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    let select = prop::sample::select(vec![
        "SELECT * FROM events e WHERE CONDITION",
        "SELECT e.id FROM events e WHERE CONDITION",
        "SELECT e.name, e.id FROM events e WHERE CONDITION",
        "SELECT e.ts, e.flag, e.n FROM events e WHERE CONDITION",
        "SELECT count(*) FROM events e WHERE CONDITION",
        "SELECT count(*), min(id), max(id), min(ts), max(ts) FROM events e WHERE CONDITION",
        "SELECT min(ts) FROM events e WHERE CONDITION",
        "SELECT count(n), sum(n), count(DISTINCT name), count(ts) FROM events e WHERE CONDITION",
        "SELECT e.name, count(*), max(e.ts) FROM events e WHERE CONDITION GROUP BY e.name",
        "SELECT date_trunc('day', e.ts), count(*) FROM events e WHERE CONDITION GROUP BY 1",
        "SELECT count(*) FROM events e JOIN events o ON e.id = o.n WHERE CONDITION",
        "SELECT e.id, (SELECT max(ts) FROM events o WHERE o.id < 1500) FROM events e WHERE CONDITION",
        "SELECT e.id FROM events e WHERE e.n IN (SELECT o.id FROM events o WHERE o.flag) AND CONDITION",
        "SELECT e.id, e.n FROM (SELECT * FROM events ORDER BY id LIMIT 37) e WHERE CONDITION",
        "SELECT e.id, e.ts FROM (SELECT * FROM events ORDER BY id DESC LIMIT 1100) e WHERE CONDITION",
        "SELECT e.* FROM (SELECT * FROM events WHERE n > 3 ORDER BY ts DESC, id LIMIT 50) e WHERE CONDITION",
        "SELECT count(*), max(e.id) FROM (SELECT * FROM events ORDER BY id LIMIT 9) e WHERE CONDITION",
        "SELECT e.id, e.ts, e.nth FROM (SELECT *, row_number() OVER (PARTITION BY flag ORDER BY id) AS nth FROM events) e WHERE CONDITION",
    ]);
    let order = prop::sample::select(vec![
        None,
        Some("e.id"),
        Some("e.id DESC"),
        Some("e.ts DESC, e.id DESC"),
        Some("e.ts, e.id"),
        Some("e.n NULLS LAST, e.id"),
    ]);
    let limit = prop::option::of((0..40_usize, prop_oneof![Just(0), 0..2_000_usize]));
    (select, order, limit, prop::bool::weighted(0.9))
        .prop_map(|(select, order, limit, filtered)| Shape { select, order, limit, filtered })
}

fn quoted(nanos: i64) -> String {
    let time = DateTime::<Utc>::from_timestamp_nanos(nanos);
    format!("'{}'", time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

fn date(nanos: i64) -> String {
    format!("'{}'", DateTime::<Utc>::from_timestamp_nanos(nanos).date_naive())
}

fn condition(
    id: BoxedStrategy<i64>,
    time: impl Strategy<Value = i64> + Clone + 'static,
) -> BoxedStrategy<String> {
    let time = time.boxed();
    let operator = || prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let rounded = prop::sample::select(vec![
        "date_trunc('second', e.ts)",
        "date_trunc('hour', e.ts)",
        "date_trunc('day', e.ts)",
        "date_trunc('week', e.ts)",
        "date_trunc('month', e.ts)",
        "date_trunc('quarter', e.ts)",
        "date_trunc('year', e.ts)",
        "date_bin(INTERVAL '10 minutes', e.ts)",
        "date_bin(INTERVAL '3 days', e.ts)",
        "date_bin(INTERVAL '7 hours', e.ts, TIMESTAMP '2001-01-01T00:30:00Z')",
        "to_timestamp(e.ts)",
        "e.ts::timestamp",
        "arrow_cast(e.ts, 'Timestamp(Nanosecond, Some(\"+00:00\"))')",
    ]);
    let atom = prop_oneof![
        3 => (operator(), id.clone()).prop_map(|(op, id)| format!("e.id {op} {id}")),
        2 => (operator(), id.clone()).prop_map(|(op, id)| format!("{id} {op} e.id")),
        2 => (id.clone(), id.clone()).prop_map(|(a, b)| format!("e.id BETWEEN {a} AND {b}")),
        1 => (id.clone(), id.clone()).prop_map(|(a, b)| format!("e.id NOT BETWEEN {a} AND {b}")),
        2 => prop::collection::vec(id, 1..6).prop_map(|ids| {
            let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
            format!("e.id IN ({})", ids.join(", "))
        }),
        4 => (operator(), time.clone()).prop_map(|(op, t)| format!("e.ts {op} {}", quoted(t))),
        2 => (operator(), time.clone()).prop_map(|(op, t)| format!("{} {op} e.ts", quoted(t))),
        2 => (time.clone(), time.clone())
            .prop_map(|(a, b)| format!("e.ts BETWEEN {} AND {}", quoted(a.min(b)), quoted(a.max(b)))),
        2 => (time.clone(), time.clone()).prop_map(|(a, b)| format!("e.ts NOT IN ({}, {})", quoted(a), quoted(b))),
        3 => (rounded, operator(), time.clone(), any::<bool>()).prop_map(|(rounded, op, t, day)| {
            format!("{rounded} {op} {}", if day { date(t) } else { quoted(t) })
        }),
        2 => (operator(), time).prop_map(|(op, t)| format!("CAST(e.ts AS DATE) {op} {}", date(t))),
        1 => (operator(), 0..1_000_i64).prop_map(|(op, n)| format!("e.n {op} {n}")),
        1 => prop::sample::select(vec![
            "e.name = 'b'", "e.name IS NULL", "e.n IS NOT NULL", "e.flag", "NOT e.flag", "e.name LIKE 'b%'",
            "e.id > NULL", "e.ts < now() - INTERVAL '1 hour'", "e.id % 7 = 3", "e.id IS NULL",
        ]).prop_map(str::to_owned),
    ];
    atom.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            1 => inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
    .boxed()
}
