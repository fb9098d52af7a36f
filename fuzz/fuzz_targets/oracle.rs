//! Random queries on random tables: the store answers like the oracles of the tests. The bytes are
//! the choices that make a query, so that what the fuzzer learns from one query helps it with the
//! next.

#![no_main]

#[path = "../../tests/it/oracle/answer.rs"]
mod answer;
#[path = "../../tests/it/oracle/choices.rs"]
mod choices;
#[path = "../../tests/it/oracle/expression.rs"]
mod expression;
#[path = "../../tests/it/oracle/generator.rs"]
mod generator;
#[path = "../../tests/it/oracle/known.rs"]
mod known;
#[path = "../../tests/it/oracle/memtable.rs"]
mod memtable;
#[path = "../../tests/it/oracle/moments.rs"]
mod moments;
#[path = "../../tests/it/oracle/query.rs"]
mod query;
#[path = "../../tests/it/oracle/sql.rs"]
mod sql;
#[path = "../../tests/it/oracle/sqlite.rs"]
mod sqlite;
#[path = "../../tests/it/oracle/subject.rs"]
mod subject;
#[path = "../../tests/it/oracle/tables.rs"]
mod tables;

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic;
use std::sync::Once;

use libfuzzer_sys::{Corpus, fuzz_target};

use choices::Choices;
use generator::Generator;
use subject::{Subject, Way};

thread_local! {
    /// Creating a store takes longer than querying it.
    static SUBJECTS: RefCell<HashMap<u8, Subject>> = RefCell::default();
}

/// DataFusion panics at some queries, and the oracle's sessions turn that into an error. The
/// fuzzer's panic hook would end the process first. A panic of the target itself still ends it.
static UNHOOKED: Once = Once::new();

fuzz_target!(|input: &[u8]| -> Corpus {
    UNHOOKED.call_once(|| drop(panic::take_hook()));
    let Some((&seed, choices)) = input.split_first() else { return Corpus::Reject };
    SUBJECTS.with_borrow_mut(|subjects| {
        // Each subject holds a store and two copies of its rows.
        let seed = seed % 32;
        let subject = subjects.entry(seed).or_insert_with(|| Subject::new(seed.into()));
        let mut generator = Generator::new(Choices::of_bytes(choices), &subject.relations);
        let query = generator.query();
        let way = *generator.choices.of(&Way::ALL);
        if let Err(error) = subject.check(&query, way) {
            panic!("{}: {error}", subject.description);
        }
        Corpus::Keep
    })
});
