//! Random queries about random tables: the provider answers as a `MemTable` of the same rows does.

#![no_main]

#[path = "../../tests/it/oracle/subject.rs"]
mod subject;

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use libfuzzer_sys::{Corpus, fuzz_target};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use subject::Subject;

/// More bytes than a query is ever drawn from.
const ENOUGH: usize = 1 << 16;

thread_local! {
    /// To make a table takes longer than to ask about it.
    static SUBJECTS: RefCell<HashMap<u8, Subject>> = RefCell::default();
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((&seed, choices)) = input.split_first() else { return Corpus::Reject };
    // What proptest draws first, the fuzzer has chosen. The rest is as random as can be: where a
    // draw is rejected, zeros would be drawn for ever.
    let mut drawn = choices.to_vec();
    drawn.resize(choices.len() + ENOUGH, 0);
    fastrand::Rng::with_seed(hash(choices)).fill(&mut drawn[choices.len()..]);
    let rng = TestRng::from_seed(RngAlgorithm::PassThrough, &drawn);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    SUBJECTS.with_borrow_mut(|subjects| {
        let subject = subjects.entry(seed).or_insert_with(|| Subject::new(seed.into()));
        let Ok(query) = subject.queries().new_tree(&mut runner) else { return Corpus::Reject };
        if let Err(error) = subject.check(&query.current()) {
            panic!("table {seed}, {} rows: {error}", subject.rows());
        }
        Corpus::Keep
    })
});

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
