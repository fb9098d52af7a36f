//! Random choices, which a fuzzer can determine instead.

use fastrand::Rng;

/// Takes each choice from the bytes while there are some, so that a fuzzer that changes one byte
/// changes one part of a query. After that, a random generator with a fixed seed chooses.
pub struct Choices<'a> {
    bytes: std::slice::Iter<'a, u8>,
    rng: Rng,
}

impl Choices<'_> {
    pub fn of_seed(seed: u64) -> Choices<'static> {
        Choices { bytes: [].iter(), rng: Rng::with_seed(seed) }
    }

    // Only the fuzz target calls it.
    #[allow(dead_code)]
    pub fn of_bytes(bytes: &[u8]) -> Choices<'_> {
        Choices { bytes: bytes.iter(), rng: Rng::with_seed(0) }
    }

    /// Returns a number from 0 to `count - 1`.
    pub fn below(&mut self, count: usize) -> usize {
        match self.bytes.next() {
            // One byte is enough to choose among alternatives; values come from long lists.
            Some(&first) if count <= 256 => usize::from(first) % count,
            Some(&first) => {
                let second = self.bytes.next().copied().unwrap_or(0);
                (usize::from(first) << 8 | usize::from(second)) % count
            }
            None => self.rng.usize(..count),
        }
    }

    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        first + self.below((last - first + 1) as usize) as i64
    }

    /// Returns true once in `count` times.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    pub fn of<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        &values[self.below(values.len())]
    }
}
