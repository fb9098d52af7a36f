//! The order in which a scan reads a table.

use std::cmp::Reverse;
use std::fmt;

use crate::providers::id_ranges::IdRange;

/// Ids are unique, so an order by id is an order of rows. Times can repeat and rows can arrive late, so
/// an order by time is an order of blocks only: a plan that needs the rows in that order has to sort
/// them, but can stop early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By id as well, but the plan must not rely on it.
    Any,
    /// By id, ascending.
    Ascending,
    /// By id, descending.
    Descending,
    /// The blocks with the newest rows first.
    NewestFirst,
    /// The blocks with the oldest rows first.
    OldestFirst,
}

impl Order {
    /// Returns the ranges of ids in this order. Ranges of unknown times come first, because they may
    /// contain any row.
    pub(super) fn arrange(self, id_ranges: &[IdRange]) -> Vec<IdRange> {
        let mut id_ranges = id_ranges.to_vec();
        match self {
            Self::Any | Self::Ascending => {}
            Self::Descending => id_ranges.reverse(),
            Self::NewestFirst => id_ranges
                .sort_by_key(|id_range| Reverse(id_range.times.map_or(i64::MAX, |(_, high)| high))),
            Self::OldestFirst => {
                id_ranges.sort_by_key(|id_range| id_range.times.map_or(i64::MIN, |(low, _)| low));
            }
        }
        id_ranges
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any | Self::Ascending => "",
            Self::Descending => ", order=id DESC",
            Self::NewestFirst => ", order=newest blocks",
            Self::OldestFirst => ", order=oldest blocks",
        })
    }
}
