//! Patterns of PostgreSQL's `to_char`: `YYYY-MM-DD HH24:MI:SS.MS`.

use chrono::format::StrftimeItems;

use crate::query::functions::postgres_part::{Case, PATTERNS, Part, What};
use crate::query::functions::time_format::{Field, Piece, TimeFormat, push_text};

/// Parses a pattern such as `YYYY-MM-DD`.
///
/// # Errors
///
/// The letters that PostgreSQL prints as they are, or that are not supported.
pub(super) fn parse(pattern: &str) -> Result<TimeFormat, String> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    let mut bare = false;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (text, after) = quoted.split_once('"').unwrap_or((quoted, ""));
            push_text(&mut pieces, text);
            rest = after;
            continue;
        }
        if !first.is_ascii_alphabetic() {
            let (text, after) = rest.split_at(first.len_utf8());
            push_text(&mut pieces, text);
            rest = after;
            continue;
        }
        if starts_with(rest, "FM") || starts_with(rest, "TM") {
            bare = true;
            rest = rest.get(2..).unwrap_or_default();
            continue;
        }
        if starts_with(rest, "TZ") && !starts_with(rest, "TZH") {
            push_text(&mut pieces, if rest.starts_with("TZ") { "UTC" } else { "utc" });
            rest = rest.get(2..).unwrap_or_default();
            continue;
        }
        if starts_with(rest, "OF") {
            push_text(&mut pieces, "+00");
            rest = rest.get(2..).unwrap_or_default();
            continue;
        }
        let found = PATTERNS.iter().find(|(name, _)| starts_with(rest, name));
        let Some((name, what)) = found else { return Err(refusal(rest)) };
        let (typed, after) = rest.split_at(name.len());
        // `DDTH` prints 15TH: what looks like the `T` of ISO 8601 is the ending of an ordinal.
        if starts_with(after, "TH") || starts_with(after, "SP") {
            return Err(refusal(after));
        }
        pieces.push(piece(name, typed, *what, std::mem::take(&mut bare)));
        rest = after;
    }
    Ok(TimeFormat(pieces))
}

fn piece(name: &str, typed: &str, what: What, bare: bool) -> Piece {
    let field = match name {
        "YYYY" => Some(Field::Year),
        "MM" => Some(Field::Month),
        "DD" => Some(Field::Day),
        "HH24" => Some(Field::Hour),
        "MI" => Some(Field::Minute),
        "SS" => Some(Field::Second),
        _ => None,
    };
    if let Some(field) = field.filter(|_| !bare) {
        return Piece::Field(field);
    }
    let is_lower = |char: Option<char>| char.is_some_and(|char| char.is_ascii_lowercase());
    let mut letters = typed.chars();
    let case = match (is_lower(letters.next()), is_lower(letters.next())) {
        (true, _) => Case::Lower,
        (false, true) => Case::Title,
        (false, false) => Case::Upper,
    };
    Piece::Postgres(Part { what, bare, case })
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn refusal(rest: &str) -> String {
    let end = rest.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(rest.len());
    let letters = rest.get(..end).unwrap_or(rest);
    format!(
        "'{letters}' is no pattern of a time, such as YYYY-MM-DD HH24:MI:SS; write \
         text in double quotes, as in YYYY-MM-DD\"T\"HH24:MI:SS, or use strftime's, as in '%Y-%m-%d'"
    )
}

/// Parses a pattern of `to_char`: with `%` it is one of `strftime`, without one of PostgreSQL.
///
/// # Errors
///
/// The pattern, if it is none.
pub(super) fn to_char(pattern: &str) -> Result<TimeFormat, String> {
    if !pattern.contains('%') {
        return parse(pattern);
    }
    let items = StrftimeItems::new(pattern).parse_to_owned();
    let items = items.map_err(|_| format!("invalid pattern '{pattern}'"))?;
    Ok(TimeFormat(vec![Piece::Items(items)]))
}
