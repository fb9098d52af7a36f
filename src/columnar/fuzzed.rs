//! Copies without their hashes, for the fuzz target and the property tests: they change the bytes, and the
//! hashes would refuse nearly all of that before it is decoded.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};

use crate::columnar::header::{Header, header_hash};
use crate::columnar::{EncodedSegment, Segment, SegmentEncoder};
use crate::hash::{HASH_BYTES, put_hash};
use crate::table::Table;

/// The bytes of a header, and those of each column.
type BareCopy = (Vec<u8>, Vec<Vec<u8>>);

/// Encodes rows of one segment, whose ids rise. `None` if there are no rows.
///
/// # Errors
///
/// What is wrong with a row.
pub fn encode_copy<'a>(
    table: &'static Table,
    rows: impl IntoIterator<Item = (i64, &'a [u8])>,
) -> Result<Option<BareCopy>, String> {
    let mut rows = rows.into_iter().peekable();
    let Some((id, _)) = rows.peek() else { return Ok(None) };
    let mut encoder = SegmentEncoder::new(table, Segment::of(*id));
    for (id, json) in rows {
        encoder.push(id, json)?;
    }
    let bare = |stored: Vec<u8>| stored[HASH_BYTES..].to_vec();
    let encoded = encoder.finish(0);
    Ok(encoded.map(|EncodedSegment { header, columns }| {
        (bare(header.encode()), columns.into_iter().map(bare).collect())
    }))
}

/// Decodes the copy of the segment that has the id, from any bytes. `None` if they are not a copy of rows
/// of the table, or do not have all of its columns.
pub fn decode_copy(
    table: &'static Table,
    id: i64,
    header: &[u8],
    columns: &[Vec<u8>],
) -> Option<RecordBatch> {
    let segment = Segment::of(id);
    let header = Header::decode(segment, &hashed_header(segment, header))?;
    let ids = Int64Array::from(header.ids.ids(segment, header.rows));
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(ids)];
    for column in table.columns() {
        let place = header.position(column)?;
        let stored = hashed_column(&header, place, columns.get(place)?);
        let values = header.decode_column(place, &stored)?;
        arrays.push(values.into_array(column.ty, header.rows).ok()?);
    }
    RecordBatch::try_new(table.schema(), arrays).ok()
}

/// Returns the bytes as a header with the right hash.
pub(super) fn hashed_header(segment: Segment, bytes: &[u8]) -> Vec<u8> {
    hashed(bytes, |rest| header_hash(segment, rest))
}

/// Returns the bytes as the values of a column with the right hash.
pub(super) fn hashed_column(header: &Header, column: usize, bytes: &[u8]) -> Vec<u8> {
    hashed(bytes, |rest| header.place(column).hash(rest))
}

fn hashed(bytes: &[u8], hash: impl FnOnce(&[u8]) -> u64) -> Vec<u8> {
    let mut hashed = [&[0; HASH_BYTES], bytes].concat();
    put_hash(&mut hashed, hash);
    hashed
}
