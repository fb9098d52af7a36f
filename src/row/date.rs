//! Dates: days since 1970 in Arrow, `YYYY-MM-DD` in the store and in all output.

use chrono::{Datelike, NaiveDate};

use crate::row::time::excerpt;

/// The days from 0001-01-01, which chrono counts as day 1, to 1970-01-01.
const UNTIL_1970: i32 = 719_163;

/// Parses only `YYYY-MM-DD`. chrono's own parser also accepts white space, signs and fewer digits.
///
/// # Errors
///
/// What is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<NaiveDate, String> {
    parse_stored(text.as_bytes())
        .ok_or_else(|| format!("'{}' is not a date of the form YYYY-MM-DD", excerpt(text)))
}

/// Parses like [`parse`], without an error text.
pub(super) fn parse_stored(text: &[u8]) -> Option<NaiveDate> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *text else { return None };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let year = i32::try_from(number(&[y0, y1, y2, y3])?).ok()?;
    NaiveDate::from_ymd_opt(year, number(&[m0, m1])?, number(&[d0, d1])?)
}

/// Returns the stored form.
///
/// # Errors
///
/// A message, if the year does not have four digits.
pub(super) fn stored_text(date: NaiveDate) -> Result<String, String> {
    let text = date.format("%Y-%m-%d").to_string();
    match date.year() {
        0..=9999 => Ok(text),
        _ => Err(format!("{text} is outside 0000-01-01 to 9999-12-31")),
    }
}

/// Returns the days since 1970-01-01.
pub(crate) fn days_since_1970(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - UNTIL_1970
}

/// Returns the date N days after 1970-01-01; `None` if chrono has no such date.
#[cfg(feature = "sql")]
pub(crate) fn from_days_since_1970(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(days.checked_add(UNTIL_1970)?)
}

#[cfg(all(test, feature = "sql"))]
mod tests {
    use super::*;

    #[test]
    fn stored_dates_read_back() {
        let first = days_since_1970(NaiveDate::from_ymd_opt(0, 1, 1).unwrap());
        let last = days_since_1970(NaiveDate::from_ymd_opt(9999, 12, 31).unwrap());
        for days in (first..=last).step_by(11).chain([first, -1, 0, 1, last]) {
            let date = from_days_since_1970(days).unwrap();
            assert_eq!(parse(&stored_text(date).unwrap()), Ok(date));
            assert_eq!(days_since_1970(date), days);
        }
        for outside in [first - 1, last + 1] {
            let error = stored_text(from_days_since_1970(outside).unwrap()).unwrap_err();
            assert!(error.contains("is outside 0000-01-01 to 9999-12-31"), "{error}");
        }
    }

    #[test]
    fn only_yyyy_mm_dd_is_a_date() {
        assert_eq!(parse("2024-02-29"), Ok(NaiveDate::from_ymd_opt(2024, 2, 29).unwrap()));
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-1-01",
            " 2026-01-01",
            "2026-01-01 ",
            "+2026-01-1",
            "2026/01/01",
            "12026-01-01",
            "2026-01-01T00:00:00Z",
            "２026-01-01",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
