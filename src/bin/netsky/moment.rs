//! Moments, as people type them.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

/// A time, the beginning of a date, or so long ago.
pub fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date.and_time(NaiveTime::MIN).and_utc());
    }
    let unit = text.chars().next_back().unwrap_or_default();
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => 0,
    };
    let number = &text[..text.len() - unit.len_utf8().min(text.len())];
    if seconds == 0 || number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(
            "give a time as in 2026-04-15T23:00:00Z, a date as in 2026-04-15, or an age as in \
                    90s, 15m, 6h, 7d, 4w"
                .to_owned(),
        );
    }
    let ago = number.parse::<i64>().ok().and_then(|number| number.checked_mul(seconds));
    let ago = ago.and_then(TimeDelta::try_seconds);
    let time = ago.and_then(|ago| Utc::now().checked_sub_signed(ago));
    time.ok_or_else(|| "that is longer ago than can be told".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_a_date_or_an_age() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(moment("2026-04-15T23:00:00Z"), Ok(time("2026-04-15T23:00:00Z")));
        assert_eq!(moment("2026-04-15T23:00:00.5+02:00"), Ok(time("2026-04-15T21:00:00.500Z")));
        assert_eq!(moment("2026-04-15"), Ok(time("2026-04-15T00:00:00Z")));
        for (age, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("6h", 21_600),
            ("7d", 604_800),
            ("4w", 2_419_200),
            ("0d", 0),
        ] {
            let told = moment(age).unwrap();
            let ago = (Utc::now() - told).num_seconds();
            assert!((seconds..seconds + 5).contains(&ago), "{age}: {ago}");
        }
        for wrong in [
            "",
            "d",
            "7",
            "7y",
            "-7d",
            "7 d",
            "1.5h",
            "+3d",
            "2026-13-01",
            "2026-04-15T23:00:00",
            "é",
        ] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
        assert!(moment("99999999999999w").unwrap_err().contains("longer ago"));
        assert!(moment("999999999w").unwrap_err().contains("longer ago"));
    }
}
