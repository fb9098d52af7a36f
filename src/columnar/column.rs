//! The values of one column of a segment.

use crate::columnar::input::Input;
use crate::columnar::packed::{pack, unpack};
use crate::columnar::texts::{TextRun, Texts};
use crate::columnar::{Segment, integers};
use crate::hash::{HASH_BYTES, hash_under, put_hash, verified};
use crate::table::ColumnType;

const ALL_VALID: u8 = 0;
const SOME_NULL: u8 = 1;
const ALL_NULL: u8 = 2;

/// The values of a column, one for each row of the segment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnValues {
    /// A bit for each row, the lowest of a byte first, that is set if the row has a value. `None` if every
    /// row has one.
    pub(crate) valid: Option<Vec<u8>>,
    /// Anything for a row without a value.
    pub(crate) values: Values,
}

/// Values by how they are stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    /// Integers, times in nanoseconds since 1970, and dates in days since 1970.
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    /// A bit for each row.
    Bools(Vec<u8>),
    Texts(Texts),
}

/// Where a column's values belong. Their hash depends on it, so that values of another column or an older
/// copy are noticed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) segment: Segment,
    pub(super) column: usize,
    /// The checksum of the segment's rows.
    pub(super) checksum: u64,
}

impl Place {
    pub(super) fn hash(self, bytes: &[u8]) -> u64 {
        hash_under(self.segment.column_key(self.column), bytes) ^ self.checksum
    }
}

pub(super) fn bit(bits: &[u8], index: usize) -> bool {
    bits.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}

pub(super) fn bits(values: &[bool]) -> Vec<u8> {
    let byte =
        |values: &[bool]| values.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    values.chunks(8).map(byte).collect()
}

impl ColumnValues {
    /// The stored form: a hash of the rest, which rows have a value, and the values.
    pub(super) fn encode(&self, place: Place, nulls: usize, rows: usize) -> Vec<u8> {
        let mut out = vec![0; HASH_BYTES];
        match &self.valid {
            _ if nulls == rows => out.push(ALL_NULL),
            Some(valid) if nulls > 0 => {
                out.push(SOME_NULL);
                pack(valid, &mut out);
            }
            _ => out.push(ALL_VALID),
        }
        if nulls < rows {
            match &self.values {
                Values::Ints(values) => integers::encode(values, &mut out),
                Values::Floats(values) => pack(&float_bytes(values), &mut out),
                Values::Bools(bits) => pack(bits, &mut out),
                Values::Texts(texts) => texts.encode(&mut out),
            }
        }
        put_hash(&mut out, |rest| place.hash(rest));
        out
    }

    /// Reads what [`encode`](Self::encode) has returned; `None` if it is anything else.
    pub(super) fn decode(bytes: &[u8], place: Place, ty: ColumnType, rows: usize) -> Option<Self> {
        let mut input = Input::new(verified(bytes, |rest| place.hash(rest))?);
        let bit_bytes = rows.div_ceil(8);
        let (is_null, valid) = match input.u8()? {
            ALL_VALID => (false, None),
            SOME_NULL => (false, Some(unpack(&mut input, bit_bytes, 0)?.to_vec())),
            ALL_NULL => (true, Some(vec![0; bit_bytes])),
            _ => return None,
        };
        let values = match ty {
            _ if is_null => Values::none(ty, rows),
            ColumnType::Int | ColumnType::Time | ColumnType::Date => {
                Values::Ints(integers::decode(&mut input, rows)?)
            }
            ColumnType::Float => Values::Floats(floats(&unpack(&mut input, rows * 8, 0)?)?),
            ColumnType::Bool => Values::Bools(unpack(&mut input, bit_bytes, 0)?.to_vec()),
            ColumnType::Text => Values::Texts(Texts::decode(&mut input, rows)?),
        };
        let has_all = |bits: &[u8]| bits.len() == bit_bytes;
        let is_whole = input.is_empty()
            && valid.as_deref().is_none_or(has_all)
            && match &values {
                Values::Ints(values) => values.len() == rows,
                Values::Floats(values) => values.len() == rows,
                Values::Bools(bits) => has_all(bits),
                Values::Texts(texts) => texts.len() == rows,
            };
        is_whole.then_some(Self { valid, values })
    }

