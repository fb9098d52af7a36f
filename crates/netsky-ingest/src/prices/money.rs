//! Exact money: rates per token, and the cost of a call.

use std::fmt;

/// The price of one token in femto-dollars (10^-15 US dollars).
///
/// An integer, so that adding tokens up is exact: in binary floating point, a cost of exactly half a
/// micro-dollar comes out a little above or below it and rounds the wrong way. Nine digits after the point of a
/// price per million tokens are kept; published prices have six at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

/// What one price per million tokens may cost at most: a dollar a token. It keeps every sum far inside `u128`.
pub const MAX_USD_PER_MILLION: f64 = 1e6;

const FEMTO_PER_USD_PER_MILLION: u64 = 1_000_000_000;

impl Rate {
    /// The rate of a price in US dollars per million tokens. `None` if it is negative, no number, or more than
    /// [`MAX_USD_PER_MILLION`].
    #[must_use]
    pub fn from_usd_per_million(usd: f64) -> Option<Self> {
        if !(0.0..=MAX_USD_PER_MILLION).contains(&usd) {
            return None;
        }
        // At most 10^15, which f64 represents exactly.
        Some(Self((usd * FEMTO_PER_USD_PER_MILLION as f64).round() as u64))
    }

    /// US dollars per million tokens.
    #[must_use]
    pub fn usd_per_million(self) -> f64 {
        self.0 as f64 / FEMTO_PER_USD_PER_MILLION as f64
    }

    /// Femto-dollars per token.
    #[must_use]
    pub const fn femtos(self) -> u64 {
        self.0
    }
}

/// US dollars per million tokens, exact, without trailing zeros: `0.0625`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) =
            (self.0 / FEMTO_PER_USD_PER_MILLION, self.0 % FEMTO_PER_USD_PER_MILLION);
        if fraction == 0 {
            return f.pad(&whole.to_string());
        }
        let digits = format!("{fraction:09}");
        f.pad(&format!("{whole}.{}", digits.trim_end_matches('0')))
    }
}

/// The rates of each kind of token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Input that was neither read from a cache nor written to one.
    pub input: Rate,
    /// Output, with thinking.
    pub output: Rate,
    /// Input that was read from a cache.
    pub cache_read: Rate,
    /// Input that was written to a cache, for five minutes or as the provider's only kind.
    pub cache_write_5m: Rate,
    /// Input that was written to a cache for an hour.
    pub cache_write_1h: Rate,
}

/// The cost of one call, exact to 10^-16 US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u128);

/// Tenths of femto-dollars, because inference in the US costs a tenth more.
const UNITS_PER_FEMTO: u128 = 10;
const UNITS_PER_NANO: u128 = 10_000_000;
const UNITS_PER_MICRO: u128 = 10_000_000_000;

impl Cost {
    /// `femtos` femto-dollars times `tenths` / 10.
    pub(super) const fn from_femtos(femtos: u128, tenths: u128) -> Self {
        Self(femtos.saturating_mul(tenths))
    }

    pub(super) const fn plus(self, femtos: u128) -> Self {
        Self(self.0.saturating_add(femtos.saturating_mul(UNITS_PER_FEMTO)))
    }

    /// Micro-dollars, rounded once, half to even. It saturates.
    ///
    /// Once, not to nano-dollars first: 3,499.6 nano-dollars are 3 micro-dollars, but 3,500 would be 4. If
    /// every rate is a whole number of nano-dollars per token, as for all Claude models, the results are equal.
    #[must_use]
    pub fn micros(self) -> i64 {
        half_to_even(self.0, UNITS_PER_MICRO)
    }

    /// Nano-dollars, rounded half to even. It saturates.
    #[must_use]
    pub fn nanos(self) -> i64 {
        half_to_even(self.0, UNITS_PER_NANO)
    }
}

fn half_to_even(number: u128, unit: u128) -> i64 {
    let (whole, rest) = (number / unit, number % unit);
    let up = rest * 2 > unit || (rest * 2 == unit && whole % 2 == 1);
    i64::try_from(whole + u128::from(up)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(usd: f64) -> Rate {
        Rate::from_usd_per_million(usd).unwrap()
    }

    #[test]
    fn prints_a_rate_as_exact_decimal() {
        for (usd, text) in [
            (5.0, "5"),
            (0.0625, "0.0625"),
            (0.3, "0.3"),
            (18.75, "18.75"),
            (0.0, "0"),
            (1e6, "1000000"),
        ] {
            assert_eq!(rate(usd).to_string(), text);
        }
        assert_eq!(format!("{:>6}|{:<6}|", rate(0.3), rate(15.0)), "   0.3|15    |");
    }

    #[test]
    fn refuses_rates_that_are_no_price() {
        for usd in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e6 + 1.0] {
            assert_eq!(Rate::from_usd_per_million(usd), None, "{usd}");
        }
    }

    #[test]
    fn rounds_half_to_even_once() {
        let micros = |femtos: u128| Cost::from_femtos(femtos, 10).micros();
        assert_eq!(micros(2_500_000_000), 2);
        assert_eq!(micros(3_500_000_000), 4);
        assert_eq!(micros(3_499_600_000), 3);
        assert_eq!(micros(3_500_000_001), 4);
        assert_eq!(micros(2_500_000_001), 3);
        assert_eq!(Cost::from_femtos(12_500_000, 10).nanos(), 12);
    }

    #[test]
    fn saturates_instead_of_overflowing() {
        assert_eq!(Cost::from_femtos(u128::MAX, 11).plus(u128::MAX).micros(), i64::MAX);
        assert_eq!(Cost::from_femtos(u128::MAX, 11).nanos(), i64::MAX);
    }
}
