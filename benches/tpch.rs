//! The 22 queries of TPC-H over tables that a user declares, with columnar copies and without them,
//! compared with DataFusion over the same rows in memory.
//!
//! The rows in memory are decoded already, so that side is what a column store would be if reading and
//! decoding cost nothing. DataFusion over Parquet is not measured in this process: DataFusion is built
//! without Parquet here, and a second build of it would take longer than all other benches.
//!
//! `cargo bench --bench tpch` runs them at scale 0.1, 3 rounds; `-- SCALE ROUNDS` changes that.

use std::env;
use std::fs;
use std::time::{Duration, Instant};

use datafusion::prelude::SessionContext;
use netsky_db::Db;
use netsky_testing::{TPCH_TABLES, record_tpch, register_tpch, tpch_query};
use tokio::runtime::Runtime;

const ENGINES: [&str; 3] = ["columns", "rows", "memory"];

fn main() {
    // Cargo passes `--bench`.
    let numbers: Vec<f64> = env::args().filter_map(|argument| argument.parse().ok()).collect();
    let scale = numbers.first().copied().unwrap_or(0.1);
    let rounds = numbers.get(1).map_or(3, |rounds| *rounds as usize).max(1);

    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("meta.db");
    let open = |path| Db::open_path(path).and_then(|db| db.with_tables(TPCH_TABLES));
    let columns = open(&path).expect("a new store");
    record_tpch(&columns, scale);
    // Waits until all columnar copies are made.
    columns.compact().expect("a compact store");
    let plain = dir.path().join("plain.db");
    fs::copy(&path, &plain).expect("a copy");
    let plain = open(&plain).expect("the copy");
    plain.keep_columns(false).expect("no columnar copies");
    let memory = SessionContext::new();
    register_tpch(&memory, scale);
    let runtime = Runtime::new().expect("a runtime");

    println!("milliseconds, medians of {rounds} rounds at scale {scale}");
    println!("query {:>10} {:>10} {:>10}", ENGINES[0], ENGINES[1], ENGINES[2]);
    let (mut sums, mut processor) = ([Duration::ZERO; 3], [Duration::ZERO; 3]);
    for number in 1..=22 {
        let sql = tpch_query(number);
        let in_store = |db: &Db| db.query_batches(&sql).expect(&sql).len();
        let in_memory = || {
            let answer = async { memory.sql(&sql).await?.collect().await };
            runtime.block_on(answer).expect(&sql).len()
        };
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            for engine in 0..ENGINES.len() {
                let (start, used) = (Instant::now(), processor_time());
                match engine {
                    0 => in_store(&columns),
                    1 => in_store(&plain),
                    _ => in_memory(),
                };
                times[engine].push(start.elapsed());
                processor[engine] += processor_time().saturating_sub(used);
            }
        }
        let medians = times.map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2]
        });
        print_line(&number.to_string(), medians);
        for (sum, median) in sums.iter_mut().zip(medians) {
            *sum += median;
        }
    }
    print_line("sum", sums);
    print_line("cpu", processor.map(|time| time / rounds as u32));
}

fn print_line(name: &str, times: [Duration; 3]) {
    let [columns, rows, memory] = times.map(|time| time.as_secs_f64() * 1e3);
    println!("{name:>5} {columns:>10.1} {rows:>10.1} {memory:>10.1}");
}

/// The processor time of this process so far, in steps of 10 ms; zero where Linux's `/proc` is missing.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may have spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
