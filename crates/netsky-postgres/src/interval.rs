//! The texts that PostgreSQL and its clients write intervals in, as in `1 year 2 mons -3 days 04:05:06.5`.

use arrow::datatypes::{IntervalMonthDayNano, IntervalMonthDayNanoType};

const SECOND: i64 = 1_000_000_000;

/// Reads an interval of units and a time of day. Returns `None` for other forms, which the planner may know.
pub fn parse(text: &str) -> Option<IntervalMonthDayNano> {
    let (mut months, mut days, mut nanos) = (0_i64, 0_i64, 0_i64);
    let mut words = text.split_whitespace();
    let mut is_empty = true;
    while let Some(word) = words.next() {
        is_empty = false;
        if word.contains(':') {
            nanos = nanos.checked_add(time(word)?)?;
            continue;
        }
        let count: i64 = word.parse().ok()?;
        let (sum, unit) = match words.next()?.trim_end_matches(',') {
            "year" | "years" => (&mut months, 12),
            "mon" | "mons" | "month" | "months" => (&mut months, 1),
            "week" | "weeks" => (&mut days, 7),
            "day" | "days" => (&mut days, 1),
            _ => return None,
        };
        *sum = sum.checked_add(count.checked_mul(unit)?)?;
    }
    if is_empty {
        return None;
    }
    let (months, days) = (i32::try_from(months).ok()?, i32::try_from(days).ok()?);
    Some(IntervalMonthDayNanoType::make_value(months, days, nanos))
}

/// Nanoseconds of `-04:05:06.5`, in hours of any number.
fn time(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = text.split(':');
    let (hours, minutes) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let (seconds, part) = match parts.next() {
        Some(seconds) => seconds.split_once('.').unwrap_or((seconds, "0")),
        None => ("0", "0"),
    };
    let seconds = digits(seconds)?;
    if parts.next().is_some() || minutes > 59 || seconds > 59 || part.len() > 9 {
        return None;
    }
    let part = digits(&format!("{part:0<9}"))?;
    let whole = hours.checked_mul(3_600)?.checked_add(minutes * 60 + seconds)?;
    whole.checked_mul(SECOND)?.checked_add(part)?.checked_mul(sign)
}

fn digits(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_as_postgresql_prints_them() {
        for (text, expected) in [
            ("1 year 2 mons 3 days 04:05:06.5", Some((14, 3, 14_706_500_000_000))),
            ("-1 mons +1 day -01:00:00", Some((-1, 1, -3_600_000_000_000))),
            ("-1 day 0:00:05.000006", Some((0, -1, 5_000_006_000))),
            ("3 days, 0:00:00", Some((0, 3, 0))),
            ("100:00", Some((0, 0, 360_000_000_000_000))),
            ("00:00:00", Some((0, 0, 0))),
            ("", None),
            ("1", None),
            ("1 year 2", None),
            ("0:60", None),
            ("0:0:0:0", None),
            ("-0:-1", None),
            ("9999999999999999 years", None),
            ("99999999999:00", None),
        ] {
            let expected = expected.map(|(months, days, nanos)| {
                IntervalMonthDayNanoType::make_value(months, days, nanos)
            });
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
