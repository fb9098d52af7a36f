//! Blocks of 1,024 ids. Each block has a zone and a checksum.

use std::ops::RangeInclusive;

const BLOCK_BITS: u32 = 10;

/// A block of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block(i64);

impl Block {
    /// The block with the lowest ids.
    pub(super) const FIRST: Self = Self(i64::MIN >> BLOCK_BITS);

    pub(super) fn of(id: i64) -> Self {
        Self(id >> BLOCK_BITS)
    }

    pub(super) fn ids(self) -> RangeInclusive<i64> {
        let first = self.0 << BLOCK_BITS;
        first..=first + ((1 << BLOCK_BITS) - 1)
    }

    /// Returns the next block; `None` after the last one.
    pub(super) fn next(self) -> Option<Self> {
        (self != Self::of(i64::MAX)).then(|| Self(self.0 + 1))
    }

    pub(super) fn from_key(block: i64) -> Self {
        Self(block)
    }

    pub(super) fn key(self) -> i64 {
        self.0
    }
}
