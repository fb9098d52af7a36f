//! Queries through the streaming provider, with columnar copies and without them, compared with
//! netsky-db 0.1.6, which copies every row of the store into a `MemTable` before each query.
//!
//! `cargo bench` runs all of them; `cargo bench -- count` runs the queries of that name.

mod memtable;

use std::fs;

use arrow::array::AsArray;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use netsky_db::Db;
use netsky_db::demo::Fleet;

/// The numbers of messages in the store.
const SIZES: [u64; 3] = [10_000, 100_000, 500_000];

/// The number of messages that count as an hour. It is the same in every store, so that stores of
/// different sizes do the same work.
const HOUR: u64 = 300;

/// Returns queries that each need another share of the table.
fn queries(db: &Db, size: u64) -> [(&'static str, String); 9] {
    let (from, until) = (time(db, size / 2), time(db, size / 2 + HOUR));
    [
        ("count", "SELECT COUNT(*) FROM messages".to_owned()),
        ("narrow", "SELECT COUNT(from_agent) FROM messages".to_owned()),
        (
            "wide",
            "SELECT SUM(length(body)), COUNT(DISTINCT chat_id), SUM(length(raw_json)) \
             FROM messages"
                .to_owned(),
        ),
        ("all", "SELECT * FROM messages".to_owned()),
        (
            "group",
            "SELECT source, direction, COUNT(*), MAX(ts_utc) FROM messages \
             GROUP BY source, direction"
                .to_owned(),
        ),
        (
            "join",
            "SELECT q.from_agent, a.from_agent, COUNT(*) FROM messages q \
             JOIN messages a ON a.chat_id = q.chat_id AND a.id = q.id + 1 GROUP BY 1, 2"
                .to_owned(),
        ),
        (
            "hour",
            format!(
                "SELECT COUNT(*), MIN(id), MAX(id) FROM messages \
                 WHERE ts_utc >= '{from}' AND ts_utc < '{until}' AND body IS NOT NULL"
            ),
        ),
        ("newest", "SELECT id, body FROM messages ORDER BY ts_utc DESC LIMIT 5".to_owned()),
        ("point", "SELECT body FROM messages WHERE id = 4321".to_owned()),
    ]
}

/// Returns the time at which a message was recorded.
fn time(db: &Db, id: u64) -> String {
    let sql = format!("SELECT ts_utc::text FROM messages WHERE id = {id}");
    let batches = db.query_batches(&sql).expect("a message");
    batches[0].column(0).as_string_view().value(0).to_owned()
}

fn scan(criterion: &mut Criterion) {
    for size in SIZES {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("meta.db");
        let db = Db::open_path(&path).expect("a new store");
        Fleet::new(size).record_messages(&db).expect("messages");
        // Waits until all columnar copies are made.
        db.compact().expect("a compact store");
        drop(db);
        let plain = dir.path().join("plain.db");
        fs::copy(&path, &plain).expect("a copy");
        let plain = Db::open_path(&plain).expect("the copy");
        plain.keep_columns(false).expect("no columnar copies");
        let db = Db::open_read_only(&path).expect("the store");
        for (name, sql) in queries(&db, size) {
            let expected = rows(&db, &sql);
            assert_eq!(memtable::query(&path, &sql), expected, "the two disagree on {name}");

            let mut group = criterion.benchmark_group(name);
            group.throughput(Throughput::Elements(size)).sample_size(10);
            group.bench_function(BenchmarkId::new("provider", size), |bencher| {
                bencher.iter(|| assert_eq!(rows(&db, &sql), expected));
            });
            group.bench_function(BenchmarkId::new("rows", size), |bencher| {
                bencher.iter(|| assert_eq!(rows(&plain, &sql), expected));
            });
            group.bench_function(BenchmarkId::new("memtable", size), |bencher| {
                bencher.iter(|| assert_eq!(memtable::query(&path, &sql), expected));
            });
            group.finish();
        }
    }
}

fn rows(db: &Db, sql: &str) -> usize {
    db.query_batches(sql).expect(sql).iter().map(|batch| batch.num_rows()).sum()
}

criterion_group!(benches, scan);
criterion_main!(benches);
