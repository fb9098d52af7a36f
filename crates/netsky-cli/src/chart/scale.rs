//! Scales, times and labels of charts.

use chrono::{DateTime, Utc};
use console::{Alignment, pad_str, truncate_str};

use crate::human::number;

/// A time in seconds since 1970, as precise as a span of this many seconds needs.
pub fn time(seconds: f64, span: f64) -> String {
    const DAY: f64 = 86_400.0;
    let format = match span {
        span if span > 3.0 * DAY => "%Y-%m-%d",
        span if span > 2.0 * 60.0 => "%m-%d %H:%M",
        span if span > 10.0 => "%H:%M:%S",
        _ => "%H:%M:%S%.3f",
    };
    let millis = (seconds * 1e3).round();
    let time: Option<DateTime<Utc>> = DateTime::from_timestamp_millis(millis as i64);
    time.map_or_else(|| number(seconds), |time| time.format(format).to_string())
}

/// The smallest and the largest number, moved apart if they are equal.
pub fn bounds(numbers: impl Iterator<Item = f64>) -> [f64; 2] {
    let (low, high) = numbers
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), n| (low.min(n), high.max(n)));
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

    #[test]
    fn texts_fit_whatever_their_characters() {
        assert_eq!(fit("agent", 7), "agent  ");
        assert_eq!(fit("agent12", 5), "agen…");
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("漢字漢字", 4), "漢… ");
    }
}
