//! The number of rows per second that become durable: one by one, from many threads, and many in
//! one call, compared with a bare redb transaction of one row.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use netsky_db::{Db, TickRecord};
use redb::{Builder, ConcurrencyMode, Database, TableDefinition};

const TICKS: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("ticks");
const THREADS: u64 = 16;
const MANY: u64 = 10_000;

fn tick() -> TickRecord<'static> {
    TickRecord { ts_utc: Utc::now(), source: "bench", detail_json: r#"{"elapsed_s":300}"# }
}

fn record(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let db = Db::open_path(dir.path().join("meta.db")).expect("a new store");
    let bare = bare(&dir.path().join("bare.db"));

    let mut group = criterion.benchmark_group("record");
    group.sample_size(20).throughput(Throughput::Elements(1));
    let mut id = 0;
    group.bench_function("a bare transaction of redb", |bencher| {
        bencher.iter(|| {
            id += 1;
            commit(&bare, id);
        });
    });
    group.bench_function("1 thread", |bencher| bencher.iter(|| db.record(&tick()).expect("a row")));
    group.bench_function("16 threads", |bencher| bencher.iter_custom(|rows| at_once(&db, rows)));
    group.throughput(Throughput::Elements(MANY));
    group.bench_function("10,000 in one call", |bencher| {
        bencher.iter(|| db.record_all((0..MANY).map(|_| tick())).expect("rows"));
    });
    group.finish();
}

/// Returns how long it takes until all threads have recorded their share of the rows, one by one.
fn at_once(db: &Db, rows: u64) -> Duration {
    let begun = Instant::now();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let share = rows / THREADS + u64::from(thread < rows % THREADS);
            scope.spawn(move || {
                for _ in 0..share {
                    db.record(&tick()).expect("a row");
                }
            });
        }
    });
    begun.elapsed()
}

fn bare(path: &Path) -> Database {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    builder.create(path).expect("a new file")
}

fn commit(db: &Database, id: i64) {
    let txn = db.begin_write().expect("a transaction");
    let row =
        br#"{"id":1,"ts_utc":"2026-04-15T23:00:00.999Z","source":"bench","detail_json":"{}"}"#;
    txn.open_table(TICKS).expect("the table").insert(id, row.as_slice()).expect("a row");
    txn.commit().expect("committed");
}

criterion_group!(benches, record);
criterion_main!(benches);
