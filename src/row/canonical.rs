//! Rows as the writer lays them out, read in one walk and without a parser.
//!
//! `{"id":7,"ts_utc":"..","source":"..",..}`: the table's keys in their order, no white space, and
//! no values but texts, numbers, booleans and nulls. Nearly every stored row is one. Any other is
//! left to [`ObjectParser`](super::object::ObjectParser), which reads all of JSON and alone says
//! what is wrong with a row. So nothing is read here that the parser would read differently.

use std::ops::Range;

use chrono::NaiveDate;

use crate::row::cursor::Cursor;
use crate::row::object::Scalar;
use crate::row::structural::{StructuralIndex, WORD};
use crate::row::token::Token;
use crate::row::{date, time};
use crate::table::{Column, ColumnType, Table};

/// Reads one row of a table after another, keeping its buffers.
#[derive(Debug)]
pub(super) struct CanonicalRow {
    start: Token,
    members: Vec<Member>,
    index: StructuralIndex,
    unescaped: Unescaped,
}

/// A column's place in a row.
#[derive(Debug)]
struct Member {
    /// All that stands between the value before and this one: `,"source":`.
    key: Token,
    /// The column, if its values are asked for.
    wanted: Option<&'static Column>,
    /// The value in the row last read; null, if it is not asked for.
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
    /// A text's place in the row.
    Text(Range<usize>),
    /// A text's place among the unescaped.
    Unescaped(Range<usize>),
}

/// The texts of the row last read that are stored with escapes, without them.
#[derive(Debug, Default)]
struct Unescaped {
    /// The texts one after another, and room.
    bytes: Vec<u8>,
    /// Where the room begins.
    len: usize,
}

/// The values of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct CanonicalValues<'a> {
    members: &'a [Member],
    /// The part of the row that has the texts, and its place.
    stored: &'a str,
    start: usize,
    unescaped: &'a str,
}

impl CanonicalRow {
    /// A reader of some of a table's columns, by their indices in [`Table::columns`].
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

    /// The values of a row; `None` if it is laid out in another way, or corrupt.
    pub(super) fn read<'a>(&'a mut self, json: &'a [u8]) -> Option<CanonicalValues<'a>> {
        self.unescaped.clear(json);
        self.index.find(json)?;
        let mut cursor = Cursor::new(json, &self.index);
        cursor.token(&self.start)?;
        cursor.int()?;
        // From the first text to the last, but for those with escapes. To look at this part once
        // more is cheaper than at each text alone, and than at all of the row.
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
    /// The value of the column with that index in [`Table::columns`], which was asked for.
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
    /// Removes the texts, and makes room for those of a row.
    fn clear(&mut self, row: &[u8]) {
        let room = row.len() + WORD;
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
        self.len = 0;
    }
}

/// Passes a value of a column that is asked for.
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

/// Passes a value of a column that is not asked for: it may be of any type.
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
