//! Segments: runs of 8,192 ids that have a columnar copy.

use std::ops::RangeInclusive;

/// As many rows as a DataFusion batch has. A smaller segment compresses worse; one of 65,536 rows needs
/// 108 MiB of memory for a query that reads long texts, and does not compress better.
const SEGMENT_BITS: u32 = 13;

/// The bits of a key that number a segment's values.
const COLUMN_BITS: u32 = 12;

/// A segment of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Segment(i64);

impl Segment {
    /// The number of ids of a segment.
    pub(crate) const IDS: usize = 1 << SEGMENT_BITS;

    /// The number of columns that a segment can have.
    pub(crate) const MAX_COLUMNS: usize = (1 << COLUMN_BITS) - 1;

    /// The segment that has an id.
    pub(crate) fn of(id: i64) -> Self {
        Self(id >> SEGMENT_BITS)
    }

    /// Its ids.
    pub(crate) fn ids(self) -> RangeInclusive<i64> {
        let first = self.0 << SEGMENT_BITS;
        first..=first + (Self::IDS as i64 - 1)
    }

    /// The key of its header.
    pub(crate) fn header_key(self) -> i64 {
        self.0 << COLUMN_BITS
    }

    /// The key of the values of a column, by its place in the header.
    pub(crate) fn column_key(self, column: usize) -> i64 {
        self.header_key() + 1 + column as i64
    }

    /// The segment that a key belongs to.
    pub(crate) fn of_key(key: i64) -> Self {
        Self(key >> COLUMN_BITS)
    }

    /// The keys of everything that it has.
    pub(crate) fn keys(self) -> RangeInclusive<i64> {
        self.header_key()..=self.column_key(Self::MAX_COLUMNS - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_ids_of_segments_do_not_overlap() {
        for id in [i64::MIN, -8_193, -8_192, -1, 0, 1, 8_191, 8_192, i64::MAX] {
            let segment = Segment::of(id);
            assert!(segment.ids().contains(&id));
            assert!(segment.keys().contains(&segment.header_key()));
            assert_eq!(Segment::of_key(*segment.keys().start()), segment);
            assert_eq!(Segment::of_key(*segment.keys().end()), segment);
            assert!(segment.keys().contains(&segment.column_key(Segment::MAX_COLUMNS - 1)));
            let Some(next) = segment.ids().end().checked_add(1).map(Segment::of) else { continue };
            assert_eq!(segment.ids().end() + 1, *next.ids().start());
            assert_eq!(segment.keys().end() + 1, *next.keys().start());
        }
    }
}
