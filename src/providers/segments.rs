//! The columnar copies that a scan can read instead of rows.

use std::sync::Arc;

use crate::columnar::{Header, Segment};
use crate::providers::id_ranges::IdRange;
use crate::store::{SegmentRows, Snapshot, ZoneMap};
use crate::table::Table;

/// A copy is decoded as a whole, at about a twentieth of the cost of its rows. It is read if at least one
/// in this many of its rows is wanted.
const MAX_ROWS_PER_WANTED_ROW: u64 = 4;

/// The segments that may have a copy and have enough wanted rows.
#[derive(Debug)]
pub(super) struct SegmentCopies {
    table: &'static Table,
    snapshot: Arc<Snapshot>,
    /// In ascending order.
    segments: Vec<SegmentRows>,
    /// The header of one of them, from which the size of the others is estimated. Headers are read when
    /// their segment is: those of a table of 5,000,000 rows took 20 ms, and a query that ends early needs
    /// none.
    sample: Option<Header>,
}

/// Ranges of ids, the first of some, that have one segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct SegmentRanges {
    rows: SegmentRows,
    pub(super) ranges: usize,
}

impl SegmentCopies {
    /// Looks for the complete segments that have enough wanted rows.
    pub(super) fn plan(
        snapshot: &Arc<Snapshot>,
        table: &'static Table,
        zones: &ZoneMap,
        id_ranges: &[IdRange],
    ) -> Self {
        let wanted: Vec<Segment> = by_segment(id_ranges)
            .filter(|(_, ranges)| wanted_rows(ranges) >= MIN_WANTED_ROWS)
            .map(|(segment, _)| segment)
            .collect();
        let mut segments = Vec::new();
        if !wanted.is_empty() {
            segments = zones.complete_segments();
            segments.retain(|rows| wanted.binary_search(&rows.segment).is_ok());
        }
        let mut copies = Self { table, snapshot: Arc::clone(snapshot), segments, sample: None };
        // The first segment has often no copy because a prune has just cut it. Without a sample, a segment
        // is divided among tasks, and each of them decodes it.
        let first = copies.segments.iter().take(MAX_SAMPLES);
        copies.sample = first.copied().find_map(|rows| copies.header(rows));
        copies
    }

    /// The first of the ranges that have one segment, if enough of its rows are wanted.
    pub(super) fn front<'a>(
        &self,
        id_ranges: impl Iterator<Item = &'a IdRange> + Clone,
    ) -> Option<SegmentRanges> {
        let segment = segment_of(id_ranges.clone().next()?)?;
        let index = self.segments.binary_search_by_key(&segment, |rows| rows.segment).ok()?;
        let of_segment = id_ranges.take_while(|id_range| segment_of(id_range) == Some(segment));
        let (mut ranges, mut wanted) = (0, 0_u64);
        for id_range in of_segment {
            ranges += 1;
            wanted = wanted.saturating_add(max_rows(id_range));
        }
        let rows = self.segments[index];
        let are_enough = wanted.saturating_mul(MAX_ROWS_PER_WANTED_ROW) >= rows.rows;
        are_enough.then_some(SegmentRanges { rows, ranges })
    }

    /// The header of the copy of a segment; `None` if it has none, or a damaged one.
    pub(super) fn header_of(&self, ranges: SegmentRanges) -> Option<Header> {
        self.header(ranges.rows)
    }

    fn header(&self, rows: SegmentRows) -> Option<Header> {
        let headers = self.snapshot.segment_headers(self.table, std::iter::once(rows));
        headers.ok()?.pop()
    }

    /// Estimates the stored size of some columns of a segment, by their indices in [`Table::columns`], from
    /// another segment. `None` if that one has no copy.
    pub(super) fn estimated_bytes(&self, columns: &[usize]) -> Option<u64> {
        self.sample.as_ref().map(|header| header.bytes_of(self.table, columns) as u64)
    }
}

/// The number of segments among which one with a copy is looked for.
const MAX_SAMPLES: usize = 16;

/// No copy is worth reading for fewer rows. A segment can have few rows in all, but then its rows are read
/// as fast.
const MIN_WANTED_ROWS: u64 = 64;

/// The segment that has all ids of the range.
fn segment_of(id_range: &IdRange) -> Option<Segment> {
    let segment = Segment::of(*id_range.ids.start());
    segment.ids().contains(id_range.ids.end()).then_some(segment)
}

/// The segments of the ranges, which rise, with their ranges.
fn by_segment(id_ranges: &[IdRange]) -> impl Iterator<Item = (Segment, &[IdRange])> {
    let groups = id_ranges.chunk_by(|a, b| segment_of(a) == segment_of(b));
    groups.filter_map(|ranges| Some((segment_of(ranges.first()?)?, ranges)))
}

fn wanted_rows(id_ranges: &[IdRange]) -> u64 {
    id_ranges.iter().map(max_rows).fold(0, u64::saturating_add)
}

/// The largest number of rows that the range can have.
fn max_rows(id_range: &IdRange) -> u64 {
    let ids = id_range.ids.end().abs_diff(*id_range.ids.start()).saturating_add(1);
    id_range.max_rows.map_or(ids, |rows| rows.min(ids))
}
