//! Queries through the streaming provider, beside what it replaces: netsky-db 0.1.6 copies every
//! row of the store into a `MemTable` before each query.
//!
//! `cargo bench` runs it all; `cargo bench -- count` runs the queries of that name.

mod memtable;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use netsky_db::Db;
use netsky_db::demo::Fleet;

/// Messages in the store.
const SIZES: [u64; 2] = [10_000, 100_000];

/// Each needs another share of the table. The hour is in the history's last working day.
const QUERIES: [(&str, &str); 7] = [
    ("count", "SELECT COUNT(*) FROM messages"),
    ("narrow", "SELECT source, COUNT(*) FROM messages GROUP BY source"),
    (
        "wide",
        "SELECT SUM(length(body)), COUNT(DISTINCT chat_id), SUM(length(raw_json)) FROM messages",
    ),
    ("all", "SELECT * FROM messages"),
    (
        "hour",
        "SELECT COUNT(*), MIN(id), MAX(id) FROM messages \
         WHERE ts_utc >= '2026-04-30T12:00:00Z' AND ts_utc < '2026-04-30T13:00:00Z'",
    ),
    ("newest", "SELECT id, body FROM messages ORDER BY ts_utc DESC LIMIT 5"),
    ("point", "SELECT body FROM messages WHERE id = 4321"),
];

fn scan(criterion: &mut Criterion) {
    for size in SIZES {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("meta.db");
        let db = Db::open_path(&path).expect("a new store");
        Fleet::new(size).record_messages(&db).expect("messages");
        for (name, sql) in QUERIES {
            let expected = rows(&db, sql);
            assert_eq!(memtable::query(&path, sql), expected, "the two disagree on {name}");

            let mut group = criterion.benchmark_group(name);
            group.throughput(Throughput::Elements(size)).sample_size(10);
            group.bench_function(BenchmarkId::new("provider", size), |bencher| {
                bencher.iter(|| assert_eq!(rows(&db, sql), expected));
            });
            group.bench_function(BenchmarkId::new("memtable", size), |bencher| {
                bencher.iter(|| assert_eq!(memtable::query(&path, sql), expected));
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
