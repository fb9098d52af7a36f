//! Patterns of times: SQLite's, DuckDB's and PostgreSQL's.

use std::fmt::{self, Write};

use chrono::format::{Item, StrftimeItems};
use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

use crate::query::functions::postgres_part::Part;
use crate::query::functions::time_value::julian_day;

/// A pattern, parsed.
#[derive(Debug)]
pub(super) struct TimeFormat(pub(super) Vec<Piece>);

/// A part of a pattern.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    Field(Field),
    /// What chrono prints.
    Items(Vec<Item<'static>>),
    /// Seconds with three digits, rounded: SQLite's `%f`.
    SecondMillis,
    JulianDay,
    Postgres(Part),
}

/// A part of a time that always has the same number of digits. They are in this order from the
/// largest to the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

const FIELDS: [Field; 6] =
    [Field::Year, Field::Month, Field::Day, Field::Hour, Field::Minute, Field::Second];

/// The dialects of `strftime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    DuckDb,
}

impl TimeFormat {
    /// Parses a pattern with `%`.
    ///
    /// # Errors
    ///
    /// The specifier that is unknown.
    pub(super) fn strftime(pattern: &str, dialect: Dialect) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = pattern;
        while let Some(at) = rest.find('%') {
            let (text, found) = rest.split_at(at);
            push_text(&mut pieces, text);
            let length = match found.as_bytes() {
                [_, b'-' | b'_' | b'0', letter, ..] if letter.is_ascii() => 3,
                _ => 1 + found.get(1..).and_then(|s| s.chars().next()).map_or(0, char::len_utf8),
            };
            let (specifier, after) = found.split_at(length);
            strftime_piece(&mut pieces, specifier, dialect)?;
            rest = after;
        }
        push_text(&mut pieces, rest);
        Ok(Self(pieces))
    }

    pub(super) fn write(&self, time: NaiveDateTime, out: &mut impl Write) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.write_str(text)?,
                Piece::Field(Field::Year) => write!(out, "{:04}", time.year())?,
                Piece::Field(field) => write!(out, "{:02}", field.of(time))?,
                Piece::Items(items) => {
                    write!(out, "{}", time.and_utc().format_with_items(items.iter()))?;
                }
                Piece::SecondMillis => {
                    let millis = (time.nanosecond() + 500_000) / 1_000_000;
                    write!(out, "{:02}.{:03}", time.second(), millis.min(999))?;
                }
                Piece::JulianDay => write!(out, "{}", julian_day(time))?,
                Piece::Postgres(part) => part.write(time, out)?,
            }
        }
        Ok(())
    }

    /// Returns the first time that prints as the text, and the first after those that do. `None` if
    /// they are not one range, or if texts are not in the order of times.
    pub(super) fn range(&self, text: &str) -> Option<(NaiveDateTime, NaiveDateTime)> {
        let mut rest = text;
        let mut values = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Piece::Field(field) => {
                    // The fields must be the largest ones, from the year down.
                    (*FIELDS.get(values.len())? == *field).then_some(())?;
                    let digits = if *field == Field::Year { 4 } else { 2 };
                    let number = rest.get(..digits)?;
                    let all_digits = number.bytes().all(|byte| byte.is_ascii_digit());
                    values.push(number.parse::<u32>().ok().filter(|_| all_digits)?);
                    rest = rest.get(digits..)?;
                }
                _ => return None,
            }
        }
        let smallest = *FIELDS.get(values.len().checked_sub(1)?)?;
        if !rest.is_empty() {
            return None;
        }
        let value = |field: Field, least: u32| values.get(field as usize).copied().unwrap_or(least);
        let year = i32::try_from(value(Field::Year, 0)).ok()?;
        let date = NaiveDate::from_ymd_opt(year, value(Field::Month, 1), value(Field::Day, 1))?;
        let start = date.and_hms_opt(
            value(Field::Hour, 0),
            value(Field::Minute, 0),
            value(Field::Second, 0),
        )?;
        let months = |count| start.checked_add_months(chrono::Months::new(count));
        let seconds = |count| start.checked_add_signed(TimeDelta::seconds(count));
        let end = match smallest {
            Field::Year => months(12)?,
            Field::Month => months(1)?,
            Field::Day => seconds(86_400)?,
            Field::Hour => seconds(3_600)?,
            Field::Minute => seconds(60)?,
            Field::Second => seconds(1)?,
        };
        Some((start, end))
    }
}

impl Field {
    fn of(self, time: NaiveDateTime) -> i64 {
        match self {
            Self::Year => time.year().into(),
            Self::Month => time.month().into(),
            Self::Day => time.day().into(),
            Self::Hour => time.hour().into(),
            Self::Minute => time.minute().into(),
            Self::Second => time.second().into(),
        }
    }
}

pub(super) fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if text.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn strftime_piece(
    pieces: &mut Vec<Piece>,
    specifier: &str,
    dialect: Dialect,
) -> Result<(), String> {
    let is_sqlite = dialect == Dialect::Sqlite;
    let field = |field| Piece::Field(field);
    let piece = match specifier {
        "%Y" => field(Field::Year),
        "%m" => field(Field::Month),
        "%d" => field(Field::Day),
        "%H" => field(Field::Hour),
        "%M" => field(Field::Minute),
        "%S" => field(Field::Second),
        "%F" | "%x" => return several(pieces, &["%Y", "-", "%m", "-", "%d"], dialect),
        "%T" | "%X" => return several(pieces, &["%H", ":", "%M", ":", "%S"], dialect),
        "%R" => return several(pieces, &["%H", ":", "%M"], dialect),
        "%c" => {
            let parts = ["%Y", "-", "%m", "-", "%d", " ", "%H", ":", "%M", ":", "%S"];
            return several(pieces, &parts, dialect);
        }
        "%%" => {
            push_text(pieces, "%");
            return Ok(());
        }
        "%f" if is_sqlite => Piece::SecondMillis,
        "%J" if is_sqlite => Piece::JulianDay,
        "%f" => items("%6f"),
        "%g" if !is_sqlite => items("%3f"),
        "%n" if !is_sqlite => items("%9f"),
        // What chrono prints as SQLite and DuckDB do.
        "%a" | "%A" | "%b" | "%B" | "%e" | "%G" | "%g" | "%I" | "%j" | "%k" | "%l" | "%p"
        | "%P" | "%s" | "%u" | "%U" | "%V" | "%w" | "%W" | "%y" | "%z" | "%Z" => items(specifier),
        "%-d" | "%-m" | "%-y" | "%-H" | "%-I" | "%-M" | "%-S" | "%-j" => items(specifier),
        other => return Err(format!("'{other}' is no specifier of a time, such as %Y or %m")),
    };
    pieces.push(piece);
    Ok(())
}

fn several(pieces: &mut Vec<Piece>, parts: &[&str], dialect: Dialect) -> Result<(), String> {
    for part in parts {
        match part.starts_with('%') {
            true => strftime_piece(pieces, part, dialect)?,
            false => push_text(pieces, part),
        }
    }
    Ok(())
}

fn items(specifier: &str) -> Piece {
    match StrftimeItems::new(specifier).parse_to_owned() {
        Ok(items) => Piece::Items(items),
        Err(_) => Piece::Text(specifier.to_owned()),
    }
}
