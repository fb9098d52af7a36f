//! Times as other programs write them, for rows that are to be stored. Stored rows have RFC 3339 times,
//! which [`time`](super::time) reads.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::clock;
use crate::row::{date, time};

/// Parses a time: RFC 3339, with a space instead of `T`, without seconds or only a date; with a zone such
/// as `Z`, `+02:00`, `+02` or `UTC`, or in UTC without one; `now`; or a number as [`from_number`] reads it.
///
/// # Errors
///
/// A message, if the text is not a time, or is outside 1677-09-21 to 2262-04-11.
pub(super) fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    if let Some(nanos) = time::parse_stored(text.as_bytes()) {
        return Ok(DateTime::from_timestamp_nanos(nanos));
    }
    let trimmed = text.trim();
    if trimmed.eq_ignore_ascii_case("now") {
        return Ok(clock::now());
    }
    if let Ok(integer) = trimmed.parse() {
        return from_integer(integer);
    }
    if let Ok(number) = trimmed.parse() {
        return from_number(number);
    }
    // RFC 3339 has forms that are not read below, such as leap seconds.
    let time = DateTime::parse_from_rfc3339(trimmed).map(|time| time.to_utc()).ok();
    let time = time.or_else(|| with_optional_zone(trimmed)).ok_or_else(|| {
        format!(
            "'{}' is not a time such as 2026-04-15T23:00:00Z, 2026-04-15 23:00:00, 2026-04-15, \
             1776294000 or now",
            time::excerpt(text)
        )
    })?;
    in_range(time, text)
}

/// Converts the start of a day in UTC.
pub(super) fn from_date(date: NaiveDate) -> Result<DateTime<Utc>, String> {
    in_range(date.and_time(NaiveTime::MIN).and_utc(), &date.to_string())
}

/// Converts an integer of seconds, milliseconds, microseconds or nanoseconds since 1970. Its digits tell
/// which: up to 11 are seconds, up to 14 milliseconds, up to 17 microseconds, and more nanoseconds. Each
/// unit begins at 1973-03-03; smaller numbers are more likely a year or a duration, and are refused.
///
/// # Errors
///
/// A message, if the number has fewer than 9 digits, or the time is outside 1677-09-21 to 2262-04-11.
pub(super) fn from_integer(number: i64) -> Result<DateTime<Utc>, String> {
    let nanos = number.checked_mul(nanos_per_unit(number.unsigned_abs(), &number)?);
    let nanos = nanos.ok_or_else(|| time::out_of_range(&number.to_string()))?;
    Ok(DateTime::from_timestamp_nanos(nanos))
}

/// Like [`from_integer`], for a number with a fraction. It is exact to the microsecond: a float of
/// today's seconds is not much finer.
pub(super) fn from_number(number: f64) -> Result<DateTime<Utc>, String> {
    // Casts saturate, and larger numbers are out of range anyway.
    let nanos_per_unit = nanos_per_unit(number.abs() as u64, &number)?;
    let micros = (number * (nanos_per_unit as f64 / 1e3)).round();
    let time = DateTime::from_timestamp_micros(micros as i64);
    let text = number.to_string();
    time.map_or_else(|| Err(time::out_of_range(&text)), |time| in_range(time, &text))
}

fn nanos_per_unit(magnitude: u64, number: &dyn std::fmt::Display) -> Result<i64, String> {
    match magnitude {
        0..100_000_000 => Err(format!(
            "{number} is not a time: seconds since 1970 have at least 9 digits, and milliseconds 12"
        )),
        100_000_000..100_000_000_000 => Ok(1_000_000_000),
        100_000_000_000..100_000_000_000_000 => Ok(1_000_000),
        100_000_000_000_000..100_000_000_000_000_000 => Ok(1_000),
        _ => Ok(1),
    }
}

fn in_range(time: DateTime<Utc>, text: &str) -> Result<DateTime<Utc>, String> {
    match time.timestamp_nanos_opt() {
        Some(_) => Ok(time),
        None => Err(time::out_of_range(text)),
    }
}

