//! Times: nanoseconds since 1970 in memory, RFC 3339 text in the store.

use chrono::{DateTime, SecondsFormat, Utc};

/// Parses an RFC 3339 time with any number of decimals and any offset.
///
/// # Errors
///
/// A message, if the text is not a time, or is outside 1677-09-21 to 2262-04-11, the range of
/// 64-bit nanoseconds.
pub(crate) fn parse_nanos(text: &str) -> Result<i64, String> {
    if let Some(nanos) = parse_stored(text.as_bytes()) {
        return Ok(nanos);
    }
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|error| format!("'{}' is not an RFC 3339 time ({error})", excerpt(text)))?;
    time.timestamp_nanos_opt().ok_or_else(|| out_of_range(text))
}

/// Parses only the stored form, in a fraction of the time that chrono takes for all forms. `None`
/// does not mean that the text is not a time.
pub(super) fn parse_stored(text: &[u8]) -> Option<i64> {
    /// The lowest value of each byte, and how far above it the byte may be.
    const LOWEST: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    const SPAN: &[u8; 24] =
        b"\x09\x09\x09\x09\0\x01\x09\0\x03\x09\0\x02\x09\0\x05\x09\0\x05\x09\0\x09\x09\x09\0";
    let mut digits = *<&[u8; 24]>::try_from(text).ok()?;
    let mut fits = true;
    for ((digit, lowest), span) in digits.iter_mut().zip(LOWEST).zip(SPAN) {
        *digit = digit.wrapping_sub(*lowest);
        fits &= *digit <= *span;
    }
    let number = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0, |number, digit| number * 10 + i64::from(*digit))
    };
    // The years that 64-bit nanoseconds cover completely.
    if !fits || !(1678..=2261).contains(&number(0..4)) || number(11..13) > 23 {
        return None;
    }
    let days = days_since_1970(number(0..4), number(5..7), number(8..10))?;
    let seconds = ((days * 24 + number(11..13)) * 60 + number(14..16)) * 60 + number(17..19);
    Some((seconds * 1_000 + number(20..23)) * 1_000_000)
}

/// Returns the days from 1970 to a date of the Gregorian calendar; `None` if there is no such date.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    /// The days of a common year before each month, and before the next year.
    const BEFORE: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
    /// The days from the year 1 to 1970.
    const UNTIL_1970: i64 = 719_162;
    let leap_day = i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    let index = usize::try_from(month - 1).ok()?;
    let (before, after) = (*BEFORE.get(index)?, *BEFORE.get(index + 1)?);
    let length = after - before + if month == 2 { leap_day } else { 0 };
    if !(1..=length).contains(&day) {
        return None;
    }
    let past = year - 1;
    let days_before_year = past * 365 + past / 4 - past / 100 + past / 400 - UNTIL_1970;
    Some(days_before_year + before + if month > 2 { leap_day } else { 0 } + day - 1)
}

/// Returns the stored form: UTC, exactly three decimals, `Z`. Finer digits are truncated.
///
/// # Errors
///
/// A message, if the stored form could not be read back.
pub(crate) fn stored_text(instant: DateTime<Utc>) -> Result<String, String> {
    let text = instant.to_rfc3339_opts(SecondsFormat::Millis, true);
    let nanos = instant.timestamp_millis().checked_mul(1_000_000);
    nanos.map(|_| ()).ok_or_else(|| out_of_range(&text))?;
    Ok(text)
}

pub(super) fn out_of_range(text: &str) -> String {
    format!("{} is outside 1677-09-21 to 2262-04-11", excerpt(text))
}

