//! Which parts of a table a scan has to read: blocks that zones rule out are left out, and for the
//! others it is settled whether each row's time must be looked at.

use std::ops::RangeInclusive;

use crate::providers::pushdown::Ranges;
use crate::store::{Expected, Zone, ZoneMap};

/// A run of ids to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdRange {
    pub(super) ids: RangeInclusive<i64>,
    /// Which of the table's blocks it is of, counted from 0.
    pub(super) block: usize,
    /// Whether rows of other times than the wanted may lie in it.
    pub(super) check_times: bool,
    /// How many rows it has at most; `None` if nothing is known of it.
    pub(super) max_rows: Option<u64>,
    /// The smallest and the largest time in the block that it is of; `None` if they are not known.
    pub(super) times: Option<(i64, i64)>,
    /// What its rows have together, if that is known and every one of them is wanted.
    pub(super) known: Option<Zone>,
    /// What a scan of it must find, if it is a whole block of which that is known.
    pub(super) expected: Option<Expected>,
}

impl IdRange {
    /// What of the range of ids may still be wanted, if only rows in the ranges are.
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

/// The ranges of ids of a scan, ids rising.
#[derive(Debug)]
pub(super) struct IdRanges {
    pub(super) id_ranges: Vec<IdRange>,
    /// How many blocks the table has, and how many of them hold no wanted row.
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
