//! The order in which a scan visits the table.

use std::cmp::Reverse;
use std::fmt;

use crate::providers::id_ranges::IdRange;

/// Ids are unique, so that an order by id is an order of rows. Times may stand still and rows may
/// come late, so that an order by time is one of blocks alone: whoever wants rows in it has to sort,
/// and can stop early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By id, too, but a plan must not count on it.
    Any,
    /// By id.
    Ascending,
    /// By id, the highest first.
    Descending,
    /// Blocks with the newest rows first.
    NewestFirst,
    /// Blocks with the oldest rows first.
    OldestFirst,
}

impl Order {
    /// The ranges of ids in this order. Those of unknown times come first: any row may be in them.
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
