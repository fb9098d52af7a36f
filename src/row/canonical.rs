//! The fast path for rows in the layout that the writer uses: one pass, without a parser.
//!
//! `{"id":7,"ts_utc":"..","source":"..",..}`: the table's keys in order, no white space, and only
//! strings, numbers, booleans and nulls as values. Nearly every stored row looks like this. Any
//! other row is left to [`ObjectParser`](super::object::ObjectParser), which reads all of JSON and
//! reports what is wrong with a row. So this module must not read anything that the parser would
//! read differently.

use std::ops::Range;

use chrono::NaiveDate;

use crate::row::cursor::Cursor;
use crate::row::object::Scalar;
use crate::row::structural::{StructuralIndex, WORD};
use crate::row::token::Token;
use crate::row::{date, time};
use crate::table::{Column, ColumnType, Table};

/// Reads the rows of a table one by one, and reuses its buffers.
#[derive(Debug)]
pub(super) struct CanonicalRow {
    start: Token,
    members: Vec<Member>,
    index: StructuralIndex,
    unescaped: Unescaped,
}

/// A column's member in a row.
#[derive(Debug)]
struct Member {
    /// The bytes between the previous value and this one: `,"source":`.
    key: Token,
    /// The column, if its values are wanted.
    wanted: Option<&'static Column>,
    /// The value in the last row read; null if it is not wanted.
    found: Found,
}

#[derive(Debug)]
enum Found {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Nanoseconds since 1970.
    Time(i64),
    Date(NaiveDate),
    /// The range of a string in the row.
    Text(Range<usize>),
    /// The range of a string in [`Unescaped`].
    Unescaped(Range<usize>),
}

/// The unescaped strings of the last row read. Strings without escapes are not copied.
#[derive(Debug, Default)]
struct Unescaped {
    /// The strings one after another, and free space.
    bytes: Vec<u8>,
    /// The start of the free space.
    len: usize,
}

/// The values of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct CanonicalValues<'a> {
    members: &'a [Member],
    /// The part of the row that has the strings, and its offset.
    stored: &'a str,
    start: usize,
    unescaped: &'a str,
}

impl CanonicalRow {
    /// Creates a reader of some of a table's columns, given by their indices in [`Table::columns`].
    pub(super) fn new(table: &'static Table, wanted: &[usize]) -> Self {
        let members = table.columns().iter().enumerate().map(|(index, column)| Member {
            key: Token::new(format!(",\"{}\":", column.name)),
            wanted: wanted.contains(&index).then_some(column),
            found: Found::Null,
        });
        Self {
            start: Token::new("{\"id\":".to_owned()),
            members: members.collect(),
            index: StructuralIndex::default(),
            unescaped: Unescaped::default(),
        }
    }

    /// Returns the values of a row; `None` if it has another layout or is corrupt.
    pub(super) fn read<'a>(&'a mut self, json: &'a [u8]) -> Option<CanonicalValues<'a>> {
        self.unescaped.clear(json);
        self.index.find(json)?;
        let mut cursor = Cursor::new(json, &self.index);
        cursor.token(&self.start)?;
        cursor.int()?;
        // The part from the first string without escapes to the last. Validating its UTF-8 at once
        // is cheaper than validating each string, or the whole row.
        let mut stored = 0..0;
        for member in &mut self.members {
            cursor.token(&member.key)?;
            match member.wanted {
                Some(column) => {
                    member.found = value(&mut cursor, column, &mut self.unescaped)?;
                    if let Found::Text(place) = &member.found {
                        let start = if stored.end == 0 { place.start } else { stored.start };
                        stored = start..place.end;
                    }
                }
                None => skip(&mut cursor)?,
            }
        }
        if cursor.rest() != b"}" {
            return None;
        }
        Some(CanonicalValues {
            members: &self.members,
            start: stored.start,
            stored: std::str::from_utf8(json.get(stored)?).ok()?,
            unescaped: std::str::from_utf8(&self.unescaped.bytes[..self.unescaped.len]).ok()?,
        })
    }
}

impl<'a> CanonicalValues<'a> {
    /// Returns the value of the column with that index in [`Table::columns`], which must be wanted.
    #[inline]
    pub(super) fn get(self, index: usize) -> Scalar<'a> {
        match &self.members[index].found {
            Found::Null => Scalar::Null,
            Found::Bool(value) => Scalar::Bool(*value),
            Found::Int(value) => Scalar::Int(*value),
            Found::Float(value) => Scalar::Float(*value),
            Found::Time(nanos) => Scalar::Time(*nanos),
            Found::Date(date) => Scalar::Date(*date),
            Found::Text(place) => {
                Scalar::Text(&self.stored[place.start - self.start..place.end - self.start])
            }
            Found::Unescaped(place) => Scalar::Text(&self.unescaped[place.clone()]),
        }
    }
}

impl Unescaped {
    /// Removes the strings, and makes room for those of a row.
    fn clear(&mut self, row: &[u8]) {
        let room = row.len() + WORD;
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
        self.len = 0;
    }
}

/// Reads a value of a wanted column.
#[inline]
fn value(cursor: &mut Cursor<'_>, column: &Column, unescaped: &mut Unescaped) -> Option<Found> {
    match (cursor.peek()?, column.ty) {
        (b'"', ColumnType::Text) => text(cursor, unescaped),
        (b'"', ColumnType::Time) => time(cursor),
        (b'"', ColumnType::Date) => date(cursor),
        (b'n', _) if column.nullable => cursor.word(b"null").map(|()| Found::Null),
        (b't', ColumnType::Bool) => cursor.word(b"true").map(|()| Found::Bool(true)),
        (b'f', ColumnType::Bool) => cursor.word(b"false").map(|()| Found::Bool(false)),
        (_, ColumnType::Int) => cursor.int().map(Found::Int),
        (_, ColumnType::Float) => cursor.float().map(Found::Float),
        _ => None,
    }
}

/// Skips a value of a column that is not wanted. It may have any type.
#[inline]
fn skip(cursor: &mut Cursor<'_>) -> Option<()> {
    match cursor.peek()? {
        b'"' => cursor.skip_text(),
        b'n' => cursor.word(b"null"),
        b't' => cursor.word(b"true"),
        b'f' => cursor.word(b"false"),
        _ => cursor.number(),
    }
}

#[inline]
fn text(cursor: &mut Cursor<'_>, unescaped: &mut Unescaped) -> Option<Found> {
    if let Some(place) = cursor.plain_text() {
        return Some(Found::Text(place));
    }
    let start = unescaped.len;
    unescaped.len += cursor.unescape_text(&mut unescaped.bytes[start..])?;
    Some(Found::Unescaped(start..unescaped.len))
}

#[inline]
fn time(cursor: &mut Cursor<'_>) -> Option<Found> {
    let place = cursor.plain_text()?;
    time::parse_stored(cursor.json().get(place)?).map(Found::Time)
}

#[inline]
fn date(cursor: &mut Cursor<'_>) -> Option<Found> {
    let place = cursor.plain_text()?;
    date::parse_stored(cursor.json().get(place)?).map(Found::Date)
}
