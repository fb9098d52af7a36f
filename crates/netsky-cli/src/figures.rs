//! Figures, as people write them.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use indicatif::HumanCount;

/// Dollars and cents, as in `$1,234.56`.
pub fn money(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 {
        return "<$0.01".to_owned();
    }
    let cents = (usd.abs() * 100.0).round();
    // Of more than this, nobody counts the cents.
    if cents >= 1e18 {
        return format!("${usd:e}");
    }
    let cents = cents as u64;
    let sign = if usd < 0.0 && cents > 0 { "-" } else { "" };
    format!("{sign}${}.{:02}", HumanCount(cents / 100), cents % 100)
}

/// So long in its two largest units, as in `2h 5m` and `3d 4h`.
pub fn duration(milliseconds: i64) -> String {
    let seconds = milliseconds / 1_000;
    if seconds == 0 {
        return format!("{milliseconds}ms");
    }
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    // A time ahead of this machine's clock.
    let (sign, seconds) = if seconds < 0 { ("-", -seconds) } else { ("", seconds) };
    let largest = UNITS.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(UNITS.len() - 1);
    let (unit, name) = UNITS[largest];
    let mut text = format!("{sign}{}{name}", seconds / unit);
    if let Some((next, name)) = UNITS.get(largest + 1)
        && let rest @ 1.. = seconds % unit / next
    {
        text += &format!(" {rest}{name}");
    }
    text
}

/// A count, as in `12,500`.
pub fn count(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", HumanCount(number.unsigned_abs()))
}

/// A column of figures, whose last digits stand below each other.
pub fn column(figures: Vec<Option<String>>) -> ArrayRef {
    let width = figures.iter().flatten().map(String::len).max().unwrap_or(0);
    let figures = figures.into_iter().map(|figure| figure.map(|text| format!("{text:>width$}")));
    Arc::new(figures.collect::<StringArray>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        for (usd, text) in [
            (0.0, "$0.00"),
            (0.004, "<$0.01"),
            (0.1 + 0.2, "$0.30"),
            (1_234.56, "$1,234.56"),
            (0.995, "$1.00"),
            (999_999.999, "$1,000,000.00"),
            (-12.3, "-$12.30"),
            (-0.001, "$0.00"),
        ] {
            assert_eq!(money(usd), text);
        }
        for (milliseconds, text) in [
            (0, "0ms"),
            (250, "250ms"),
            (59_999, "59s"),
            (60_000, "1m"),
            (303_000, "5m 3s"),
            (7_500_000, "2h 5m"),
            (7_200_000, "2h"),
            (273_600_000, "3d 4h"),
            (-90_000, "-1m 30s"),
            (i64::MIN, "-106751991167d 7h"),
        ] {
            assert_eq!(duration(milliseconds), text);
        }
        assert_eq!(count(26_188_181), "26,188,181");
    }
}
