//! The watermark of a table's zones: up to which id there are zones.

use redb::{ReadableTable, TableDefinition};

use crate::error::Result;
use crate::table::{Table, reserved};

/// By table: the highest id that zones know of, and how many rows there are up to it.
pub(super) const MARKS: TableDefinition<'_, &str, (i64, u64)> =
    TableDefinition::new(reserved::ZONE_MARKS);

/// Up to which id there are zones, and how many rows they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watermark {
    pub(super) id: i64,
    pub(super) rows: u64,
}

impl Watermark {
    pub(super) const NONE: Self = Self { id: i64::MIN, rows: 0 };

    pub(super) fn read(
        marks: &impl ReadableTable<&'static str, (i64, u64)>,
        table: &Table,
    ) -> Result<Option<Self>> {
        let mark = marks.get(table.name())?.map(|mark| mark.value());
        Ok(mark.map(|(id, rows)| Self { id, rows }))
    }

    /// Whether zones should know of the row of that id.
    pub(super) fn covers(self, id: i64) -> bool {
        self != Self::NONE && id <= self.id
    }

    /// The ids past the mark.
    pub(super) fn past(self) -> std::ops::RangeFrom<i64> {
        match self {
            Self::NONE => i64::MIN..,
            Self { id, .. } => id.saturating_add(1)..,
        }
    }

    /// Whether there are as many rows up to the mark as it counts, and whether there are others.
    pub(super) fn check(
        self,
        rows: &impl ReadableTable<i64, &'static [u8]>,
    ) -> Result<WatermarkState> {
        let all = rows.len()?;
        let highest = rows.last()?.map_or(i64::MIN, |(id, _)| id.value());
        if highest <= self.id {
            return Ok(if all == self.rows {
                WatermarkState::Current
            } else {
                WatermarkState::Stale
            });
        }
        let mut past = 0;
        for row in rows.range(self.past())? {
            row?;
            past += 1;
        }
        let counted = self.rows.checked_add(past);
        Ok(if counted == Some(all) {
            WatermarkState::Behind { past }
        } else {
            WatermarkState::Stale
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WatermarkState {
    Current,
    /// So many rows are past the mark.
    Behind {
        past: u64,
    },
    Stale,
}

/// Whether all of a table's rows are in zones, without reading those.
pub(super) fn is_complete(
    table: &Table,
    rows: &impl ReadableTable<i64, &'static [u8]>,
    marks: &impl ReadableTable<&'static str, (i64, u64)>,
) -> Result<bool> {
    match Watermark::read(marks, table)? {
        Some(mark) => Ok(mark.check(rows)? == WatermarkState::Current),
        None => Ok(false),
    }
}
