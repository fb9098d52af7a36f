//! Each documented function does what its example says, and what sqlite3 and duckdb do.

mod calls;
mod engines;
mod idioms;
mod json_rows;
mod pushdown;
mod values;

use std::collections::BTreeSet;

use netsky_db::{Error, FUNCTIONS};
use netsky_testing::{TestStore, store};

/// Returns an answer as CSV without its header.
fn csv(store: &TestStore, sql: &str) -> Result<String, Error> {
    Ok(engines::csv(&store.db.query_batches(sql)?))
}

#[test]
fn every_example_has_its_answer() {
    let store = store();
    let mut wrong = Vec::new();
    for function in FUNCTIONS.iter().filter(|function| function.is_available()) {
        let found = match csv(&store, function.example()) {
            Ok(found) => found,
            Err(error) => error.to_string(),
        };
        if found != function.answer() {
            wrong.push(format!("{}\n  {}\n  {found}", function.example(), function.answer()));
        }
        assert!(function.example().contains(&format!("{}(", function.name())), "{function:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_are_distinct_and_documented_in_a_line() {
    let mut seen = BTreeSet::new();
    for function in &FUNCTIONS {
        assert!(seen.insert(function.name()), "{} is there twice", function.name());
        assert_eq!(function.name(), function.name().to_lowercase());
        if function.is_available() {
            assert!(function.signature().contains(function.name()), "{function:?}");
            assert!(
                function.doc().ends_with('.') && !function.doc().contains('\n'),
                "{function:?}"
            );
            assert!(function.doc().len() < 110, "{}", function.doc());
        } else {
            assert!(!function.signature().is_empty(), "{function:?}");
        }
    }
}
