//! What a segment's columnar copy has: which rows, and which columns.

use crate::columnar::column::{ColumnValues, Place, bit};
use crate::columnar::input::Input;
use crate::columnar::segment::Segment;
use crate::hash::{HASH_BYTES, hash_under, put_hash, verified};
use crate::table::ColumnType;
#[cfg(feature = "sql")]
use crate::table::{Column, Table};

const VERSION: u8 = 1;

/// Every id from the first one on.
const DENSE: u8 = 0;
/// A bit for each id from the segment's first one on.
const SPARSE: u8 = 1;

/// Describes a segment's columnar copy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub(crate) segment: Segment,
    pub(crate) rows: usize,
    /// The sum of the checksums of the rows that the copy was made of. The copy is used only if those of
    /// the segment's blocks have the same sum.
    pub(crate) checksum: u64,
    pub(crate) ids: IdSet,
    pub(crate) columns: Vec<ColumnEntry>,
}

/// The ids of a segment's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdSet {
    /// As many as there are rows, from this one on.
    Dense(i64),
    /// A bit for each id of the segment.
    Sparse(Vec<u8>),
}

/// A column of a segment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnEntry {
    pub(crate) name: String,
    pub(crate) ty: ColumnType,
    /// The stored size of its values.
    pub(crate) bytes: usize,
    /// The rows that have no value.
    pub(crate) nulls: usize,
    /// The smallest and the largest value: an integer, nanoseconds, days, 0 or 1 for false or true, or the
    /// [place](crate::columnar::float_order) of a float. `None` if it is unknown, always null, or a text.
    pub(crate) range: Option<(i64, i64)>,
}

const TYPES: [ColumnType; 6] = [
    ColumnType::Text,
    ColumnType::Int,
    ColumnType::Float,
    ColumnType::Bool,
    ColumnType::Time,
    ColumnType::Date,
];

impl IdSet {
    /// The ids, which rise.
    pub(super) fn of(segment: Segment, ids: &[i64]) -> Self {
        match (ids.first(), ids.last()) {
            (Some(first), Some(last)) if last.abs_diff(*first) as usize + 1 > ids.len() => {
                let mut bits = vec![0; Segment::IDS / 8];
                for id in ids {
                    let index = id.abs_diff(*segment.ids().start()) as usize;
                    if let Some(byte) = bits.get_mut(index / 8) {
                        *byte |= 1 << (index % 8);
                    }
                }
                Self::Sparse(bits)
            }
            (first, _) => Self::Dense(first.copied().unwrap_or(*segment.ids().start())),
        }
    }

    /// The ids of the rows in their order.
    pub(crate) fn ids(&self, segment: Segment, rows: usize) -> Vec<i64> {
        match self {
            // Not `first..`, which goes past the last id of all.
            Self::Dense(first) => (0..rows as i64).map(|row| first + row).collect(),
            Self::Sparse(bits) => {
                let ids = segment.ids().zip(0..);
                ids.filter(|(_, index)| bit(bits, *index)).map(|(id, _)| id).collect()
            }
        }
    }
}

impl Header {
    /// Where the column of that name is, if its values have the column's type and fit it.
    #[cfg(feature = "sql")]
    pub(crate) fn position(&self, column: &Column) -> Option<usize> {
        let position = self.columns.iter().position(|entry| entry.name == column.name)?;
        let entry = &self.columns[position];
        (entry.ty == column.ty && (column.nullable || entry.nulls == 0)).then_some(position)
    }

    /// The stored size of some columns, by their indices in [`Table::columns`].
    #[cfg(feature = "sql")]
    pub(crate) fn bytes_of(&self, table: &Table, columns: &[usize]) -> usize {
        let position = |index: &usize| self.position(&table.columns()[*index]);
        columns.iter().filter_map(position).map(|position| self.columns[position].bytes).sum()
    }

    /// Decodes the stored values of a column, by its place among [`columns`](Self::columns). `None` if they
    /// are damaged, or belong to another column or segment.
    pub(crate) fn decode_column(&self, column: usize, bytes: &[u8]) -> Option<ColumnValues> {
        let entry = self.columns.get(column)?;
        ColumnValues::decode(bytes, self.place(column), entry.ty, self.rows)
    }

