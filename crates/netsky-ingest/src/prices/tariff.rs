//! A model's rates at one time, by the length of the prompt.

use super::money::{Cost, Rates};
use super::usage::Usage;

/// The cost of a web search in femto-dollars if the data has none: a cent.
pub(super) const WEB_SEARCH_FEMTOS: u64 = 10_000_000_000_000;

/// The rates of calls whose prompt is longer than `above` tokens. They apply to the whole call, not to what is
/// beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongPrompt {
    /// The longest prompt, in tokens, that still has the lower rates.
    pub above: u64,
    /// The rates of longer prompts.
    pub rates: Rates,
}

/// What calls to a model cost at one time and speed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// The rates of ordinary prompts.
    pub rates: Rates,
    /// The rates of long prompts, by ascending `above`.
    pub long: Vec<LongPrompt>,
    /// What each call costs besides its tokens, in femto-dollars. Nearly always 0.
    pub request_femtos: u64,
    /// What a web search costs, in femto-dollars.
    pub web_search_femtos: u64,
}

impl Tariff {
    /// A tariff without rates for long prompts.
    pub(super) const fn flat(rates: Rates) -> Self {
        Self { rates, long: Vec::new(), request_femtos: 0, web_search_femtos: WEB_SEARCH_FEMTOS }
    }

    /// The rates of a call with a prompt of `prompt` tokens.
    #[must_use]
    pub fn rates_of(&self, prompt: u64) -> &Rates {
        self.long
            .iter()
            .rev()
            .find(|long| prompt > long.above)
            .map_or(&self.rates, |long| &long.rates)
    }

    /// What a call costs.
    #[must_use]
    pub fn cost(&self, usage: &Usage<'_>) -> Cost {
        let rates = self.rates_of(usage.prompt());
        let tokens = [
            (usage.input, rates.input),
            (usage.cached_read, rates.cache_read),
            (usage.cache_write_5m, rates.cache_write_5m),
            (usage.cache_write_1h, rates.cache_write_1h),
            (usage.output, rates.output),
        ];
        let femtos = tokens.iter().fold(0_u128, |sum, (count, rate)| {
            sum.saturating_add(u128::from(*count) * u128::from(rate.femtos()))
        });
        // The surcharge is on tokens, not on searches.
        Cost::from_femtos(femtos, if usage.us_inference { 11 } else { 10 })
            .plus(u128::from(usage.web_searches) * u128::from(self.web_search_femtos))
            .plus(u128::from(self.request_femtos))
    }
}
