//! Sorts rows by keys that are packed into one number.
//!
//! DataFusion sorts each batch by comparing columns through pointers, and merges the batches, of which there can be
//! thousands, by comparing rows of bytes: 465 ns for each of 2·10⁷ rows by a text and a time. Here a text stands as its
//! rank among the texts of its column, and a number or a time as its distance from the least. Together with the row's
//! number they fit into 128 bits, which are compared at once, and from which the sorted columns are decoded.
//!
//! - [`exec`] is the operator in a plan, in the place of a `SortExec`.
//! - [`sort`] buffers the input in a [`buffer`], and returns it sorted, or lets DataFusion sort it.
//! - [`keys`] says which columns are keys, [`ranked_texts`] has the order of texts, [`layout`] says where the values of a
//!   key are in a number, and [`sorted_rows`] sorts the numbers and returns the rows.

mod buffer;
#[cfg(test)]
mod differential_tests;
mod exec;
mod keys;
mod layout;
mod ranked_texts;
mod sort;
mod sorted_rows;

pub(super) use exec::PackedSortExec;
