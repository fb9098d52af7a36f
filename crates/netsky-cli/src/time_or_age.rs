//! Times and ages in arguments.

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use netsky_db::internal;

use crate::time_zone;

/// Parses a time, a date (midnight in the zone in which times are shown), or an age, which is relative to
/// now.
pub fn parse_time_or_age(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(time_zone::shown().map_err(|failure| failure.to_string())?.start_of(date));
    }
    // A number requires a unit, but humantime accepts 0 without one.
    let age = Some(text).filter(|text| *text != "0").unwrap_or_default();
    let ago = match humantime::parse_duration(age) {
        Ok(ago) => TimeDelta::from_std(ago).ok(),
        Err(humantime::DurationError::NumberOverflow) => None,
        Err(_) => {
            return Err(
                "expected a time such as 2026-04-15T23:00:00Z, a date such as 2026-04-15, or an age such \
                 as 90s, 15m, 6h, 7d, 4w"
                    .to_owned(),
            );
        }
    };
    // Without fractions, because the time is shown to the user.
    let time = ago.and_then(|ago| internal::now().trunc_subsecs(0).checked_sub_signed(ago));
    time.ok_or_else(|| "age out of range".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_dates_and_ages_are_parsed() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(parse_time_or_age("2026-04-15T23:00:00Z"), Ok(time("2026-04-15T23:00:00Z")));
        assert_eq!(
            parse_time_or_age("2026-04-15T23:00:00.5+02:00"),
            Ok(time("2026-04-15T21:00:00.500Z"))
        );
        assert_eq!(parse_time_or_age("2026-04-15"), Ok(time("2026-04-15T00:00:00Z")));
        for (age, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("6h", 21_600),
            ("7d", 604_800),
            ("4w", 2_419_200),
            ("1h 30m", 5_400),
            ("0d", 0),
        ] {
            let told = parse_time_or_age(age).unwrap();
            let ago = (Utc::now() - told).num_seconds();
            assert!((seconds..seconds + 5).contains(&ago), "{age}: {ago}");
        }
        for wrong in ["", "d", "7", "-7d", "+3d", "2026-13-01", "2026-04-15T23:00:00", "é"] {
            assert!(parse_time_or_age(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_time_or_age("99999999999999w").unwrap_err(), "age out of range");
        assert_eq!(parse_time_or_age("999999999w").unwrap_err(), "age out of range");
    }
}
