//! The table of functions.

use crate::query::functions::function::Function;
use crate::query::functions::{
    aggregates, date_math, date_parts, json, missing, sqlite_times, text, values,
};

const SUBJECTS: [&[Function]; 8] = [
    sqlite_times::FUNCTIONS,
    date_parts::FUNCTIONS,
    date_math::FUNCTIONS,
    json::FUNCTIONS,
    aggregates::FUNCTIONS,
    text::FUNCTIONS,
    values::FUNCTIONS,
    missing::FUNCTIONS,
];

/// The functions that this crate adds or documents, by subject, and those that are known from other
/// databases. Each that is available has an example with its answer.
///
/// ```
/// use netsky_db::FUNCTIONS;
///
/// let date_diff = FUNCTIONS.iter().find(|function| function.name() == "date_diff").unwrap();
/// assert_eq!(date_diff.answer(), "1");
/// ```
pub static FUNCTIONS: [Function; COUNT] = flat();

const COUNT: usize = {
    let (mut count, mut subject) = (0, 0);
    while subject < SUBJECTS.len() {
        count += SUBJECTS[subject].len();
        subject += 1;
    }
    count
};

const fn flat() -> [Function; COUNT] {
    let mut all = [SUBJECTS[0][0]; COUNT];
    let (mut at, mut subject) = (0, 0);
    while subject < SUBJECTS.len() {
        let mut nth = 0;
        while nth < SUBJECTS[subject].len() {
            all[at] = SUBJECTS[subject][nth];
            (at, nth) = (at + 1, nth + 1);
        }
        subject += 1;
    }
    all
}
