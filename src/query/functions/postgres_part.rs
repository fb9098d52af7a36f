//! The parts of PostgreSQL's patterns of times.

use std::fmt::{self, Write};

use chrono::{Datelike, NaiveDateTime, Timelike};

use crate::query::functions::time_value::julian_day;

/// A part of a pattern that is not printed by chrono.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) what: What,
    /// Whether `FM` leaves out zeros and spaces that fill up.
    pub(super) bare: bool,
    pub(super) case: Case,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// A number with that many digits.
    Number(fn(NaiveDateTime) -> i64, usize),
    /// The name of the month or day, filled up with spaces to nine characters.
    Month,
    Weekday,
    /// Their first three letters.
    ShortMonth,
    ShortWeekday,
    HalfDay,
    RomanMonth,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Case {
    Upper,
    Title,
    Lower,
}

const ROMAN: [&str; 12] =
    ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// The template patterns, the longest of those with the same beginning first.
pub(super) const PATTERNS: [(&str, What); 43] = [
    ("HH24", What::Number(|t| t.hour().into(), 2)),
    ("HH12", What::Number(hour12, 2)),
    ("HH", What::Number(hour12, 2)),
    ("MI", What::Number(|t| t.minute().into(), 2)),
    ("SSSSS", What::Number(|t| t.num_seconds_from_midnight().into(), 0)),
    ("SSSS", What::Number(|t| t.num_seconds_from_midnight().into(), 0)),
    ("SS", What::Number(|t| t.second().into(), 2)),
    ("MS", What::Number(|t| i64::from(t.nanosecond()) / 1_000_000, 3)),
    ("US", What::Number(|t| i64::from(t.nanosecond()) / 1_000, 6)),
    ("FF1", What::Number(|t| i64::from(t.nanosecond()) / 100_000_000, 1)),
    ("FF2", What::Number(|t| i64::from(t.nanosecond()) / 10_000_000, 2)),
    ("FF3", What::Number(|t| i64::from(t.nanosecond()) / 1_000_000, 3)),
    ("FF4", What::Number(|t| i64::from(t.nanosecond()) / 100_000, 4)),
    ("FF5", What::Number(|t| i64::from(t.nanosecond()) / 10_000, 5)),
    ("FF6", What::Number(|t| i64::from(t.nanosecond()) / 1_000, 6)),
    ("YYYY", What::Number(|t| t.year().into(), 4)),
    ("YYY", What::Number(|t| i64::from(t.year()).rem_euclid(1_000), 3)),
    ("YY", What::Number(|t| i64::from(t.year()).rem_euclid(100), 2)),
    ("Y", What::Number(|t| i64::from(t.year()).rem_euclid(10), 1)),
    ("IYYY", What::Number(|t| t.iso_week().year().into(), 4)),
    ("IYY", What::Number(|t| i64::from(t.iso_week().year()).rem_euclid(1_000), 3)),
    ("IY", What::Number(|t| i64::from(t.iso_week().year()).rem_euclid(100), 2)),
    ("IW", What::Number(|t| t.iso_week().week().into(), 2)),
    ("IDDD", What::Number(iso_day_of_year, 3)),
    ("ID", What::Number(|t| t.weekday().number_from_monday().into(), 1)),
    ("I", What::Number(|t| i64::from(t.iso_week().year()).rem_euclid(10), 1)),
    ("MONTH", What::Month),
    ("MON", What::ShortMonth),
    ("MM", What::Number(|t| t.month().into(), 2)),
    ("DAY", What::Weekday),
    ("DY", What::ShortWeekday),
    ("DDD", What::Number(|t| t.ordinal().into(), 3)),
    ("DD", What::Number(|t| t.day().into(), 2)),
    ("D", What::Number(|t| t.weekday().number_from_sunday().into(), 1)),
    ("WW", What::Number(|t| i64::from(t.ordinal0() / 7 + 1), 2)),
    ("W", What::Number(|t| i64::from(t.day0() / 7 + 1), 1)),
    ("CC", What::Number(|t| i64::from((t.year() - 1).div_euclid(100) + 1), 2)),
    ("J", What::Number(|t| julian_day(t).add_half_day(), 0)),
    ("Q", What::Number(|t| i64::from(t.month0() / 3 + 1), 1)),
    ("RM", What::RomanMonth),
    ("AM", What::HalfDay),
    ("PM", What::HalfDay),
    ("TZH", What::Number(|_| 0, 2)),
];

/// Julian days begin at noon.
trait AddHalfDay {
    fn add_half_day(self) -> i64;
}

impl AddHalfDay for f64 {
    fn add_half_day(self) -> i64 {
        (self + 0.5).floor() as i64
    }
}

fn hour12(time: NaiveDateTime) -> i64 {
    time.hour12().1.into()
}

fn iso_day_of_year(time: NaiveDateTime) -> i64 {
    i64::from(time.iso_week().week0() * 7 + time.weekday().number_from_monday())
}

impl Part {
    pub(super) fn write(&self, time: NaiveDateTime, out: &mut impl Write) -> fmt::Result {
        let name = match self.what {
            What::Number(number, digits) => {
                let digits = if self.bare { 0 } else { digits };
                return write!(out, "{:0digits$}", number(time));
            }
            What::Month => time.format("%B").to_string(),
            What::Weekday => time.format("%A").to_string(),
            What::ShortMonth => time.format("%b").to_string(),
            What::ShortWeekday => time.format("%a").to_string(),
            What::HalfDay => if time.hour() < 12 { "AM" } else { "PM" }.to_owned(),
            What::RomanMonth => {
                ROMAN.get(time.month0() as usize).copied().unwrap_or_default().to_owned()
            }
        };
        let name = match self.case {
            Case::Upper => name.to_uppercase(),
            Case::Lower => name.to_lowercase(),
            Case::Title => name,
        };
        let width = match self.what {
            _ if self.bare => 0,
            What::Month | What::Weekday => 9,
            What::RomanMonth => 4,
            _ => 0,
        };
        write!(out, "{name:width$}")
    }
}
