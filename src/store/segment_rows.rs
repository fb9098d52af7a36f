//! What is known of a segment's rows.

use crate::columnar::{Header, Segment};

/// What the rows of a segment must be for its copy to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentRows {
    pub(crate) segment: Segment,
    pub(crate) rows: u64,
    /// The sum of the checksums of the segment's blocks.
    pub(crate) checksum: u64,
}

impl SegmentRows {
    /// Whether the copy with that header is one of these rows.
    pub(super) fn has_copy(&self, header: &Header) -> bool {
        header.segment == self.segment
            && header.rows as u64 == self.rows
            && header.checksum == self.checksum
    }
}
