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
mod header;
mod input;
mod integers;
mod packed;
mod pool;
mod segment;
mod texts;

pub(crate) use column::ColumnValues;
pub(crate) use encoder::{EncodedSegment, SegmentEncoder};
pub(crate) use header::Header;
pub(crate) use segment::Segment;

/// Returns the bytes as a header with the right hash.
#[cfg(all(test, feature = "sql"))]
fn hashed_header(segment: Segment, bytes: &[u8]) -> Vec<u8> {
    [&header::header_hash(segment, bytes).to_le_bytes()[..], bytes].concat()
}

/// The same for the values of a column.
#[cfg(all(test, feature = "sql"))]
fn hashed_column(header: &Header, column: usize, bytes: &[u8]) -> Vec<u8> {
    [&header.place(column).hash(bytes).to_le_bytes()[..], bytes].concat()
}
