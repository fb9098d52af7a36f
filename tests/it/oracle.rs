//! The oracles: for any query on any tables, the store answers like DataFusion does over the same
//! rows in memory, where nothing is pushed down, and like SQLite does if it supports the query.
//!
//! Tables are random: nulls, equal times, late rows, times before 1970 and around clock changes,
//! gaps in the ids, and rows that another program added, removed or damaged. So are queries.
//!
//! - `NETSKY_ORACLE_STORES` and `NETSKY_ORACLE_QUERIES` set the number of stores, and of queries
//!   per store.
//! - `PROPTEST_RNG_SEED` sets the seed. Without it, tables and queries are the same in each run, so
//!   that a failure is due to a change of the code.
//! - `NETSKY_ORACLE_STORE` restricts the run to one store, by the number that a failure prints.

mod answer;
mod choices;
mod expression;
mod generator;
mod known;
mod memtable;
mod moments;
mod queries;
mod query;
mod sql;
mod sqlite;
mod subject;
mod tables;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use queries::Queries;
use subject::{Outcome, Subject};

const SEED: u64 = 1;
const STORES: u64 = 40;
const QUERIES_PER_STORE: u64 = 40;

fn number(variable: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(variable) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}"))
}

#[test]
fn the_store_answers_as_the_oracles_do() {
    let seed = match Config::default().rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => SEED,
    };
    let stores = number("NETSKY_ORACLE_STORES", STORES);
    let queries = number("NETSKY_ORACLE_QUERIES", QUERIES_PER_STORE);
    let first = number("NETSKY_ORACLE_STORE", seed.wrapping_mul(1_000_000));
    let stores = if std::env::var_os("NETSKY_ORACLE_STORE").is_some() { 1 } else { stores };
    let (next, asked, answered, by_sqlite, failed) =
        <(AtomicU64, AtomicU64, AtomicU64, AtomicU64, AtomicU64)>::default();
    let known = Mutex::<BTreeMap<&str, u64>>::default();
    let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let store = count(&next)
                    && store < stores
                {
                    let seed = first.wrapping_add(store);
                    let subject = Subject::new(seed);
                    let config = Config {
                        cases: u32::try_from(queries).unwrap(),
                        rng_seed: RngSeed::Fixed(seed),
                        failure_persistence: None,
                        max_shrink_iters: 4_000,
                        ..Config::default()
                    };
                    let outcome =
                        TestRunner::new(config).run(&Queries(&subject), |(query, way)| {
                            count(&asked);
                            match subject.check(&query, way).map_err(TestCaseError::fail)? {
                                Outcome::Answered { by_sqlite: sqlite } => {
                                    count(&answered);
                                    by_sqlite.fetch_add(sqlite.into(), Ordering::Relaxed);
                                }
                                Outcome::Known(reason) => {
                                    *known.lock().unwrap().entry(reason).or_default() += 1;
                                }
                                Outcome::Unanswered => {}
                            }
                            Ok(())
                        });
                    if let Err(proptest::test_runner::TestError::Fail(reason, _)) = outcome {
                        count(&failed);
                        eprintln!("{}: {reason}\n", subject.description);
                    }
                }
            });
        }
    });
    let [asked, answered, by_sqlite, failed] =
        [asked, answered, by_sqlite, failed].map(AtomicU64::into_inner);
    println!("{asked} queries, {answered} of them answered, {by_sqlite} by SQLite too");
    for (reason, times) in known.into_inner().unwrap() {
        println!("{times} known: {reason}");
    }
    assert_eq!(failed, 0, "stores with a wrong answer");
    assert!(answered * 10 > asked * 9, "too few of the queries make sense");
    assert!(by_sqlite * 4 > asked, "too few of the queries are asked of SQLite");
}
