//! Random queries about random tables: the provider answers as a `MemTable` of the same rows does.

#![no_main]

#[path = "../../tests/it/oracle/subject.rs"]
mod subject;

use std::cell::RefCell;
use std::collections::HashMap;

use libfuzzer_sys::{Corpus, fuzz_target};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use subject::Subject;

thread_local! {
    /// To make a table takes longer than to ask about it.
    static SUBJECTS: RefCell<HashMap<u8, Subject>> = RefCell::default();
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((&seed, choices)) = input.split_first() else { return Corpus::Reject };
    // The bytes are a seed: to let proptest draw them themselves (`RngAlgorithm::PassThrough`) hangs
    // once they are used up, and it halves them at every nested choice.
    let mut seed_of_query = [0; 32];
    for (byte, choice) in seed_of_query.iter_mut().zip(choices) {
        *byte = *choice;
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed_of_query);
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
