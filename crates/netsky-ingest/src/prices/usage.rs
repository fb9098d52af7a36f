//! What one call to a model used.

use chrono::{DateTime, Utc};

/// The usage of one call, as the readers of transcripts and OpenTelemetry find it. The kinds of input do not
/// overlap: the prompt is their sum.
#[derive(Clone, Copy, Debug)]
pub struct Usage<'a> {
    /// Who made the model: `anthropic`, `openai`, `google`, or another name in any spelling that OpenTelemetry
    /// uses. A hint: if this provider has no such model, the model's own name decides.
    pub provider: Option<&'a str>,
    /// The model as the provider names it, such as `claude-opus-4-5-20251101`.
    pub model: &'a str,
    /// When the call was made. Prices change with time.
    pub time: DateTime<Utc>,
    /// Tokens of input that were neither read from a cache nor written to one.
    pub input: u64,
    /// Tokens that were read from a cache.
    pub cached_read: u64,
    /// Tokens that were written to a cache for five minutes, or whose time is unknown.
    pub cache_write_5m: u64,
    /// Tokens that were written to a cache for an hour.
    pub cache_write_1h: u64,
    /// Tokens of output, with thinking.
    pub output: u64,
    /// Whether the provider answered in its fast mode, which costs more.
    pub fast: bool,
    /// Whether the call was bound to the United States, which costs a tenth more.
    pub us_inference: bool,
    /// Searches of the web that the provider made.
    pub web_searches: u64,
}

impl<'a> Usage<'a> {
    /// A call of `model` at `time` that used nothing. Fill it with struct update syntax.
    #[must_use]
    pub fn new(model: &'a str, time: DateTime<Utc>) -> Self {
        Self {
            provider: None,
            model,
            time,
            input: 0,
            cached_read: 0,
            cache_write_5m: 0,
            cache_write_1h: 0,
            output: 0,
            fast: false,
            us_inference: false,
            web_searches: 0,
        }
    }

    /// Tokens of the whole prompt. It decides whether the rates for long prompts apply.
    #[must_use]
    pub const fn prompt(&self) -> u64 {
        self.input
            .saturating_add(self.cached_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }
}
