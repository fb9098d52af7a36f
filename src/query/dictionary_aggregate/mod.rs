//! Groups rows by the ids of texts.
//!
//! DataFusion looks up each row's text in a hash table: it hashes the text, and compares it with that of the group. Texts
//! of a columnar copy or a Parquet file come from a dictionary, so rows with the same text have the same view, 16 bytes.
//! Here the id of a text is found by its view, and the group by the ids of up to four columns as one number.
//!
//! - [`exec`] is the operator in a plan, in the place of a partial `AggregateExec`.
//! - [`rounds`] groups rows until a dictionary is full, returns the groups, and begins anew.
//! - [`grouping`] is one such round: the groups and DataFusion's accumulators.
//! - [`keys`] says which ids are in which number, and [`number_groups`] finds the group of a number.

#[cfg(test)]
mod differential_tests;
mod exec;
mod grouping;
mod keys;
mod number_groups;
mod rounds;

pub(super) use exec::DictionaryAggregateExec;
