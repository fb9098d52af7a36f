//! Which parts of a table a scan reads. Blocks that zones rule out are not read. For the others, it is
//! decided here whether the time of each row must be checked.

use std::ops::RangeInclusive;

use crate::providers::pushdown::Ranges;
use crate::store::{Expected, Zone, ZoneMap};

/// A range of ids to read, within one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdRange {
    pub(super) ids: RangeInclusive<i64>,
    /// The index of the block in the table, counted from 0.
    pub(super) block: usize,
    /// Whether the range may contain rows outside the wanted times.
    pub(super) check_times: bool,
    /// The maximum number of rows; `None` if the block has no zone.
    pub(super) max_rows: Option<u64>,
    /// The smallest and the largest time in the block; `None` if unknown.
    pub(super) times: Option<(i64, i64)>,
    /// The zone of these rows, if it is known and all of them are wanted.
    pub(super) known: Option<Zone>,
    /// What a scan of the range must find, if it is a whole block for which that is stored.
    pub(super) expected: Option<Expected>,
}

impl IdRange {
    /// Returns the parts of the range that may contain wanted rows if only rows within `ranges` are
    /// wanted.
    pub(super) fn narrow(&self, ranges: &Ranges) -> Vec<Self> {
        if self.times.is_some_and(|(low, high)| !ranges.times.overlaps(low, high)) {
            return Vec::new();
        }
        let (first, last) = self.ids.clone().into_inner();
        let parts = ranges.ids.ranges_between(first, last).into_iter();
        let part = |ids| {
            let whole = ids == self.ids;
            let (known, expected) = (self.known.filter(|_| whole), self.expected.filter(|_| whole));
            Self { ids, known, expected, ..self.clone() }
        };
        parts.map(part).collect()
    }
}

/// The ranges of ids of a scan, in ascending order.
#[derive(Debug)]
pub(super) struct IdRanges {
    pub(super) id_ranges: Vec<IdRange>,
    /// The number of blocks in the table, and of those without a wanted row.
    pub(super) blocks: usize,
    pub(super) skipped: usize,
}

impl IdRanges {
    pub(super) fn plan(zones: &ZoneMap, ranges: &Ranges) -> Self {
        let mut planned = Self { id_ranges: Vec::new(), blocks: 0, skipped: 0 };
        for (block, run) in zones.runs().enumerate() {
            planned.blocks += 1;
            let before = planned.id_ranges.len();
            let (first, last) = run.ids.clone().into_inner();
            let times = run.zone.and_then(|zone| zone.times);
            if times.is_none_or(|(low, high)| ranges.times.overlaps(low, high)) {
                let check_times = match times {
                    Some((low, high)) => !ranges.times.covers(low, high),
                    None => !ranges.times.is_all(),
                };
                for range in ranges.ids.ranges_between(first, last) {
                    let whole = range == (first..=last);
                    planned.id_ranges.push(IdRange {
                        ids: range,
                        block,
                        check_times,
                        max_rows: run.zone.map(|zone| zone.rows),
                        times,
                        known: run.zone.filter(|_| whole && !check_times),
                        expected: run.expected.filter(|_| whole),
                    });
                }
            }
            planned.skipped += usize::from(planned.id_ranges.len() == before);
        }
        if ranges.times.is_none() || ranges.ids.is_none() {
            planned.id_ranges.clear();
            planned.skipped = planned.blocks;
        }
        planned
    }
}
