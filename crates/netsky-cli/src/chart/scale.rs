//! Scales of axes: their ends, and round values to label.

use console::{Alignment, pad_str, truncate_str};

use crate::chart::data::Axis;
use crate::chart::tick::Tick;
use crate::chart::time_ticks::time_ticks;
use crate::failure::Failure;
use crate::human::number;

/// An axis from `low` to `high`, which differ.
#[derive(Debug, PartialEq)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
    /// Ascending.
    pub ticks: Vec<Tick>,
}

/// Numbers spread over less than this share of the largest get an axis without zero, which would leave no
/// room for their differences.
const NARROW: f64 = 0.2;
/// An axis of a single time has this many seconds before and after it.
const AROUND: f64 = 1_800.0;

impl Scale {
    /// The axis of an empty chart.
    pub fn empty() -> Self {
        Self { low: 0.0, high: 1.0, ticks: Vec::new() }
    }

    /// The axis of positions: from the first to the last, with at most `most` ticks.
    pub fn of_positions(
        axis: &Axis,
        positions: impl Iterator<Item = f64>,
        most: usize,
    ) -> Result<Self, Failure> {
        let [mut low, mut high] = ends(positions);
        if low >= high {
            [low, high] = if axis.is_time {
                [low - AROUND, high + AROUND]
            } else {
                bounds([low].into_iter())
            };
        }
        let ticks = match axis.is_time {
            true => time_ticks(low, high, most)?,
            false => number_ticks(low, high, round_step(low, high, most)),
        };
        Ok(Self { low, high, ticks })
    }

    /// The axis of values: between round numbers, and from zero unless the numbers are far from it and
    /// close to each other.
    pub fn of_values(
        axis: &Axis,
        values: impl Iterator<Item = f64>,
        most: usize,
    ) -> Result<Self, Failure> {
        if axis.is_time {
            return Self::of_positions(axis, values, most);
        }
        let [low, high] = ends(values);
        let is_narrow = low < high && high - low < NARROW * low.abs().max(high.abs());
        let [low, high] = match is_narrow {
            true => [low, high],
            false => [low.min(0.0), high.max(0.0)],
        };
        let high = if low < high { high } else { 1.0 };
        Ok(Self::between_round_numbers(low, high, most))
    }

    /// The axis of bars, which always begin at zero.
    pub fn of_bars(values: impl Iterator<Item = f64>, most: usize) -> Self {
        let [low, high] = ends(values.chain([0.0]));
        let high = if low < high { high } else { 1.0 };
        Self::between_round_numbers(low, high, most)
    }

    fn between_round_numbers(low: f64, high: f64, most: usize) -> Self {
        let most = most.max(3);
        let ends = |step: f64| [(low / step).floor() * step, (high / step).ceil() * step];
        let mut step = round_step(low, high, most);
        // Rounding outwards may add a tick at each end.
        let [first, last] = ends(step);
        if ((last - first) / step).round() as usize >= most {
            step = round_up(step * 1.001);
        }
        let [first, last] = ends(step);
        // Differences of the largest floats are infinite.
        if !(last - first).is_finite() || first >= last {
            return Self { low, high, ticks: number_ticks(low, high, f64::INFINITY) };
        }
        Self { low: first, high: last, ticks: number_ticks(first, last, step) }
    }

