//! Random numbers that are the same every time and on every machine.

use std::ops::Range;

use fastrand::Rng;

/// A seeded generator of random numbers. It computes in integers where possible, and in floating
/// point only with operations that round the same way everywhere: logarithms and powers differ
/// between machines.
pub(super) struct DemoRng(Rng);

impl DemoRng {
    /// Creates a generator for one purpose. Every table has its own, so that the rows of one table
    /// stay the same when those of another change.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        Self(Rng::with_seed(purpose.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, mix)))
    }

    /// Returns a number from 0 to 1, excluding 1.
    pub(super) fn share(&mut self) -> f64 {
        self.0.f64()
    }

    pub(super) fn within(&mut self, range: Range<i64>) -> i64 {
        self.0.i64(range)
    }

    pub(super) fn one_in(&mut self, n: u32) -> bool {
        self.0.u32(..n) == 0
    }

    pub(super) fn in_thousand(&mut self, n: u32) -> bool {
        self.0.u32(..1_000) < n
    }

    pub(super) fn pick<T: Copy>(&mut self, pool: &[T]) -> T {
        pool[self.0.usize(..pool.len())]
    }

    /// Picks an element of the pool, with a probability proportional to its weight.
    pub(super) fn weighted<T: Copy>(&mut self, pool: &[(u32, T)]) -> T {
        let total: u32 = pool.iter().map(|(weight, _)| weight).sum();
        let mut rest = self.0.u32(..total);
        let mut chosen = 0;
        while rest >= pool[chosen].0 {
            rest -= pool[chosen].0;
            chosen += 1;
        }
        pool[chosen].1
    }

    /// Returns a number that is as often below the median as above it, at most `octaves` octaves
    /// away and rarely that far. Durations and sizes are distributed like this: most are small and
    /// a few very large.
    pub(super) fn skewed(&mut self, median: i64, octaves: i64) -> i64 {
        let steps: i64 = (0..4).map(|_| self.within(0..octaves * 128)).sum();
        let (octave, part) = (steps / 256, steps % 256);
        (median * (256 + part)) << octave >> (8 + octaves)
    }

    pub(super) fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| self.0.digit(16)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skewed_numbers_have_their_median_and_bounds() {
        let mut rng = DemoRng::new(7, "test");
        let mut numbers: Vec<i64> = (0..4_001).map(|_| rng.skewed(1_000, 4)).collect();
        numbers.sort_unstable();
        assert!((900..1_100).contains(&numbers[2_000]), "{}", numbers[2_000]);
        assert!(numbers[0] >= 1_000 / 16 && numbers[4_000] <= 16_000);
        assert!(numbers[3_800] > 2_500, "the upper numbers are far above the median");
    }

    #[test]
    fn picks_follow_the_weights() {
        let mut rng = DemoRng::new(7, "test");
        let heads = (0..1_000).filter(|_| rng.weighted(&[(9, true), (0, false), (1, false)]));
        assert!((850..950).contains(&heads.count()));
    }
}
