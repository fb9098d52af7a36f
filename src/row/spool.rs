//! A spool of rows that will be stored together.

use std::io::{self, BufReader, Read, Seek, Write};

use tempfile::SpooledTempFile;

use crate::error::{Error, Result};
use crate::row::encode::EncodedRow;
use crate::table::Record;

/// If the rows are larger than this, they are written to a file.
const MAX_ROWS_IN_MEMORY_BYTES: usize = 16 << 20;

/// Rows, encoded without their ids, that will be stored together.
///
/// They are collected outside the transaction, so that other writers need not wait for a slow
/// source. If they are larger than 16 MiB, they are written to an unnamed temporary file.
pub(crate) struct RowSpool {
    rows: SpooledTempFile,
    count: u64,
    json_bytes: u64,
    order: Order,
    times: Times,
}

/// The times of rows.
#[derive(Clone, Copy)]
enum Times {
    /// There are no rows yet.
    Empty,
    /// The first and the last.
    Between(i64, i64),
    /// Some row does not have one.
    Unknown,
}

/// The order of the rows' former ids, which they had in their source.
#[derive(Clone, Copy)]
enum Order {
    /// Every row has one, and each is higher than the one before.
    Ascending { last: Option<i64> },
    /// Every row has one, in any order.
    Mixed,
    /// Some row does not have one.
    Unknown,
}

/// What is written before a row's JSON.
struct Header {
    length: u64,
    time: Option<i64>,
    former_id: Option<i64>,
}

impl RowSpool {
    pub(crate) fn new() -> Self {
        Self {
            rows: SpooledTempFile::new(MAX_ROWS_IN_MEMORY_BYTES),
            count: 0,
            json_bytes: 0,
            order: Order::Ascending { last: None },
            times: Times::Empty,
        }
    }

    /// Encodes the records.
    pub(crate) fn of<R: Record>(records: impl IntoIterator<Item = R>) -> Result<Self> {
        let (mut rows, mut row) = (Self::new(), EncodedRow::default());
        for record in records {
            row.encode(R::TABLE, record.values()).map_err(|error| error.into_error(R::TABLE))?;
            rows.push(&row)?;
        }
        Ok(rows)
    }

    /// Adds a row without a former id.
    pub(crate) fn push(&mut self, row: &EncodedRow) -> Result<()> {
        self.push_former(row, None)
    }

    /// Adds a row, and the id that it had in its source.
    pub(crate) fn push_former(&mut self, row: &EncodedRow, former_id: Option<i64>) -> Result<()> {
        self.order = match (self.order, former_id) {
            (Order::Unknown, _) | (_, None) => Order::Unknown,
            (Order::Ascending { last }, Some(id)) if last.is_none_or(|last| last < id) => {
                Order::Ascending { last: Some(id) }
            }
            (_, Some(_)) => Order::Mixed,
        };
        self.times = match (self.times, row.time) {
            (Times::Unknown, _) | (_, None) => Times::Unknown,
            (Times::Empty, Some(time)) => Times::Between(time, time),
            (Times::Between(first, last), Some(time)) => {
                Times::Between(first.min(time), last.max(time))
            }
        };
        let header = Header { length: row.json.len() as u64, time: row.time, former_id };
        self.rows
            .write_all(&header.to_bytes())
            .and_then(|()| self.rows.write_all(&row.json))
            .map_err(Error::io("write rows to a temporary file in", std::env::temp_dir()))?;
        self.count += 1;
        self.json_bytes += header.length;
        Ok(())
    }

    /// Returns the number of rows.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the size of the rows' JSON in bytes.
    pub(crate) fn json_bytes(&self) -> u64 {
        self.json_bytes
    }

    /// Returns the first and the last time of the rows, in nanoseconds; `None` if a row has no time or
    /// there are no rows.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        match self.times {
            Times::Between(first, last) => Some((first, last)),
            Times::Empty | Times::Unknown => None,
        }
    }

    /// Passes the rows to `visit`: in the order of their former ids if each row has a different
    /// one, else in the order in which they were pushed.
    pub(crate) fn read(&mut self, mut visit: impl FnMut(&EncodedRow) -> Result<()>) -> Result<()> {
        let unreadable = || Error::io("read rows from a temporary file in", std::env::temp_dir());
        let places = match self.order {
            Order::Mixed => self.offsets_by_former_id().map_err(unreadable())?,
            _ => None,
        };
        self.rows.rewind().map_err(unreadable())?;
        let mut rows = BufReader::with_capacity(1 << 18, &mut self.rows);
        let mut row = EncodedRow::default();
        let (mut next, mut here) = (places.iter().flatten(), 0);
        for _ in 0..self.count {
            let place = next.next().map_or(here, |(_, place)| *place);
            let header = read_row(&mut rows, place.wrapping_sub(here), &mut row);
            let header = header.map_err(unreadable())?;
            here = place + Header::BYTES as u64 + header.length;
            visit(&row)?;
        }
        Ok(())
    }

    /// Returns the former ids and the offsets of the rows, by id; `None` if two rows have the same
    /// id.
    fn offsets_by_former_id(&mut self) -> io::Result<Option<Vec<(i64, u64)>>> {
        self.rows.rewind()?;
        let mut rows = BufReader::with_capacity(1 << 18, &mut self.rows);
        let (mut places, mut place) = (Vec::new(), 0);
        for _ in 0..self.count {
            let header = Header::read(&mut rows)?;
            places.extend(header.former_id.map(|id| (id, place)));
            rows.seek_relative(header.length.cast_signed())?;
            place += Header::BYTES as u64 + header.length;
        }
        places.sort_unstable();
        let distinct = places.is_sorted_by(|(one, _), (next, _)| one < next);
        Ok(distinct.then_some(places))
    }
}

impl std::fmt::Debug for RowSpool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowSpool").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Reads the row at this distance from the current position. Most rows are close to the previous
/// one, and are already in the buffer.
fn read_row<R: Read + Seek>(
    rows: &mut BufReader<R>,
    distance: u64,
    row: &mut EncodedRow,
) -> io::Result<Header> {
    rows.seek_relative(distance.cast_signed())?;
    let header = Header::read(rows)?;
    row.time = header.time;
    row.json.clear();
    rows.take(header.length).read_to_end(&mut row.json)?;
    Ok(header)
}

impl Header {
    const BYTES: usize = 25;

    fn to_bytes(&self) -> Vec<u8> {
        let has = u8::from(self.time.is_some()) | u8::from(self.former_id.is_some()) << 1;
        let numbers = [self.time.unwrap_or_default(), self.former_id.unwrap_or_default()];
        let mut bytes = vec![has];
        bytes.extend(self.length.to_le_bytes());
        bytes.extend(numbers.into_iter().flat_map(i64::to_le_bytes));
        bytes
    }

    fn read(rows: &mut impl Read) -> io::Result<Self> {
        let (mut has, mut length, mut time, mut id) = ([0; 1], [0; 8], [0; 8], [0; 8]);
        for field in [&mut has[..], &mut length, &mut time, &mut id] {
            rows.read_exact(field)?;
        }
        Ok(Self {
            length: u64::from_le_bytes(length),
            time: (has[0] & 1 != 0).then(|| i64::from_le_bytes(time)),
            former_id: (has[0] & 2 != 0).then(|| i64::from_le_bytes(id)),
        })
    }
}
