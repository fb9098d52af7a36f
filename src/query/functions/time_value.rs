//! Times as SQLite reads them: text in its forms, Julian days, and modifiers such as `'+1 day'`.

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc,
};

/// The Julian day of 1970-01-01T00:00:00Z.
const EPOCH_JULIAN_DAY: f64 = 2_440_587.5;
const DAY_MILLIS: f64 = 86_400_000.0;
/// The last millisecond of the year 9999, SQLite's last time.
const LAST_JULIAN_DAY: f64 = 5_373_484.499_999_99;

/// Reads a time as SQLite does: `2026-04-15`, `2026-04-15 10:11[:12[.345]]` with a `T` or a zone if
/// you like, `10:11`, a Julian day, or `now`. `None` for other texts, and for days that do not exist.
pub(super) fn parse(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Some(Utc::now().naive_utc());
    }
    let Some((date, rest)) = date(text) else {
        let first = NaiveDate::from_ymd_opt(2000, 1, 1)?;
        return match clock(text) {
            Some(time) => time_on(first, time),
            None => text.parse().ok().and_then(from_julian_day),
        };
    };
    let rest = rest.strip_prefix(['T', 't']).unwrap_or(rest).trim_start();
    match rest {
        "" => Some(date.and_time(chrono::NaiveTime::MIN)),
        rest => time_on(date, clock(rest)?),
    }
}

/// Reads `YYYY-MM-DD` and returns what follows.
fn date(text: &str) -> Option<(NaiveDate, &str)> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
    let year = i32::try_from(year).ok()?;
    Some((NaiveDate::from_ymd_opt(year, month, day)?, rest))
}

/// A time of day, and by how much its zone is ahead of UTC.
struct Clock {
    time: TimeDelta,
    ahead: TimeDelta,
}

/// Reads `HH:MM[:SS[.SSS]]` with an optional zone. Nothing may follow.
fn clock(text: &str) -> Option<Clock> {
    let (hour, rest) = number(text, 2).filter(|(hour, _)| *hour < 24)?;
    let (minute, mut rest) = number(rest.strip_prefix(':')?, 2).filter(|(m, _)| *m < 60)?;
    let mut time = TimeDelta::seconds(i64::from(hour * 3_600 + minute * 60));
    if let Some(after) = rest.strip_prefix(':') {
        let (second, after) = number(after, 2).filter(|(second, _)| *second < 60)?;
        time += TimeDelta::seconds(i64::from(second));
        rest = after;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|char: char| !char.is_ascii_digit()).unwrap_or(after.len());
            let (digits, after) = after.split_at(end);
            let nanos = digits.get(..digits.len().min(9)).filter(|digits| !digits.is_empty())?;
            let scale = 10_i64.pow(9 - u32::try_from(nanos.len()).ok()?);
            time += TimeDelta::nanoseconds(nanos.parse::<i64>().ok()? * scale);
            rest = after;
        }
    }
    let rest = rest.trim();
    let ahead = match rest {
        "" | "Z" | "z" => TimeDelta::zero(),
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hours, zone) = number(zone.strip_prefix(['+', '-'])?, 2)?;
            let zone = zone.strip_prefix(':').unwrap_or(zone);
            let (minutes, after) = if zone.is_empty() { (0, "") } else { number(zone, 2)? };
            if hours > 14 || minutes > 59 || !after.is_empty() {
                return None;
            }
            TimeDelta::minutes(sign * i64::from(hours * 60 + minutes))
        }
    };
    Some(Clock { time, ahead })
}

fn time_on(date: NaiveDate, clock: Clock) -> Option<NaiveDateTime> {
    let midnight = date.and_time(chrono::NaiveTime::MIN);
    midnight.checked_add_signed(clock.time)?.checked_sub_signed(clock.ahead)
}

/// Reads a number of exactly that many digits and returns what follows.
fn number(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = (text.get(..digits)?, text.get(digits..)?);
    let all = number.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| number.parse().ok()).flatten().map(|number| (number, rest))
}

