//! The speed of decoding rows to Arrow columns, on one thread, in bytes of JSON: for the bare
//! iteration over redb that every scan needs, and for each of the two decoders.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use netsky_db::demo::Fleet;
use netsky_db::internal::Decoder;
use netsky_db::{Db, MessageRecord, Record};
use redb::{
    Builder, ConcurrencyMode, ReadOnlyDatabase, ReadableDatabase, ReadableTable, TableDefinition,
};

const MESSAGES: TableDefinition<'_, i64, &[u8]> = TableDefinition::new("messages");
const SIZE: u64 = 100_000;
const BATCH_ROWS: usize = 8_192;

/// Columns by their position in the table's schema.
const PROJECTIONS: [(&str, &[usize]); 3] =
    [("1 column", &[2]), ("3 columns", &[1, 2, 4]), ("9 columns", &[0, 1, 2, 3, 4, 5, 6, 7, 8])];

/// The function of a decoder that takes a row.
type Push = fn(&mut Decoder, i64, &[u8]) -> netsky_db::Result<()>;

fn decode(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("meta.db");
    Fleet::new(SIZE)
        .record_messages(&Db::open_path(&path).expect("a new store"))
        .expect("messages");
    let store = open(&path);
    let mut rows = Vec::new();
    walk(&store, |id, json| rows.push((id, json.to_vec())));
    let bytes = rows.iter().map(|(_, json)| json.len() as u64).sum();

    // From the store's pages, as a scan's task does.
    let mut group = criterion.benchmark_group("walk");
    group.throughput(Throughput::Bytes(bytes)).sample_size(20);
    group.bench_function("bare", |bencher| {
        bencher.iter(|| {
            walk(&store, |id, json| {
                black_box((id, json));
            })
        });
    });
    for (name, projection) in PROJECTIONS {
        group.bench_function(BenchmarkId::new("and decode", name), |bencher| {
            bencher.iter(|| {
                let mut batches = Batches::new(projection, Decoder::push);
                walk(&store, |id, json| batches.push(id, json));
            });
        });
    }
    group.finish();

    // From memory, the decoder alone.
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(bytes)).sample_size(20);
    for (way, push) in [("written", Decoder::push as Push), ("parsed", Decoder::push_parsed)] {
        for (name, projection) in PROJECTIONS {
            group.bench_function(BenchmarkId::new(way, name), |bencher| {
                bencher.iter(|| {
                    let mut batches = Batches::new(projection, push);
                    rows.iter().for_each(|(id, json)| batches.push(*id, json));
                });
            });
        }
    }
    group.finish();
}

fn open(path: &Path) -> ReadOnlyDatabase {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_cache_size(256 << 10);
    builder.open_read_only(path).expect("the store")
}

fn walk(store: &ReadOnlyDatabase, mut visit: impl FnMut(i64, &[u8])) {
    let rows = store.begin_read().expect("a transaction").open_table(MESSAGES).expect("the table");
    for row in rows.iter().expect("its rows") {
        let (id, json) = row.expect("a row");
        visit(id.value(), json.value());
    }
}

/// Decodes rows into batches of a scan's size.
struct Batches {
    decoder: Decoder,
    push: Push,
}

impl Batches {
    fn new(projection: &[usize], push: Push) -> Self {
        let decoder = Decoder::new(MessageRecord::TABLE, projection).expect("columns");
        Self { decoder, push }
    }

    fn push(&mut self, id: i64, json: &[u8]) {
        (self.push)(&mut self.decoder, id, json).expect("a row of the writer's");
        if self.decoder.rows() == BATCH_ROWS {
            black_box(self.decoder.finish().expect("a batch"));
        }
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
