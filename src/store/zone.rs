//! Zones: the row count and time range of a block of rows, stored beside the rows. Each has a
//! [`checksum`] of the rows next to it, which also shows whether the zone can be trusted.
//!
//! A block is 1,024 ids. Its zone has the number of its rows and the range of their times, and is
//! written in the transaction that writes the rows. Rows need not arrive in time order: a late one
//! widens its block's zone. A watermark stores the highest id covered by zones and the number of
//! rows up to it. Rows past it come from another program; they are scanned until netsky's next
//! write catches up. If the number of rows up to the watermark differs from its count, another
//! program has removed or inserted some: then no zone is used, and the next write rebuilds them
//! all.

use redb::{ReadableTable, TableDefinition};

use crate::table::reserved;

/// By table and block: row count, smallest time, largest time. If the times are unknown, the
/// smallest is larger than the largest.
pub(super) const ZONES: TableDefinition<'_, (&str, i64), (u64, i64, i64)> =
    TableDefinition::new(reserved::ZONES);
/// The row count and time range of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Zone {
    pub(crate) rows: u64,
    /// The smallest and the largest time, in nanoseconds. `None` if there are no rows, if the table
    /// has no time column, or if a row's time is unreadable.
    pub(crate) times: Option<(i64, i64)>,
}

impl Zone {
    pub(super) fn of_row(time: Option<i64>) -> Self {
        Self { rows: 1, times: time.map(|time| (time, time)) }
    }

    /// Adds the rows of another zone.
    pub(crate) fn add(&mut self, other: Self) {
        let times = match (self.rows, self.times, other.times) {
            (_, times, _) if other.rows == 0 => times,
            (0, _, times) => times,
            (_, Some((low, high)), Some((other_low, other_high))) => {
                Some((low.min(other_low), high.max(other_high)))
            }
            _ => None,
        };
        *self = Self { rows: self.rows.saturating_add(other.rows), times };
    }

    pub(super) fn stored(self) -> (u64, i64, i64) {
        let (low, high) = self.times.unwrap_or((i64::MAX, i64::MIN));
        (self.rows, low, high)
    }

    pub(super) fn from_stored((rows, low, high): (u64, i64, i64)) -> Self {
        Self { rows, times: (low <= high).then_some((low, high)) }
    }
}

/// The redb table of zones, in a snapshot or a transaction.
pub(super) trait ZonesTable: ReadableTable<(&'static str, i64), (u64, i64, i64)> {}

impl<T: ReadableTable<(&'static str, i64), (u64, i64, i64)>> ZonesTable for T {}