/// Returns the time of a Julian day, to the millisecond. `None` outside of SQLite's years 0 to 9999.
pub(super) fn from_julian_day(days: f64) -> Option<NaiveDateTime> {
    if !(0.0..=LAST_JULIAN_DAY).contains(&days) {
        return None;
    }
    let millis = ((days - EPOCH_JULIAN_DAY) * DAY_MILLIS).round();
    DateTime::from_timestamp_millis(millis as i64).map(|time| time.naive_utc())
}

/// Returns the time of a number of seconds since 1970, to the millisecond.
pub(super) fn from_unix_seconds(seconds: f64) -> Option<NaiveDateTime> {
    let millis = (seconds * 1_000.0).round();
    let possible = (-1e15..=1e15).contains(&millis);
    possible
        .then(|| DateTime::from_timestamp_millis(millis as i64))
        .flatten()
        .map(|t| t.naive_utc())
}

pub(super) fn julian_day(time: NaiveDateTime) -> f64 {
    let time = time.and_utc();
    let millis = time.timestamp_millis() as f64 + f64::from(time.nanosecond() % 1_000_000) / 1e6;
    millis / DAY_MILLIS + EPOCH_JULIAN_DAY
}

/// Whether a number of seconds or days, given with no modifier, can be meant as either.
pub(super) fn from_number(number: f64) -> Option<NaiveDateTime> {
    from_julian_day(number).or_else(|| from_unix_seconds(number))
}

/// What modifiers start with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// Whether the number counts days or seconds is for the first modifier to say.
    Number(f64),
    Time(NaiveDateTime),
}

impl Start {
    fn time(self) -> Option<NaiveDateTime> {
        match self {
            Self::Number(days) => from_julian_day(days),
            Self::Time(time) => Some(time),
        }
    }
}

/// A time after modifiers, and whether fractions of a second are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modified {
    pub(super) time: NaiveDateTime,
    pub(super) subsecond: bool,
}

/// Applies SQLite's modifiers to a time. `Ok(None)` if there is no such time.
///
/// # Errors
///
/// The text of a modifier that is unknown. SQLite returns NULL for it.
pub(super) fn modified<'a>(
    start: Start,
    modifiers: impl Iterator<Item = &'a str>,
) -> Result<Option<Modified>, String> {
    let (mut start, mut subsecond) = (start, false);
    for modifier in modifiers {
        let modifier = modifier.trim().to_lowercase();
        if matches!(modifier.as_str(), "subsec" | "subsecond") {
            subsecond = true;
            continue;
        }
        let next = match (modifier.as_str(), start) {
            ("unixepoch", Start::Number(seconds)) => from_unix_seconds(seconds),
            ("auto", Start::Number(number)) => from_number(number),
            ("julianday" | "auto" | "utc", start) => start.time(),
            (_, start) => match start.time() {
                Some(time) => changed(time, &modifier)?,
                None => None,
            },
        };
        match next {
            Some(time) => start = Start::Time(time),
            None => return Ok(None),
        }
    }
    Ok(start.time().map(|time| Modified { time, subsecond }))
}

fn changed(time: NaiveDateTime, modifier: &str) -> Result<Option<NaiveDateTime>, String> {
    let midnight = |date: NaiveDate| date.and_time(chrono::NaiveTime::MIN);
    let date = time.date();
    if let Some(day) = modifier.strip_prefix("weekday ") {
        let day = day.trim().parse::<u32>().ok().filter(|day| *day < 7);
        let day = day.ok_or("a weekday is 0, for Sunday, to 6")?;
        let ahead = (day + 7 - date.weekday().num_days_from_sunday()) % 7;
        return Ok(time.checked_add_days(Days::new(ahead.into())));
    }
    Ok(match modifier {
        "start of day" => Some(midnight(date)),
        "start of month" => date.with_day(1).map(midnight),
        "start of year" => date.with_day(1).and_then(|date| date.with_month(1)).map(midnight),
        "localtime" => {
            return Err("'localtime' is not supported; use x AT TIME ZONE 'Europe/Berlin'".into());
        }
        other => match shift(other) {
            Some(shift) => shift.apply(time),
            None => {
                return Err(format!(
                    "'{other}' is no modifier; use '+1 day', 'start of month', 'weekday 1' or 'unixepoch'"
                ));
            }
        },
    })
}

