//! The watermark of a table: the highest id that its zones cover.

use redb::{ReadableTable, TableDefinition};

use crate::error::Result;
use crate::table::{Table, reserved};

/// By table: the highest id that zones cover, and the number of rows up to it.
pub(super) const WATERMARKS: TableDefinition<'_, &str, (i64, u64)> =
    TableDefinition::new(reserved::ZONE_MARKS);

/// The highest id that zones cover, and the number of rows that they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watermark {
    pub(super) id: i64,
    pub(super) rows: u64,
}

impl Watermark {
    pub(super) const NONE: Self = Self { id: i64::MIN, rows: 0 };

    pub(super) fn read(
        watermarks: &impl ReadableTable<&'static str, (i64, u64)>,
        table: &Table,
    ) -> Result<Option<Self>> {
        let watermark = watermarks.get(table.name())?.map(|watermark| watermark.value());
        Ok(watermark.map(|(id, rows)| Self { id, rows }))
    }

    /// Whether zones must include the row with that id.
    pub(super) fn covers(self, id: i64) -> bool {
        self != Self::NONE && id <= self.id
    }

    /// Returns the ids past the watermark.
    pub(super) fn past(self) -> std::ops::RangeFrom<i64> {
        match self {
            Self::NONE => i64::MIN..,
            Self { id, .. } => id.saturating_add(1)..,
        }
    }

    /// Compares the number of rows up to the watermark with its count, and counts the rows past it.
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
    /// Zones cover all rows.
    Current,
    /// This many rows are past the watermark.
    Behind { past: u64 },
    /// The count is wrong: another program has removed or inserted rows.
    Stale,
}

/// Whether zones cover all rows of a table. The zones are not read.
pub(super) fn is_complete(
    table: &Table,
    rows: &impl ReadableTable<i64, &'static [u8]>,
    watermarks: &impl ReadableTable<&'static str, (i64, u64)>,
) -> Result<bool> {
    match Watermark::read(watermarks, table)? {
        Some(watermark) => Ok(watermark.check(rows)? == WatermarkState::Current),
        None => Ok(false),
    }
}
