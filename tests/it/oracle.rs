//! The oracle: whatever is asked of whatever table, the provider answers as a `MemTable` of the same
//! rows does, to which nothing is pushed down.
//!
//! Tables are random: nulls, equal times, late rows, times before 1970, gaps in the ids, rows that
//! another program added or took away. So are queries: projections, filters, order, limits,
//! aggregates and joins.

mod subject;

use proptest::test_runner::{Config, RngSeed, TestRunner};

use subject::Subject;

/// Set `PROPTEST_RNG_SEED` to try other tables and other queries. They are the same in each run
/// otherwise, so that a change fails on what it changed.
const SEED: u64 = 1;
const TABLES_TRIED: u64 = 30;
const QUERIES_PER_TABLE: u32 = 40;

#[test]
fn the_provider_answers_as_a_table_in_memory_does() {
    let seed = match Config::default().rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => SEED,
    };
    let seeds: Vec<u64> = (0..TABLES_TRIED)
        .map(|table| seed.wrapping_mul(TABLES_TRIED).wrapping_add(table))
        .collect();
    std::thread::scope(|scope| {
        for half in seeds.chunks(seeds.len().div_ceil(2)) {
            scope.spawn(move || {
                for &seed in half {
                    let subject = Subject::new(seed);
                    let config = Config {
                        cases: QUERIES_PER_TABLE,
                        rng_seed: RngSeed::Fixed(seed),
                        failure_persistence: None,
                        ..Config::default()
                    };
                    let outcome = TestRunner::new(config)
                        .run(&subject.queries(), |query| subject.check(&query));
                    outcome.unwrap_or_else(|error| {
                        panic!("table {seed}, {} rows: {error}", subject.rows())
                    });
                }
            });
        }
    });
}