/// Returns the beginning of a text, short enough for a message.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Datelike;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::TestCaseResult;

    use super::*;

    const ODD_BYTES: &[u8] = b"0123456789:;/-+.TtZz \0\x80\xff";

    /// Checks that [`parse_stored`] returns the same as chrono, or `None` unless it `must` read the
    /// text.
    fn agree(text: &[u8], must: bool) -> TestCaseResult {
        let shown = String::from_utf8_lossy(text);
        let chrono = std::str::from_utf8(text)
            .ok()
            .and_then(|text| DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt());
        match parse_stored(text) {
            None => prop_assert!(!must, "{}", shown),
            read => prop_assert_eq!(read, chrono, "{}", shown),
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 5_000, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn stored_times_parse_like_chrono(nanos in any::<i64>()) {
            let instant = DateTime::from_timestamp_nanos(nanos);
            let text = instant.to_rfc3339_opts(SecondsFormat::Millis, true);
            agree(text.as_bytes(), (1678..=2261).contains(&instant.year()))?;
        }

        #[test]
        fn damaged_times_never_contradict_chrono(
            nanos in any::<i64>(),
            changes in prop::collection::vec((0..24_usize, select(ODD_BYTES)), 1..4),
            cut in 20..30_usize,
        ) {
            let instant = DateTime::from_timestamp_nanos(nanos);
            let mut text = instant.to_rfc3339_opts(SecondsFormat::Millis, true).into_bytes();
            agree(&text[..cut.min(24)], false)?;
            changes.into_iter().for_each(|(at, byte)| text[at] = byte);
            agree(&text, false)?;
        }
    }

    #[test]
    fn dates_and_hours_never_contradict_chrono() {
        let agree = |text: String| agree(text.as_bytes(), false).unwrap();
        for year in 0..10_000 {
            for day in ["01-01", "02-28", "02-29", "03-01", "12-31"] {
                agree(format!("{year:04}-{day}T00:00:00.000Z"));
            }
        }
        for number in 0..100 {
            for other in 0..100 {
                for year in [1900, 2000, 2023, 2024] {
                    agree(format!("{year}-{number:02}-{other:02}T23:59:59.999Z"));
                }
            }
            agree(format!("2026-04-15T{number:02}:00:00.000Z"));
            agree(format!("2026-04-15T00:{number:02}:00.000Z"));
            agree(format!("2026-04-15T00:00:{number:02}.000Z"));
        }
    }

    #[test]
    fn all_rfc_3339_forms_give_one_instant() {
        let instant = 1_776_294_000_500_000_000;
        for text in [
            "2026-04-15T23:00:00.5Z",
            "2026-04-15T23:00:00.500Z",
            "2026-04-15T23:00:00.500000000Z",
            "2026-04-15T23:00:00.500+00:00",
            "2026-04-16T01:00:00.500+02:00",
            "2026-04-15t23:00:00.500z",
            "2026-04-15 23:00:00.500Z",
        ] {
            assert_eq!(parse_nanos(text), Ok(instant), "{text}");
        }
    }

    #[test]
    fn invalid_and_out_of_range_times_are_refused() {
        for text in ["", "yesterday", "2026-04-15", "2026-04-15T23:00:00", "2026-13-01T00:00:00Z"] {
            assert!(parse_nanos(text).unwrap_err().contains("is not an RFC 3339 time"), "{text}");
        }
        for text in ["1677-09-21T00:12:43Z", "2262-04-11T23:47:17Z", "9999-12-31T23:59:59Z"] {
            assert!(parse_nanos(text).unwrap_err().contains("outside 1677"), "{text}");
        }
    }

    #[test]
    fn stored_times_read_back() {
        for nanos in [i64::MIN, i64::MIN + 854_775_808, -1, 0, 1, i64::MAX] {
            let instant = DateTime::from_timestamp_nanos(nanos);
            if let Ok(text) = stored_text(instant) {
                let millis = parse_nanos(&text).unwrap();
                assert_eq!(millis, nanos.div_euclid(1_000_000) * 1_000_000, "{text}");
            } else {
                assert_eq!(nanos, i64::MIN, "only the first millisecond of the range is refused");
            }
        }
    }
}
