//! Divides a table in a snapshot into ranges of ids, by its zones.

use std::ops::RangeInclusive;

use redb::ReadableTable;

use crate::columnar::Segment;
use crate::error::Result;
use crate::store::block::Block;
use crate::store::checksum::{self, BlockMeta, Expected};
use crate::store::segment_rows::SegmentRows;
use crate::store::watermark::{Watermark, WatermarkState};
use crate::store::zone::{Zone, ZonesTable};
use crate::table::Table;

/// The ranges of ids of a table in a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct ZoneMap {
    runs: Vec<ZoneRun>,
}

/// A range of ids, and the zone of its rows, if it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ZoneRun {
    pub(crate) ids: RangeInclusive<i64>,
    pub(crate) zone: Option<Zone>,
    /// What a scan of the whole range must find, if that is known.
    pub(crate) expected: Option<Expected>,
}

impl ZoneMap {
    pub(super) fn read<R: ReadableTable<i64, &'static [u8]>>(
        table: &Table,
        rows: &R,
        zones: &impl ZonesTable,
        watermarks: &impl ReadableTable<&'static str, (i64, u64)>,
        checksums: Option<&R>,
    ) -> Result<Self> {
        let Some(watermark) = Watermark::read(watermarks, table)? else {
            return Self::unknown(rows);
        };
        let state = watermark.check(rows)?;
        if state == WatermarkState::Stale {
            let expected = Expected::rows_that_state_ids(rows.len()?);
            return Ok(Self::of_one_run(expected));
        }
        let blocks = checksum::block_metas(table.name(), zones, checksums, Block::FIRST)?;
        // A damaged key makes a zone disappear, or moves it to a block without rows.
        let is_complete = |blocks: &Vec<BlockMeta>| {
            let rows = blocks.iter().filter_map(|meta| meta.zone).map(|zone| zone.rows);
            rows.fold(0, u64::saturating_add) == watermark.rows
        };
        let Some(blocks) = blocks.filter(is_complete) else { return Self::unknown(rows) };
        // If a zone is missing from its block, any zone without a checksum may be the missing one.
        let moved = blocks.iter().any(|meta| meta.zone.is_none());
        let mut runs: Vec<ZoneRun> = blocks
            .iter()
            .map(|meta| {
                let (first, last) = meta.block.ids().into_inner();
                let doubted = moved && meta.entry.is_none();
                ZoneRun {
                    ids: first..=last.min(watermark.id),
                    zone: meta.trusted_zone().filter(|_| !doubted),
                    expected: meta.expected().filter(|_| !doubted),
                }
            })
            .filter(|run| !run.ids.is_empty())
            .collect();
        if let WatermarkState::Behind { past } = state {
            let ids = watermark.past().start..=i64::MAX;
            runs.push(ZoneRun { ids, zone: None, expected: Some(Expected::rows(past)) });
        }
        Ok(Self { runs })
    }

    /// Adds the rows that imports still have staged, as ranges of ids. Their times are unknown.
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
            // If only one part is left, it contains all rows of the block, so their zone is the
            // part's.
            let is_whole = parts.len() == 1;
            let (zone, expected) =
                (run.zone.filter(|_| is_whole), run.expected.filter(|_| is_whole));
            runs.extend(parts.into_iter().map(|ids| ZoneRun { ids, zone, expected }));
        }
        for ids in pending {
            // Divide them by blocks, like other rows, so that several threads can share a scan.
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

    /// Returns the segments that no more rows will be added to, as far as checksums of all their rows are
    /// known.
    pub(crate) fn complete_segments(&self) -> Vec<SegmentRows> {
        let mut segments: Vec<SegmentRows> = Vec::new();
        // The segment of the runs at hand, unless the checksum of one of them is unknown.
        let mut last: Option<(Segment, Option<SegmentRows>)> = None;
        let mut end = i64::MIN;
        for run in &self.runs {
            let segment = Segment::of(*run.ids.start());
            if last.as_ref().is_some_and(|(open, _)| *open != segment) {
                segments.extend(last.take().and_then(|(_, rows)| rows));
            }
            let (_, rows) =
                last.get_or_insert((segment, Some(SegmentRows { segment, rows: 0, checksum: 0 })));
            let sum = run.expected.and_then(Expected::sum);
            *rows = rows.zip(sum).map(|(rows, (count, checksum))| SegmentRows {
                segment,
                rows: rows.rows.saturating_add(count),
                checksum: rows.checksum.wrapping_add(checksum.value()),
            });
            if sum.is_some() {
                end = end.max(*run.ids.end());
            }
        }
        segments.extend(last.and_then(|(_, rows)| rows));
        segments.retain(|rows| rows.rows > 0 && *rows.segment.ids().end() <= end);
        segments
    }

    /// Returns a map that knows only the number of rows.
    pub(super) fn unknown(rows: &impl ReadableTable<i64, &'static [u8]>) -> Result<Self> {
        Ok(Self::of_one_run(Expected::rows(rows.len()?)))
    }

    fn of_one_run(expected: Expected) -> Self {
        let ids = i64::MIN..=i64::MAX;
        Self { runs: vec![ZoneRun { ids, zone: None, expected: Some(expected) }] }
    }

    /// Returns the ranges in ascending order: one per block, then one for all rows that zones do
    /// not cover.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &ZoneRun> + '_ {
        self.runs.iter()
    }
}
