//! The token counts of a model call, or of all calls of a thread so far.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::int;

/// Token counts as Codex writes them: the input includes what was read from the cache and written to it, and the
/// output includes reasoning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) input: i64,
    pub(super) cached: i64,
    pub(super) cache_write: i64,
    pub(super) output: i64,
    pub(super) reasoning: i64,
}

impl Usage {
    /// Reads counts. `None` if there are none.
    pub(super) fn parse(value: Option<&Value>) -> Option<Self> {
        let value = value?;
        let mut is_empty = true;
        let mut count = |key| {
            let count = int(value, key);
            is_empty &= count.is_none();
            count.unwrap_or(0).max(0)
        };
        let usage = Self {
            input: count("input_tokens"),
            cached: count("cached_input_tokens"),
            cache_write: count("cache_write_input_tokens"),
            output: count("output_tokens"),
            reasoning: count("reasoning_output_tokens"),
        };
        (!is_empty).then_some(usage)
    }

    /// Whether no token was used.
    pub(super) fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// The input that was neither read from the cache nor written to it.
    pub(super) fn uncached(self) -> i64 {
        self.input.saturating_sub(self.cached).saturating_sub(self.cache_write).max(0)
    }

    /// The counts that have come to `before` to give these. If some became less, counting has begun anew.
    pub(super) fn since(self, before: Self) -> Self {
        let pairs = self.counts().into_iter().zip(before.counts());
        if pairs.clone().any(|(now, before)| now < before) {
            return self;
        }
        Self {
            input: self.input - before.input,
            cached: self.cached - before.cached,
            cache_write: self.cache_write - before.cache_write,
            output: self.output - before.output,
            reasoning: self.reasoning - before.reasoning,
        }
    }

    /// The counts in a fixed order.
    pub(super) fn counts(self) -> [i64; 5] {
        [self.input, self.cached, self.cache_write, self.output, self.reasoning]
    }
}
