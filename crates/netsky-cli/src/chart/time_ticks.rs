//! Round times to label on an axis, in the time zone in which times are shown.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::chart::tick::Tick;
use crate::failure::Failure;
use crate::human::number;
use crate::time_zone::{self, Zone};

const DAY: i64 = 86_400_000;
/// Steps in milliseconds.
const STEPS: [i64; 26] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    1_800_000,
    3_600_000,
    10_800_000,
    21_600_000,
    43_200_000,
    DAY,
    2 * DAY,
];
const WEEK: i64 = 7 * DAY;
/// The shortest month, and twelve of them.
const MONTH: i64 = 28 * DAY;
const YEAR: i64 = 12 * MONTH;
/// The Monday that weeks are counted from.
const MONDAY: i64 = 4 * DAY;
const MONTHS: [i32; 9] = [1, 2, 3, 6, 12, 24, 60, 120, 600];

/// At most `most` round times between two times in seconds since 1970. Labels are as precise as the step
/// between them.
pub fn time_ticks(low: f64, high: f64, most: usize) -> Result<Vec<Tick>, Failure> {
    let zone = time_zone::shown()?;
    let [low_ms, high_ms] = [low, high].map(|seconds| (seconds * 1e3).round() as i64);
    let fits = |step: i64| high_ms.saturating_sub(low_ms) / step < most.max(1) as i64;
    let mut ticks = match STEPS.into_iter().chain([WEEK, 2 * WEEK]).find(|step| fits(*step)) {
        Some(step) => multiples(low_ms, high_ms, step, zone),
        None => {
            let months = MONTHS.into_iter().find(|months| fits(i64::from(*months) * 30 * DAY));
            months_between(low_ms, high_ms, months.unwrap_or(1_200), zone)
        }
    };
    ticks.truncate(most.max(1));
    // No step has a multiple in between, as between 1:01 and 1:04 on an axis with one tick.
    if ticks.is_empty() {
        ticks.push(Tick { at: low, label: label(low_ms, high_ms.saturating_sub(low_ms), zone) });
    }
    Ok(ticks)
}

/// A time in seconds since 1970: the date alone if it is midnight.
pub fn time_text(seconds: f64) -> Result<String, Failure> {
    let zone = time_zone::shown()?;
    let millis = (seconds * 1e3).round() as i64;
    let is_midnight = millis.saturating_add(offset(millis, zone)).rem_euclid(DAY) == 0;
    Ok(match (is_midnight, local(millis, zone)) {
        (true, _) => label(millis, DAY, zone),
        (false, Some(time)) => time.format("%Y-%m-%d %H:%M:%S").to_string(),
        (false, None) => number(seconds),
    })
}

fn multiples(low: i64, high: i64, step: i64, zone: Zone) -> Vec<Tick> {
    let origin = if step >= WEEK { MONDAY } else { 0 };
    let first = low.saturating_add(offset(low, zone)).saturating_sub(origin);
    let first = first.div_euclid(step) * step + origin;
    let local = (0..).map(|index| first.saturating_add(step.saturating_mul(index)));
    ticks(low, high, local, step, zone)
}

fn months_between(low: i64, high: i64, months: i32, zone: Zone) -> Vec<Tick> {
    let Some(first) = local(low, zone) else { return Vec::new() };
    let first = (first.year() * 12 + first.month0() as i32).div_euclid(months);
    let begin = |month: i32| {
        let date =
            NaiveDate::from_ymd_opt(month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1);
        date.map_or(i64::MAX, |date| {
            date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis()
        })
    };
    let local = (first..).map(|index| begin(index.saturating_mul(months)));
    ticks(low, high, local, i64::from(months) * MONTH, zone)
}

/// The ticks at these times of the zone's clocks, as far as they are between two times in UTC.
fn ticks(
    low: i64,
    high: i64,
    local: impl Iterator<Item = i64>,
    step: i64,
    zone: Zone,
) -> Vec<Tick> {
    let at = |local: i64| {
        let guess = local.saturating_sub(offset(local, zone));
        local.saturating_sub(offset(guess, zone))
    };
    let times = local.map(at).take_while(|time| *time <= high && *time < i64::MAX);
    let times = times.filter(|time| *time >= low);
    times.map(|time| Tick { at: time as f64 / 1e3, label: label(time, step, zone) }).collect()
}

fn label(millis: i64, step: i64, zone: Zone) -> String {
    let format = match step {
        ..1_000 => "%H:%M:%S%.3f",
        1_000..60_000 => "%H:%M:%S",
        60_000..DAY => "%m-%d %H:%M",
        DAY..MONTH => "%Y-%m-%d",
        MONTH..YEAR => "%Y-%m",
        _ => "%Y",
    };
    match local(millis, zone) {
        Some(time) => time.format(format).to_string(),
        None => number(millis as f64 / 1e3),
    }
}

fn local(millis: i64, zone: Zone) -> Option<DateTime<chrono::FixedOffset>> {
    DateTime::<Utc>::from_timestamp_millis(millis).map(|time| zone.local(time))
}

/// Milliseconds that clocks in the zone are ahead of UTC.
fn offset(millis: i64, zone: Zone) -> i64 {
    local(millis, zone).map_or(0, |time| i64::from(time.offset().local_minus_utc()) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: &str, high: &str, most: usize) -> Vec<String> {
        let seconds = |text: &str| {
            DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis() as f64 / 1e3
        };
        let ticks = time_ticks(seconds(low), seconds(high), most).unwrap();
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn times_are_labelled_at_round_ones() {
        for (low, high, most, expected) in [
            (
                "2026-01-05T12:17:36Z",
                "2026-02-16T08:00:00Z",
                4,
                &["2026-01-19", "2026-02-02", "2026-02-16"][..],
            ),
            (
                "2026-04-15T00:00:00Z",
                "2026-04-20T00:00:00Z",
                3,
                &["2026-04-15", "2026-04-17", "2026-04-19"],
            ),
            (
                "2026-04-15T22:50:00Z",
                "2026-04-16T01:10:00Z",
                3,
                &["04-15 23:00", "04-16 00:00", "04-16 01:00"],
            ),
            (
                "2025-11-15T00:00:00Z",
                "2026-03-02T00:00:00Z",
                4,
                &["2025-12", "2026-01", "2026-02", "2026-03"],
            ),
            ("2019-05-01T00:00:00Z", "2026-03-02T00:00:00Z", 4, &["2020", "2022", "2024", "2026"]),
            (
                "2026-04-15T23:00:00.100Z",
                "2026-04-15T23:00:00.900Z",
                5,
                &["23:00:00.200", "23:00:00.400", "23:00:00.600", "23:00:00.800"],
            ),
        ] {
            assert_eq!(labels(low, high, most), expected, "{low} {high}");
        }
    }

    #[test]
    fn any_times_have_few_ticks() {
        let odd = [f64::MIN, -9.2e9, -1.0, 0.0, 0.001, 1.7e9, 1.7e9 + 1.0, 9.2e9, f64::MAX];
        for low in odd {
            for high in odd {
                for most in 0..9 {
                    let count = time_ticks(low.min(high), low.max(high), most).unwrap().len();
                    assert!((1..=most.max(1)).contains(&count), "{low} {high} {most}: {count}");
                }
            }
        }
    }
}
