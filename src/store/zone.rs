//! Zones: what can be known of a block of rows without reading it. Beside each lies a
//! [`checksum`] of the rows, which also tells whether the zone is to be believed.
//!
//! A block is 1,024 ids. Its zone has the number of its rows and the span of their times, written in
//! the transaction that writes the rows. Rows need not come in the order of time: a late one widens
//! its block's zone. A mark says up to which id there are zones, and how many rows those count. Rows
//! past it are another program's; they are scanned until the next write of ours catches up. If the
//! rows up to the mark are not as many as it counts, another program has removed or slipped in some:
//! then no zone is believed, and the next write makes them all anew.

use redb::{ReadableTable, TableDefinition};

use crate::table::reserved;

/// By table and block: rows, smallest time, largest time. Where the times are not known, the
/// smallest is larger than the largest.
pub(super) const ZONES: TableDefinition<'_, (&str, i64), (u64, i64, i64)> =
    TableDefinition::new(reserved::ZONES);
/// What is known of a block's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Zone {
    pub(crate) rows: u64,
    /// The smallest and the largest time, in nanoseconds. `None` if there are no rows, if the table
    /// has no time column, or if a row's time cannot be read.
    pub(crate) times: Option<(i64, i64)>,
}

impl Zone {
    pub(super) fn of_row(time: Option<i64>) -> Self {
        Self { rows: 1, times: time.map(|time| (time, time)) }
    }

    /// Takes in the rows of another.
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
