//! A row's stored form: one JSON object, `id` first, then the table's columns in order, every null
//! written out, no white space.

mod canonical;
mod cursor;
pub(crate) mod date;
mod decode;
#[cfg(test)]
mod differential_tests;
mod encode;
mod object;
mod parse;
mod spool;
mod structural;
mod time;
mod token;

pub use decode::Decoder;
pub(crate) use encode::{EncodedRow, Unstorable, id_prefix};
pub(crate) use parse::RowParser;
pub(crate) use spool::RowSpool;
pub(crate) use time::{parse_nanos as parse_time, stored_time, stored_time_array};