/// `+1.5 days` or `-01:30`.
enum Shift {
    Clock(TimeDelta),
    Units(f64, Unit),
}

enum Unit {
    Seconds(f64),
    Months,
    Years,
}

fn shift(text: &str) -> Option<Shift> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(clock) = clock(unsigned) {
        return Some(Shift::Clock(if negative { -clock.time } else { clock.time }));
    }
    let end = unsigned.find(|char: char| !(char.is_ascii_digit() || char == '.'))?;
    let (count, unit) = unsigned.split_at(end);
    let count = count.parse::<f64>().ok()?;
    let count = if negative { -count } else { count };
    let unit = unit.trim_start();
    Some(Shift::Units(
        count,
        match unit.strip_suffix('s').unwrap_or(unit) {
            "second" | "sec" => Unit::Seconds(1.0),
            "minute" | "min" => Unit::Seconds(60.0),
            "hour" => Unit::Seconds(3_600.0),
            "day" => Unit::Seconds(86_400.0),
            "week" => Unit::Seconds(604_800.0),
            "month" => Unit::Months,
            "year" => Unit::Years,
            _ => return None,
        },
    ))
}

impl Shift {
    fn apply(&self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        match self {
            Self::Clock(delta) => time.checked_add_signed(*delta),
            Self::Units(count, Unit::Seconds(seconds)) => add_seconds(time, count * seconds),
            Self::Units(count, Unit::Months) => {
                let time = add_months(time, count.trunc())?;
                add_seconds(time, count.fract() * 30.0 * 86_400.0)
            }
            Self::Units(count, Unit::Years) => {
                let time = add_months(time, count.trunc() * 12.0)?;
                add_seconds(time, count.fract() * 365.0 * 86_400.0)
            }
        }
    }
}

/// Adds seconds, to the millisecond.
fn add_seconds(time: NaiveDateTime, seconds: f64) -> Option<NaiveDateTime> {
    let millis = (seconds * 1_000.0).round();
    let possible = (-1e16..=1e16).contains(&millis);
    time.checked_add_signed(TimeDelta::try_milliseconds(possible.then_some(millis as i64)?)?)
}

/// Adds months. A day that the month does not have is one of the next month, as in SQLite.
fn add_months(time: NaiveDateTime, months: f64) -> Option<NaiveDateTime> {
    if !(-1e6..=1e6).contains(&months) {
        return None;
    }
    let first = time.date().with_day(1)?;
    let count = Months::new(months.abs() as u32);
    let first = match months < 0.0 {
        true => first.checked_sub_months(count)?,
        false => first.checked_add_months(count)?,
    };
    let date = first.checked_add_days(Days::new(u64::from(time.day() - 1)))?;
    Some(date.and_time(time.time()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        parse(text).map_or_else(|| "-".to_owned(), |time| time.to_string())
    }

    #[test]
    fn texts_are_read_as_in_sqlite() {
        for (text, time) in [
            ("2026-04-15", "2026-04-15 00:00:00"),
            (" 2026-04-15T10:11:12.5Z ", "2026-04-15 10:11:12.500"),
            ("2026-04-15 10:11", "2026-04-15 10:11:00"),
            ("2026-04-15 10:11:12 +02:00", "2026-04-15 08:11:12"),
            ("2026-04-15T23:30:00-01:00", "2026-04-16 00:30:00"),
            ("10:11", "2000-01-01 10:11:00"),
            ("2461145.5", "2026-04-15 00:00:00"),
            ("garbage", "-"),
            ("2026-13-01", "-"),
            ("2026-04-15x", "-"),
            ("2026-04-15 25:00", "-"),
            ("é026-04-15", "-"),
            ("", "-"),
            ("1e999", "-"),
            ("NaN", "-"),
        ] {
            assert_eq!(read(text), time, "{text}");
        }
    }
}
