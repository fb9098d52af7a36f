//! The zones of a table in a snapshot, and what lies between them.

use std::ops::RangeInclusive;

use redb::ReadableTable;

use crate::error::Result;
use crate::store::block::Block;
use crate::store::checksum::{self, Expected, Noted};
use crate::store::watermark::{Watermark, WatermarkState};
use crate::store::zone::{Zone, ZonesTable};
use crate::table::Table;

/// The zones of a table in a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct ZoneMap {
    runs: Vec<ZoneRun>,
}

/// A run of ids, and what is known of its rows; `None` if nothing is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ZoneRun {
    pub(crate) ids: RangeInclusive<i64>,
    pub(crate) zone: Option<Zone>,
    /// What a scan of the whole run must find.
    pub(crate) expected: Option<Expected>,
}

impl ZoneMap {
    pub(super) fn read<R: ReadableTable<i64, &'static [u8]>>(
        table: &Table,
        rows: &R,
        zones: &impl ZonesTable,
        marks: &impl ReadableTable<&'static str, (i64, u64)>,
        checksums: Option<&R>,
    ) -> Result<Self> {
        let Some(mark) = Watermark::read(marks, table)? else { return Self::unknown(rows) };
        let state = mark.check(rows)?;
        if state == WatermarkState::Stale {
            let expected = Expected::rows_that_state_ids(rows.len()?);
            return Ok(Self::of_one_run(expected));
        }
        let noted = checksum::noted(table.name(), zones, checksums, Block::FIRST)?;
        // A key that is damaged takes a zone away, or moves it to where no rows are.
        let counts = |noted: &Vec<Noted>| {
            let rows = noted.iter().filter_map(|noted| noted.zone).map(|zone| zone.rows);
            rows.fold(0, u64::saturating_add) == mark.rows
        };
        let Some(noted) = noted.filter(counts) else { return Self::unknown(rows) };
        // Then each zone without a checksum may be the one that is missing elsewhere.
        let moved = noted.iter().any(|noted| noted.zone.is_none());
        let mut runs: Vec<ZoneRun> = noted
            .iter()
            .map(|noted| {
                let (first, last) = noted.block.ids().into_inner();
                let doubted = moved && noted.entry.is_none();
                ZoneRun {
                    ids: first..=last.min(mark.id),
                    zone: noted.believed().filter(|_| !doubted),
                    expected: noted.expected().filter(|_| !doubted),
                }
            })
            .filter(|run| !run.ids.is_empty())
            .collect();
        if let WatermarkState::Behind { past } = state {
            let ids = mark.past().start..=i64::MAX;
            runs.push(ZoneRun { ids, zone: None, expected: Some(Expected::rows(past)) });
        }
        Ok(Self { runs })
    }

    /// With the rows that an import has still staged, by runs of ids. Their times are not known.
    pub(super) fn with_pending(
        self,
        pending: impl Iterator<Item = RangeInclusive<i64>> + Clone,
    ) -> Self {
        if pending.clone().next().is_none() {
            return self;
        }
        let mut runs = Vec::with_capacity(self.runs.len());
        for run in self.runs {
            let mut parts = Vec::new();
            let (first, last) = run.ids.into_inner();
            let mut next = first;
            for ids in pending.clone().filter(|ids| first <= *ids.end() && *ids.start() <= last) {
                parts.extend(ids.start().checked_sub(1).map(|before| next..=before));
                next = ids.end().saturating_add(1);
            }
            parts.push(next..=last);
            parts.retain(|ids| !ids.is_empty());
            // If all of the block's rows lie in one part, what is known of them is known of the part.
            let is_whole = parts.len() == 1;
            let (zone, expected) =
                (run.zone.filter(|_| is_whole), run.expected.filter(|_| is_whole));
            runs.extend(parts.into_iter().map(|ids| ZoneRun { ids, zone, expected }));
        }
        for ids in pending {
            // Cut like other rows, so that scans of several threads can share them.
            for block in Block::of(*ids.start()).key()..=Block::of(*ids.end()).key() {
                let (first, last) = Block::from_key(block).ids().into_inner();
                let part = first.max(*ids.start())..=last.min(*ids.end());
                let rows = part.end().abs_diff(*part.start()) + 1;
                let (zone, expected) = (Zone { rows, times: None }, Expected::rows(rows));
                runs.push(ZoneRun { ids: part, zone: Some(zone), expected: Some(expected) });
            }
        }
        runs.sort_unstable_by_key(|run| *run.ids.start());
        Self { runs }
    }

    /// Nothing is known of any row but their number.
    pub(super) fn unknown(rows: &impl ReadableTable<i64, &'static [u8]>) -> Result<Self> {
        Ok(Self::of_one_run(Expected::rows(rows.len()?)))
    }

    fn of_one_run(expected: Expected) -> Self {
        let ids = i64::MIN..=i64::MAX;
        Self { runs: vec![ZoneRun { ids, zone: None, expected: Some(expected) }] }
    }

    /// The table cut into runs of ids, which rise: a block each, then all that zones do not know of.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &ZoneRun> + '_ {
        self.runs.iter()
    }
}
