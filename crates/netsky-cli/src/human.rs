//! Numbers, sizes and durations as people read them.
//!
//! indicatif's formats are used where they fit. Its `HumanDuration` is not: it rounds to one unit, and an
//! age of 47 hours would read as 2 days.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use indicatif::{HumanBytes, HumanCount};

/// Dollars and cents, as in `$1,234.56`.
pub fn money(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 {
        return "<$0.01".to_owned();
    }
    let cents = (usd.abs() * 100.0).round();
    // `cents as u64` would saturate soon after this.
    if cents >= 1e18 {
        return format!("${usd:e}");
    }
    let cents = cents as u64;
    let sign = if usd < 0.0 && cents > 0 { "-" } else { "" };
    format!("{sign}${}.{:02}", HumanCount(cents / 100), cents % 100)
}

/// A duration in its two largest units, as in `2h 5m` and `3d 4h`.
pub fn duration(milliseconds: i64) -> String {
    let seconds = milliseconds / 1_000;
    if seconds == 0 {
        return format!("{milliseconds}ms");
    }
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    // The age of a time ahead of this machine's clock is negative.
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

/// A count in three or four digits, as in `927`, `12.5k` and `1.4B`.
pub fn short_count(number: i64) -> String {
    let size = number.unsigned_abs() as f64;
    let sign = if number < 0 { "-" } else { "" };
    const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")];
    // A number that would be rounded up to 1000 of a unit belongs to the next one.
    match UNITS.into_iter().find(|(unit, _)| size >= 0.999_95 * unit && size >= 9_999.5) {
        Some((unit, name)) => format!("{sign}{:.1}{name}", size / unit),
        None => count(number),
    }
}

/// A number with its noun, as in `1 row` and `12,500 rows`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", HumanCount(number), if number == 1 { "" } else { "s" })
}

/// A size in bytes, as in `2.30 MiB`.
pub fn bytes(number: u64) -> String {
    HumanBytes(number).to_string()
}

/// How long something took. Less than a minute is shown with three digits.
pub fn elapsed(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.2} s", time.as_secs_f64()),
        10..60 => format!("{:.1} s", time.as_secs_f64()),
        _ => duration(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)),
    }
}

/// A number in few digits with commas between thousands, for an axis or a bar.
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
    let whole = HumanCount(whole.parse().unwrap_or(u64::MAX));
    let sign = if number < 0.0 { "-" } else { "" };
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

/// Marks a column of text as numbers, which a table aligns to the right and never truncates.
const IS_NUMBER: &str = "netsky:number";

/// A column of formatted numbers.
pub fn column(name: &str, texts: Vec<Option<String>>) -> (Field, ArrayRef) {
    let marked = HashMap::from([(IS_NUMBER.to_owned(), String::new())]);
    let field = Field::new(name, DataType::Utf8, true).with_metadata(marked);
    (field, Arc::new(texts.into_iter().collect::<StringArray>()))
}

/// Whether [`column()`] made the column.
pub fn is_number(field: &Field) -> bool {
    field.metadata().contains_key(IS_NUMBER)
}

/// The columns as a batch.
pub fn batch(columns: Vec<(Field, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let (fields, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_ages_and_counts_read_well() {
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
        for (number, text) in [
            (0, "0"),
            (9_999, "9,999"),
            (12_345, "12.3k"),
            (999_949, "999.9k"),
            (999_950, "1.0M"),
            (-926_973_741, "-927.0M"),
            (1_400_000_000, "1.4B"),
        ] {
            assert_eq!(short_count(number), text);
        }
    }

    #[test]
    fn numbers_have_few_digits_and_commas() {
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
    fn elapsed_times_have_three_digits() {
        for (milliseconds, text) in
            [(0, "0.00 s"), (1_234, "1.23 s"), (12_340, "12.3 s"), (75_900, "1m 15s")]
        {
            assert_eq!(elapsed(Duration::from_millis(milliseconds)), text);
        }
    }
}
