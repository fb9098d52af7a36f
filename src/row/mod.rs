//! A row's stored form: one JSON object, `id` first, then the table's columns in order, every null
//! written out, no white space.

#[cfg(test)]
mod agreement;
mod cursor;
mod decode;
mod encode;
mod input;
mod object;
mod stops;
mod time;
mod token;
mod waiting;
mod written;

pub use decode::Decoder;
pub(crate) use encode::{EncodedRow, id_prefix};
pub(crate) use input::InputRow;
pub(crate) use time::{stored_time, stored_time_array};
pub(crate) use waiting::EncodedRows;
