//! The stored form of a row: one JSON object without white space. `id` comes first, then the
//! table's columns in order, including those that are null.

mod canonical;
mod cursor;
pub(crate) mod date;
#[cfg(feature = "sql")]
mod decode;
#[cfg(all(test, feature = "sql"))]
pub(crate) mod differential_tests;
mod encode;
#[cfg(feature = "sql")]
mod format_time;
mod input;
mod input_time;
mod json_column;
mod normalizer;
mod object;
mod parse;
mod spool;
mod structural;
mod time;
mod token;
mod values;

pub(crate) use date::days_since_1970;
#[cfg(feature = "sql")]
pub use decode::Decoder;
pub use encode::EncodedRow;
pub(crate) use encode::{Unstorable, id_prefix};
#[cfg(feature = "sql")]
pub(crate) use format_time::{stored_time, stored_time_array};
pub(crate) use input::fit;
pub(crate) use normalizer::RowNormalizer;
pub(crate) use object::Scalar;
pub(crate) use parse::RowParser;
pub(crate) use spool::RowSpool;
pub(crate) use values::{RowChecker, RowVisitor, TimeReader, ValueReader};
