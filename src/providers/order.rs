//! The order in which a scan visits the table.

use std::cmp::Reverse;
use std::fmt;

use crate::providers::segments::Segment;

/// Ids are unique, so that an order by id is an order of rows. Times may stand still and rows may
/// come late, so that an order by time is one of blocks alone: whoever wants rows in it has to sort,
/// and can stop early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By id, too, but a plan must not count on it.
    Any,
    /// By id.
    Rising,
    /// By id, the highest first.
    Falling,
    /// Blocks with the newest rows first.
    NewestFirst,
    /// Blocks with the oldest rows first.
    OldestFirst,
}

impl Order {
    /// The segments in this order. Those of unknown times come first: any row may be in them.
    pub(super) fn arrange(self, segments: &[Segment]) -> Vec<Segment> {
        let mut segments = segments.to_vec();
        match self {
            Self::Any | Self::Rising => {}
            Self::Falling => segments.reverse(),
            Self::NewestFirst => segments
                .sort_by_key(|segment| Reverse(segment.times.map_or(i64::MAX, |(_, high)| high))),
            Self::OldestFirst => {
                segments.sort_by_key(|segment| segment.times.map_or(i64::MIN, |(low, _)| low));
            }
        }
        segments
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any | Self::Rising => "",
            Self::Falling => ", order=id DESC",
            Self::NewestFirst => ", order=newest blocks",
            Self::OldestFirst => ", order=oldest blocks",
        })
    }
}