    /// The part of the axis below a value.
    pub fn share(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// The smallest round step that makes at most `most` ticks.
fn round_step(low: f64, high: f64, most: usize) -> f64 {
    round_up((high - low) / most.saturating_sub(1).max(1) as f64)
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below a number.
fn round_up(number: f64) -> f64 {
    let power = 10_f64.powf(number.log10().floor());
    // A number such as 0.2 may be above it in its last bit.
    let steps = [1.0, 2.0, 5.0].into_iter().map(|n| n * power);
    steps.into_iter().find(|step| *step >= number * 0.999_999).unwrap_or(10.0 * power)
}

fn number_ticks(low: f64, high: f64, step: f64) -> Vec<Tick> {
    let (first, last) = ((low / step - 1e-6).ceil(), (high / step + 1e-6).floor());
    if !(last - first < 1_000.0 && step.is_finite() && step > 0.0) {
        return [low, high].map(|at| Tick { at, label: number(at) }).to_vec();
    }
    let count = (last - first).max(0.0) as u64;
    let ticks = (0..=count).map(|index| {
        let multiple = first + index as f64;
        let at = (multiple * step).clamp(low, high);
        Tick { at, label: number(rounded(multiple, step)) }
    });
    ticks.collect()
}

/// A multiple of a step without the digits that multiplying floats adds.
fn rounded(multiple: f64, step: f64) -> f64 {
    let power = step.log10().floor();
    match power < 0.0 && power > -300.0 {
        true => {
            let scale = 10_f64.powf(-power);
            (multiple * (step * scale).round()) / scale
        }
        false => multiple * step,
    }
}

/// The smallest and the largest number.
fn ends(numbers: impl Iterator<Item = f64>) -> [f64; 2] {
    numbers.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], n| [low.min(n), high.max(n)])
}

/// The smallest and the largest number, moved apart if they are equal.
pub fn bounds(numbers: impl Iterator<Item = f64>) -> [f64; 2] {
    let [low, high] = ends(numbers);
    if low < high {
        return [low, high];
    }
    let apart = (low.abs() * 1e-3).max(0.5);
    [low - apart, high + apart]
}

/// The text in exactly this many columns: truncated with …, or padded with spaces.
pub fn fit(text: &str, columns: usize) -> String {
    let cut = truncate_str(text, columns, "…");
    pad_str(&cut, columns, Alignment::Left, None).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    fn values(values: &[f64], most: usize) -> Scale {
        let axis = Axis { name: String::new(), is_time: false };
        Scale::of_values(&axis, values.iter().copied(), most).unwrap()
    }

    #[test]
    fn ticks_are_round_and_begin_at_zero() {
        for (numbers, most, expected) in [
            (&[90.16, 23.02][..], 5, &["0", "50", "100"][..]),
            (&[0.64, 1.9], 6, &["0", "0.5", "1", "1.5", "2"]),
            (&[3.0], 5, &["0", "1", "2", "3"]),
            (&[7.0, 7.0], 5, &["0", "2", "4", "6", "8"]),
            (&[0.0, 0.0], 5, &["0", "0.5", "1"]),
            (&[-3.0, -9.0], 5, &["-10", "-5", "0"]),
            (&[-1.0, 2.0], 5, &["-1", "0", "1", "2"]),
            (&[98.2, 99.9], 5, &["98", "98.5", "99", "99.5", "100"]),
            (&[0.1, 0.3], 4, &["0", "0.1", "0.2", "0.3"]),
            (&[1e9, 4.2e9], 5, &["0", "2,000,000,000", "4,000,000,000", "6,000,000,000"]),
        ] {
            let scale = values(numbers, most);
            assert_eq!(labels(&scale), expected, "{numbers:?}");
            assert!(numbers.iter().all(|n| (scale.low..=scale.high).contains(n)), "{scale:?}");
        }
    }

    #[test]
    fn any_numbers_have_a_scale() {
        let odd =
            [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324, 0.0, 1.0, 1e15, 1e15 + 0.125];
        for one in odd {
            for other in odd {
                for most in 0..12 {
                    let scale = values(&[one, other], most);
                    assert!(scale.low < scale.high, "{one} {other}: {scale:?}");
                    assert!(
                        scale.ticks.len() <= most.max(4) + 1,
                        "{one} {other} {most}: {scale:?}"
                    );
                    assert!(scale.ticks.is_sorted_by(|one, next| one.at <= next.at));
                    assert!(
                        (0.0..=1.0).contains(&scale.share(one))
                            || scale.high - scale.low == f64::INFINITY
                    );
                }
            }
        }
    }

    #[test]
    fn texts_fit_whatever_their_characters() {
        assert_eq!(fit("agent", 7), "agent  ");
        assert_eq!(fit("agent12", 5), "agen…");
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("漢字漢字", 4), "漢… ");
    }
}
