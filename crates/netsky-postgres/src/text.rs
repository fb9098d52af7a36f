//! Values as text, in the forms of PostgreSQL's default settings.

use std::fmt::Display;
use std::io::Write;

use chrono::{Datelike, NaiveDate};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// Of 1970-01-01, counted from 0001-01-01.
const DAYS_BEFORE_1970: i64 = 719_163;

pub fn display(value: impl Display, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(out, "{value}");
}

pub fn float4(value: f32, out: &mut Vec<u8>) {
    float(value.is_nan(), value.into(), &format!("{value:e}"), 6, out);
}

pub fn float8(value: f64, out: &mut Vec<u8>) {
    float(value.is_nan(), value, &format!("{value:e}"), 15, out);
}

/// Writes the shortest digits that are the number, with an exponent if that is less than -4 or at least `digits`.
fn float(is_nan: bool, value: f64, shortest: &str, digits: i32, out: &mut Vec<u8>) {
    if is_nan {
        return out.extend_from_slice(b"NaN");
    }
    if value.is_infinite() {
        let text: &[u8] = if value > 0.0 { b"Infinity" } else { b"-Infinity" };
        return out.extend_from_slice(text);
    }
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..digits).contains(&exponent) {
        // Rust writes neither an exponent nor a point that is not needed.
        return match digits {
            6 => {
                #[expect(clippy::cast_possible_truncation, reason = "it was an f32")]
                display(value as f32, out);
            }
            _ => display(value, out),
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "{mantissa}e{sign}{:02}", exponent.unsigned_abs());
}

pub fn bytea(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\x");
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

/// Writes a date, given in days since 1970.
pub fn date(days: i64, out: &mut Vec<u8>) {
    if let Some(era) = write_date(days, out) {
        out.extend_from_slice(era);
    }
}

/// Writes a date. Returns what follows it, and its time: the era, if that is before Christ.
fn write_date(days: i64, out: &mut Vec<u8>) -> Option<&'static [u8]> {
    let day = i32::try_from(days + DAYS_BEFORE_1970);
    let date = day.ok().and_then(NaiveDate::from_num_days_from_ce_opt);
    let Some(date) = date else {
        // Outside of what PostgreSQL has, too.
        out.extend_from_slice(if days > 0 { b"infinity" } else { b"-infinity" });
        return None;
    };
    let (month, day) = (date.month(), date.day());
    let (year, era): (i32, &[u8]) = match date.year() {
        year @ 1.. => (year, b""),
        year => (1 - year, b" BC"),
    };
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
    Some(era)
}

/// Writes a time of the day in microseconds.
pub fn time(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hours:02}:{minutes:02}:{seconds:02}");
    fraction(micros.rem_euclid(MICROS_PER_SECOND), out);
}

/// Writes the part of a second, without zeros at its end.
fn fraction(micros: i64, out: &mut Vec<u8>) {
    if micros == 0 {
        return;
    }
    let _ = write!(out, ".{micros:06}");
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

/// Writes a time in microseconds since 1970.
pub fn timestamp(micros: i128, out: &mut Vec<u8>) {
    let day = i128::from(MICROS_PER_DAY);
    let days = i64::try_from(micros.div_euclid(day)).unwrap_or(i64::MAX / 2);
    let Some(era) = write_date(days, out) else { return };
    out.push(b' ');
    time(i64::try_from(micros.rem_euclid(day)).unwrap_or_default(), out);
    out.extend_from_slice(era);
}

pub fn interval(months: i32, days: i32, micros: i64, out: &mut Vec<u8>) {
    let start = out.len();
    let mut is_negative_before = false;
    let parts = [
        (i64::from(months / 12), "year"),
        (i64::from(months % 12), "mon"),
        (i64::from(days), "day"),
    ];
    for (value, unit) in parts {
        if value == 0 {
            continue;
        }
        let space = if out.len() == start { "" } else { " " };
        // A part after a negative one has its sign.
        let sign = if is_negative_before && value > 0 { "+" } else { "" };
        let plural = if value == 1 { "" } else { "s" };
        let _ = write!(out, "{space}{sign}{value} {unit}{plural}");
        is_negative_before = value < 0;
    }
    if micros == 0 && out.len() > start {
        return;
    }
    if out.len() > start {
        out.push(b' ');
    }
    if micros < 0 {
        out.push(b'-');
    } else if is_negative_before {
        out.push(b'+');
    }
    let micros = micros.unsigned_abs();
    let second = MICROS_PER_SECOND.unsigned_abs();
    let seconds = micros / second;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hours:02}:{minutes:02}:{seconds:02}");
    fraction(i64::try_from(micros % second).unwrap_or_default(), out);
}

/// Writes an element of an array, in quotes if it needs them.
pub fn element(element: &[u8], out: &mut Vec<u8>) {
    let is_special = |byte: &u8| {
        matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\' | 0x0b) || byte.is_ascii_whitespace()
    };
    let needs_quotes = element.is_empty()
        || element.eq_ignore_ascii_case(b"null")
        || element.iter().any(is_special);
    if !needs_quotes {
        return out.extend_from_slice(element);
    }
    out.push(b'"');
    for byte in element {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// As PostgreSQL 15 writes them.
    #[test]
    fn floats_are_written_as_postgresql_does() {
        let float8 = |value| written(|out| super::float8(value, out));
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e300, "1e+300"),
            (-1.5e-7, "-1.5e-07"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float8(value), text);
        }
        let float4 = |value| written(|out| super::float4(value, out));
        for (value, text) in [(1e5, "100000"), (1e6, "1e+06"), (0.1, "0.1"), (3.4e38, "3.4e+38")] {
            assert_eq!(float4(value), text);
        }
    }

    #[test]
    fn times_are_written_as_postgresql_does() {
        let timestamp = |micros| written(|out| super::timestamp(micros, out));
        for (micros, text) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59.999999"),
            (1_776_211_200_500_000, "2026-04-15 00:00:00.5"),
            (-62_135_596_800_000_000, "0001-01-01 00:00:00"),
            (-62_135_596_800_000_001, "0001-12-31 23:59:59.999999 BC"),
            (253_402_300_800_000_000, "10000-01-01 00:00:00"),
            (i128::MAX, "infinity"),
        ] {
            assert_eq!(timestamp(micros), text);
        }
        let interval =
            |months, days, micros| written(|out| super::interval(months, days, micros, out));
        for (months, days, micros, text) in [
            (0, 0, 0, "00:00:00"),
            (14, 3, 14_706_789_000, "1 year 2 mons 3 days 04:05:06.789"),
            (-14, 3, 0, "-1 years -2 mons +3 days"),
            (0, -1, 1, "-1 days +00:00:00.000001"),
            (1, 0, -90_000_000, "1 mon -00:01:30"),
            (0, 0, 360_000_000_000, "100:00:00"),
            (0, 1, 0, "1 day"),
        ] {
            assert_eq!(interval(months, days, micros), text);
        }
    }
}
