//! Numbers and times on axes.

use chrono::{DateTime, Utc};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A number in a few digits, with marks between thousands.
pub fn number(number: f64) -> String {
    let size = number.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-3) {
        return format!("{number:.2e}");
    }
    let decimals = match size {
        _ if number == number.trunc() => 0,
        size if size >= 1_000.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{size:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut marked = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            marked.push(',');
        }
        marked.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    let sign = if number < 0.0 { "-" } else { "" };
    match fraction {
        "" => format!("{sign}{marked}"),
        fraction => format!("{sign}{marked}.{fraction}"),
    }
}

/// A time in seconds since 1970, as far as it matters over so many seconds.
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

/// The smallest and the largest, a little apart where they are the same.
pub fn bounds(numbers: impl Iterator<Item = f64>) -> [f64; 2] {
    let (low, high) = numbers
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), n| (low.min(n), high.max(n)));
    if low < high {
        return [low, high];
    }
    let apart = (low.abs() * 1e-3).max(0.5);
    [low - apart, high + apart]
}

/// The text in so many columns: cut with …, or filled up with blanks.
pub fn fit(text: &str, columns: usize) -> String {
    let width = text.width();
    if width <= columns {
        return format!("{text}{}", " ".repeat(columns - width));
    }
    let (mut cut, mut taken) = (String::new(), 0);
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if taken + width + 1 > columns {
            break;
        }
        taken += width;
        cut.push(c);
    }
    format!("{cut}…{}", " ".repeat(columns.saturating_sub(taken + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits_and_marks() {
        for (value, text) in [
            (0.0, "0"),
            (-1_234_567.0, "-1,234,567"),
            (999.0, "999"),
            (12_345.678, "12,345.7"),
            (1.5, "1.5"),
            (0.333_333, "0.3333"),
            (1e18, "1.00e18"),
            (0.000_01, "1.00e-5"),
        ] {
            assert_eq!(number(value), text);
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
