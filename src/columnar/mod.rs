//! The columnar copy of a segment of rows: 8,192 ids, column by column and compressed.
//!
//! The JSON rows are the source of truth. A full scan of them reads every column of every row and parses
//! its JSON; the copy lets it read only the columns that it needs, at about 20 times the speed. This module
//! defines the bytes of the copy, without Arrow and without redb: [`encoder`] makes them of rows,
//! [`header`] describes a segment, and [`column`] has the values of one of its columns. `ARCHITECTURE.md`
//! describes the format byte by byte.
//!
//! Decoding is total: any bytes give values or `None`. Each value carries a hash, so a changed byte gives
//! `None` as well, and the reader takes the rows instead.

#[cfg(feature = "sql")]
mod arrays;
mod column;
#[cfg(all(test, feature = "sql"))]
mod differential_tests;
mod encoder;
#[cfg(feature = "sql")]
mod fuzzed;
mod header;
mod input;
mod integers;
mod order;
mod packed;
mod pool;
mod segment;
mod texts;

pub(crate) use column::ColumnValues;
#[cfg(feature = "sql")]
pub use fuzzed::{decode_copy, encode_copy};

pub(crate) use encoder::{BuiltColumn, EncodedSegment, SegmentEncoder};
#[cfg(feature = "sql")]
pub(crate) use header::ColumnEntry;
pub(crate) use header::Header;
#[cfg(feature = "sql")]
pub(crate) use order::float_order;
pub(crate) use segment::Segment;