    /// The different texts of the column, if it has a dictionary, and their number. A null is one of them.
    #[cfg(feature = "sql")]
    pub(crate) fn distinct_texts(&self) -> Option<(Self, usize)> {
        let (Values::Texts(Texts::DictionaryU8(_, entries))
        | Values::Texts(Texts::DictionaryU16(_, entries))) = &self.values
        else {
            return None;
        };
        let mut entries = entries.clone();
        let Some(valid) = &self.valid else {
            let texts = entries.len();
            return Some((Self { valid: None, values: Values::Texts(Texts::Run(entries)) }, texts));
        };
        if valid.iter().all(|byte| *byte == 0) {
            entries = TextRun::EMPTY;
        }
        let texts = entries.len();
        entries.push(b"");
        let valid: Vec<bool> = (0..=texts).map(|index| index < texts).collect();
        let values = Values::Texts(Texts::Run(entries));
        Some((Self { valid: Some(bits(&valid)), values }, texts + 1))
    }

    /// The different texts of the column, if it has a dictionary, and how many rows have each of them. A text
    /// that no row has may be among them.
    #[cfg(feature = "sql")]
    pub(crate) fn counted_texts(&self) -> Option<(Self, Vec<i64>)> {
        let (texts, count) = self.distinct_texts()?;
        let mut counts = vec![0; count];
        match &self.values {
            Values::Texts(Texts::DictionaryU8(ids, _)) => self.count(ids, &mut counts),
            Values::Texts(Texts::DictionaryU16(ids, _)) => self.count(ids, &mut counts),
            _ => return None,
        }
        Some((texts, counts))
    }

    /// Counts the rows of each id. Those without a value are the last ones of the counts.
    #[cfg(feature = "sql")]
    fn count<T: Copy + Into<usize>>(&self, ids: &[T], counts: &mut [i64]) {
        let null = counts.len().saturating_sub(1);
        for (row, id) in ids.iter().enumerate() {
            let place = match &self.valid {
                Some(valid) if !bit(valid, row) => null,
                _ => (*id).into(),
            };
            // Every id is that of an entry: the decoder has checked it.
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
        }
    }

    /// Whether both have the same values in the same rows.
    pub(crate) fn equals(&self, other: &Self, rows: usize) -> bool {
        (0..rows).all(|row| {
            let is_valid = |column: &Self| column.valid.as_ref().is_none_or(|bits| bit(bits, row));
            match (is_valid(self), is_valid(other)) {
                (true, true) => match (&self.values, &other.values) {
                    (Values::Ints(a), Values::Ints(b)) => a.get(row) == b.get(row),
                    (Values::Floats(a), Values::Floats(b)) => {
                        a.get(row).map(|float| float.to_bits())
                            == b.get(row).map(|float| float.to_bits())
                    }
                    (Values::Bools(a), Values::Bools(b)) => bit(a, row) == bit(b, row),
                    (Values::Texts(a), Values::Texts(b)) => a.get(row) == b.get(row),
                    _ => false,
                },
                (a, b) => a == b,
            }
        })
    }
}

impl Values {
    /// Values for rows that have none.
    fn none(ty: ColumnType, rows: usize) -> Self {
        match ty {
            ColumnType::Int | ColumnType::Time | ColumnType::Date => Self::Ints(vec![0; rows]),
            ColumnType::Float => Self::Floats(vec![0.0; rows]),
            ColumnType::Bool => Self::Bools(vec![0; rows.div_ceil(8)]),
            ColumnType::Text => {
                let mut entries = TextRun::EMPTY;
                entries.push(b"");
                Self::Texts(Texts::DictionaryU8(vec![0; rows], entries))
            }
        }
    }
}

/// The first bytes of all floats, then the second ones, and so on: neighbours often share the first ones,
/// which then compress.
fn float_bytes(values: &[f64]) -> Vec<u8> {
    let byte = |index: usize| values.iter().map(move |value| value.to_be_bytes()[index]);
    (0..8).flat_map(byte).collect()
}

fn floats(bytes: &[u8]) -> Option<Vec<f64>> {
    let rows = bytes.len() / 8;
    let value = |row: usize| {
        let mut value = [0; 8];
        for (index, byte) in value.iter_mut().enumerate() {
            *byte = bytes[index * rows + row];
        }
        f64::from_be_bytes(value)
    };
    bytes.len().is_multiple_of(8).then(|| (0..rows).map(value).collect())
}