    pub(super) fn place(&self, column: usize) -> Place {
        Place { segment: self.segment, column, checksum: self.checksum }
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; HASH_BYTES];
        out.push(VERSION);
        out.extend_from_slice(&(self.rows as u32).to_le_bytes());
        out.extend_from_slice(&self.checksum.to_le_bytes());
        match &self.ids {
            IdSet::Dense(first) => {
                out.push(DENSE);
                out.extend_from_slice(&first.to_le_bytes());
            }
            IdSet::Sparse(bits) => {
                out.push(SPARSE);
                out.extend_from_slice(bits);
            }
        }
        out.extend_from_slice(&(self.columns.len() as u16).to_le_bytes());
        for column in &self.columns {
            let ty = TYPES.iter().position(|ty| *ty == column.ty).unwrap_or(TYPES.len());
            out.extend_from_slice(&(column.name.len() as u16).to_le_bytes());
            out.extend_from_slice(column.name.as_bytes());
            out.push(ty as u8);
            out.extend_from_slice(&(column.bytes as u32).to_le_bytes());
            out.extend_from_slice(&(column.nulls as u32).to_le_bytes());
            // If there is no range, the smallest is larger than the largest.
            let (low, high) = column.range.unwrap_or((i64::MAX, i64::MIN));
            out.extend_from_slice(&low.to_le_bytes());
            out.extend_from_slice(&high.to_le_bytes());
        }
        put_hash(&mut out, |rest| header_hash(self.segment, rest));
        out
    }

    /// Whether the bytes are no header of any version.
    pub(crate) fn is_damaged(segment: Segment, bytes: &[u8]) -> bool {
        verified(bytes, |rest| header_hash(segment, rest)).is_none()
    }

    /// Reads what [`encode`](Self::encode) has returned; `None` if it is anything else, such as the header
    /// of a later version.
    pub(crate) fn decode(segment: Segment, bytes: &[u8]) -> Option<Self> {
        let mut input = Input::new(verified(bytes, |rest| header_hash(segment, rest))?);
        if input.u8()? != VERSION {
            return None;
        }
        let rows = input.u32()? as usize;
        let checksum = input.u64()?;
        let ids = match input.u8()? {
            DENSE => IdSet::Dense(input.i64()?),
            SPARSE => IdSet::Sparse(input.take(Segment::IDS / 8)?.to_vec()),
            _ => return None,
        };
        let holds = match &ids {
            IdSet::Dense(first) => {
                let last = first.checked_add_unsigned(rows.checked_sub(1)? as u64)?;
                segment.ids().contains(first) && segment.ids().contains(&last)
            }
            IdSet::Sparse(bits) => {
                bits.iter().map(|byte| byte.count_ones() as usize).sum::<usize>() == rows
            }
        };
        if !holds {
            return None;
        }
        let mut columns = Vec::new();
        for _ in 0..input.u16()? {
            let name = usize::from(input.u16()?);
            let name = std::str::from_utf8(input.take(name)?).ok()?.to_owned();
            let ty = *TYPES.get(usize::from(input.u8()?))?;
            let (bytes, nulls) = (input.u32()? as usize, input.u32()? as usize);
            let (low, high) = (input.i64()?, input.i64()?);
            let range = (low <= high).then_some((low, high));
            columns.push(ColumnEntry { name, ty, bytes, nulls, range });
        }
        let is_whole = input.is_empty() && columns.len() <= Segment::MAX_COLUMNS;
        is_whole.then_some(Self { segment, rows, checksum, ids, columns })
    }
}

pub(super) fn header_hash(segment: Segment, bytes: &[u8]) -> u64 {
    hash_under(segment.header_key(), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_id_of_all_comes_back() {
        let segment = Segment::of(i64::MAX);
        let ids = [i64::MAX - 1, i64::MAX];
        assert_eq!(IdSet::of(segment, &ids).ids(segment, 2), ids);
        let ids = [i64::MAX - 2, i64::MAX];
        assert_eq!(IdSet::of(segment, &ids).ids(segment, 2), ids);
    }
}
