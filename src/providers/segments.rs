//! The columnar copies that a scan can read instead of rows.

use std::sync::Arc;

use crate::columnar::{Header, Segment};
use crate::error::Result;
use crate::providers::id_ranges::IdRange;
use crate::store::{Snapshot, ZoneMap};
use crate::table::Table;

/// A copy is decoded as a whole, at about a twentieth of the cost of its rows. It is read if at least
/// one in so many of its rows is wanted.
const MAX_ROWS_PER_WANTED_ROW: u64 = 4;

/// The headers of the copies, by segment.
#[derive(Debug, Default)]
pub(super) struct SegmentCopies(Vec<Arc<Header>>);

/// The copy that the first of some ranges of ids are read from.
#[derive(Debug)]
pub(super) struct SegmentCopy {
    pub(super) header: Arc<Header>,
    /// The number of ranges that are read from it.
    pub(super) ranges: usize,
}

impl SegmentCopies {
    /// Looks for the copies of the segments of which enough rows are wanted.
    pub(super) fn plan(
        snapshot: &Snapshot,
        table: &Table,
        zones: &ZoneMap,
        id_ranges: &[IdRange],
    ) -> Result<Self> {
        let wanted: Vec<Segment> = by_segment(id_ranges)
            .filter(|(_, ranges)| wanted_rows(ranges) >= MIN_WANTED_ROWS)
            .map(|(segment, _)| segment)
            .collect();
        if wanted.is_empty() {
            return Ok(Self::default());
        }
        let segments = zones.complete_segments().into_iter();
        let segments = segments.filter(|rows| wanted.binary_search(&rows.segment).is_ok());
        let headers = snapshot.segment_headers(table, segments)?;
        Ok(Self(headers.into_iter().map(Arc::new).collect()))
    }

    /// The copy that the first ranges are read from; `None` if their rows are read.
    pub(super) fn front<'a>(
        &self,
        id_ranges: impl Iterator<Item = &'a IdRange> + Clone,
    ) -> Option<SegmentCopy> {
        let segment = segment_of(id_ranges.clone().next()?)?;
        let index = self.0.binary_search_by_key(&segment, |header| header.segment).ok()?;
        let header = Arc::clone(&self.0[index]);
        let of_segment = id_ranges.take_while(|id_range| segment_of(id_range) == Some(segment));
        let (mut ranges, mut rows) = (0, 0_u64);
        for id_range in of_segment {
            ranges += 1;
            rows = rows.saturating_add(max_rows(id_range));
        }
        let are_enough = rows.saturating_mul(MAX_ROWS_PER_WANTED_ROW) >= header.rows as u64;
        are_enough.then_some(SegmentCopy { header, ranges })
    }
}

/// No copy is worth reading for fewer rows. A segment can have few rows in all, but then its rows are read
/// as fast.
const MIN_WANTED_ROWS: u64 = 512;

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
