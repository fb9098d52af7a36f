//! Rows as the writer lays them out, read in one walk and without a parser.
//!
//! `{"id":7,"ts_utc":"..","source":"..",..}`: the table's keys in their order, no white space, and
//! no values but texts, integers, booleans and nulls. Nearly every stored row is one. Any other is
//! left to [`ObjectParser`](super::object::ObjectParser), which reads all of JSON and alone says
//! what is wrong with a row. So nothing is read here that the parser would read differently.

use std::ops::Range;

use crate::row::cursor::Cursor;
use crate::row::object::Scalar;
use crate::row::stops::Stops;
use crate::row::time;
use crate::row::token::Token;
use crate::table::{Column, ColumnType, Table};

/// Reads one row of a table after another, keeping its buffers.
#[derive(Debug)]
pub(super) struct WrittenRow {
    start: Token,
    members: Vec<Member>,
    stops: Stops,
    /// The texts of the row last read that are stored with escapes, without them.
    unescaped: Vec<u8>,
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
    /// Nanoseconds since 1970.
    Time(i64),
    /// A text's place in the row.
    Text(Range<usize>),
    /// A text's place among the unescaped.
    Unescaped(Range<usize>),
}

/// The values of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrittenValues<'a> {
    json: &'a [u8],
    row: &'a WrittenRow,
}

impl WrittenRow {
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
            stops: Stops::default(),
            unescaped: Vec::new(),
        }
    }

    /// The values of a row; `None` if it is laid out in another way, or corrupt.
    pub(super) fn read<'a>(&'a mut self, json: &'a [u8]) -> Option<WrittenValues<'a>> {
        self.unescaped.clear();
        self.stops.find(json)?;
        let mut cursor = Cursor::new(json, &self.stops);
        cursor.token(&self.start)?;
        cursor.int()?;
        for member in &mut self.members {
            cursor.token(&member.key)?;
            match member.wanted {
                Some(column) => member.found = value(&mut cursor, column, &mut self.unescaped)?,
                None => skip(&mut cursor)?,
            }
        }
        (cursor.rest() == b"}").then_some(WrittenValues { json, row: self })
    }
}

impl<'a> WrittenValues<'a> {
    /// The value of the column with that index in [`Table::columns`], which was asked for.
    ///
    /// # Errors
    ///
    /// None in fact: a row that is not UTF-8 has not been read.
    pub(super) fn get(self, index: usize) -> Result<Scalar<'a>, String> {
        let (bytes, range) = match &self.row.members[index].found {
            Found::Null => return Ok(Scalar::Null),
            Found::Bool(value) => return Ok(Scalar::Bool(*value)),
            Found::Int(value) => return Ok(Scalar::Int(*value)),
            Found::Time(nanos) => return Ok(Scalar::Time(*nanos)),
            Found::Text(range) => (self.json, range),
            Found::Unescaped(range) => (self.row.unescaped.as_slice(), range),
        };
        // To look at these few bytes once more is cheaper than at all of the row for their sake.
        let text = std::str::from_utf8(&bytes[range.clone()]);
        text.map(Scalar::Text).map_err(|error| error.to_string())
    }
}

/// Passes a value of a column that is asked for.
#[inline]
fn value(cursor: &mut Cursor<'_>, column: &Column, unescaped: &mut Vec<u8>) -> Option<Found> {
    match (cursor.peek()?, column.ty) {
        (b'"', ColumnType::Text) => text(cursor, unescaped),
        (b'"', ColumnType::Time) => time(cursor),
        (b'n', _) if column.nullable => cursor.word(b"null").map(|()| Found::Null),
        (b't', ColumnType::Bool) => cursor.word(b"true").map(|()| Found::Bool(true)),
        (b'f', ColumnType::Bool) => cursor.word(b"false").map(|()| Found::Bool(false)),
        (_, ColumnType::Int) => cursor.int().map(Found::Int),
        _ => None,
    }
}

/// Passes a value of a column that is not asked for: it may be of any type.
#[inline]
fn skip(cursor: &mut Cursor<'_>) -> Option<()> {
    match cursor.peek()? {
        b'"' => cursor.text(|_, _| {}).map(|_| ()),
        b'n' => cursor.word(b"null"),
        b't' => cursor.word(b"true"),
        b'f' => cursor.word(b"false"),
        _ => cursor.int().map(|_| ()),
    }
}

#[inline]
fn text(cursor: &mut Cursor<'_>, unescaped: &mut Vec<u8>) -> Option<Found> {
    let (json, start) = (cursor.json(), unescaped.len());
    let mut has_escapes = false;
    let place = cursor.text(|run, escape| {
        has_escapes |= escape.is_some();
        if has_escapes {
            unescaped.extend_from_slice(&json[run]);
        }
        if let Some(byte) = escape {
            unescaped.push(byte);
        }
    })?;
    Some(if has_escapes { Found::Unescaped(start..unescaped.len()) } else { Found::Text(place) })
}

#[inline]
fn time(cursor: &mut Cursor<'_>) -> Option<Found> {
    let place = cursor.text(|_, _| {})?;
    time::parse_stored(cursor.json().get(place)?).map(Found::Time)
}