/// Parses a date, then optionally a time of day, then optionally a zone.
fn with_optional_zone(text: &str) -> Option<DateTime<Utc>> {
    let (day, rest) = text.split_at_checked(10)?;
    let day = date::parse_stored(day.as_bytes())?;
    let Some(rest) = rest.strip_prefix(['T', 't', ' ']) else {
        return rest.is_empty().then(|| day.and_time(NaiveTime::MIN).and_utc());
    };
    let end = rest.find(|char: char| !matches!(char, '0'..='9' | ':' | '.')).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(end)?;
    let clock = ["%H:%M:%S%.f", "%H:%M"]
        .iter()
        .find_map(|format| NaiveTime::parse_from_str(clock, format).ok())?;
    day.and_time(clock).and_utc().checked_sub_signed(chrono::TimeDelta::minutes(offset(zone)?))
}

/// Returns the minutes that a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let zone = zone.trim_start();
    if ["", "Z", "UTC"].iter().any(|utc| zone.eq_ignore_ascii_case(utc)) {
        return Some(0);
    }
    let sign = match zone.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = zone.get(1..)?.replacen(':', "", 1);
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 = digits
        .get(2..)
        .filter(|text| !text.is_empty())
        .map_or(Some(0), |text| text.parse().ok())?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_other_programs_are_read() {
        for (text, expected) in [
            ("2026-01-05T12:17:36.209Z", "2026-01-05T12:17:36.209Z"),
            ("2026-01-05 12:17:36.209", "2026-01-05T12:17:36.209Z"),
            ("2026-01-05T12:17:36", "2026-01-05T12:17:36.000Z"),
            ("2026-01-05 12:17", "2026-01-05T12:17:00.000Z"),
            ("2026-01-05", "2026-01-05T00:00:00.000Z"),
            (" 2026-01-05 12:17:36.209+00 ", "2026-01-05T12:17:36.209Z"),
            ("2026-01-05 12:17:36.209456+02:00", "2026-01-05T10:17:36.209Z"),
            ("2026-01-05 12:17:36-0530", "2026-01-05T17:47:36.000Z"),
            ("2026-01-05 12:17:36 UTC", "2026-01-05T12:17:36.000Z"),
            ("2026-01-05T12:17Z", "2026-01-05T12:17:00.000Z"),
            ("1767615456", "2026-01-05T12:17:36.000Z"),
            ("1767615456.209", "2026-01-05T12:17:36.209Z"),
            ("1767615456209", "2026-01-05T12:17:36.209Z"),
            ("1767615456209000", "2026-01-05T12:17:36.209Z"),
            ("1767615456209000000", "2026-01-05T12:17:36.209Z"),
            ("1.767615456209e12", "2026-01-05T12:17:36.209Z"),
            ("-1767615456", "1913-12-27T11:42:24.000Z"),
            ("100000000", "1973-03-03T09:46:40.000Z"),
            ("99999999999999", "5138-11-16T09:46:39.999Z"),
        ] {
            let read = parse(text).and_then(time::stored_text);
            match expected.starts_with("5138") {
                true => assert!(read.unwrap_err().contains("is outside 1677-09-21"), "{text}"),
                false => assert_eq!(read.as_deref(), Ok(expected), "{text}"),
            }
        }
        let seconds = clock::now().signed_duration_since(parse("NOW").unwrap()).num_seconds();
        assert!(seconds.abs() < 60);
    }

    #[test]
    fn other_texts_and_numbers_are_refused() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-30 00:00:00",
            "2026-01-05 25:00:00",
            "05.01.2026",
            "2026-01-05x",
            "2026-01-05 12:17:36 CET",
            "2026-01-05 12:17:36+1",
            "2026-01-05 12:17:36+25:00",
            "2026-01-05 12:17:36+0",
            "2026-01-0５",
            "12:17:36",
            "2026-01-05 ",
        ] {
            let read = parse(text);
            let is_date = text.trim() == "2026-01-05";
            assert_eq!(read.is_ok(), is_date, "{text}: {read:?}");
            assert!(is_date || read.unwrap_err().contains("is not a time such as"), "{text}");
        }
        for text in ["2026", "20260105", "0", "-1", "1.5", "99999999"] {
            assert!(parse(text).unwrap_err().contains("at least 9 digits"), "{text}");
        }
        for text in ["NaN", "inf", "1e300", "9223372036854775808", "99999999999", "9999-12-31"] {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
    }
}
