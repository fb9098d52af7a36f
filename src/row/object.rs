//! Parses one JSON object with simd-json, and finds its members by column.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate};
use simd_json::{Buffers, ErrorType, Node, StaticNode, Tape};

use crate::row::{date, time};
use crate::table::{Column, ColumnType, Table, Value};

/// Parses JSON objects one by one, and reuses its buffers.
pub(super) struct ObjectParser {
    input: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl ObjectParser {
    pub(super) fn new() -> Self {
        Self { input: Vec::new(), buffers: Buffers::default(), tape: Tape::null() }
    }

    /// Parses `json` and passes its members to `read`.
    ///
    /// # Errors
    ///
    /// A message, if `json` is not one JSON object in UTF-8; and the errors of `read`.
    pub(super) fn parse<T>(
        &mut self,
        json: &[u8],
        read: impl FnOnce(Members<'_, '_>) -> Result<T, String>,
    ) -> Result<T, String> {
        // simd-json unescapes strings in place, so it needs a copy: the row is in a page of the
        // store.
        self.input.clear();
        self.input.extend_from_slice(json);
        let mut tape = std::mem::replace(&mut self.tape, Tape::null()).reset();
        let parsed = simd_json::fill_tape(&mut self.input, &mut self.buffers, &mut tape);
        let result = match parsed {
            Ok(()) => match tape.0.split_first() {
                Some((Node::Object { len, .. }, members)) => {
                    read(Members { len: *len, nodes: members })
                }
                _ => Err("not a JSON object".to_owned()),
            },
            Err(error) => Err(describe(&error)),
        };
        self.tape = tape.reset();
        result
    }
}

impl std::fmt::Debug for ObjectParser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectParser").finish_non_exhaustive()
    }
}

fn describe(error: &simd_json::Error) -> String {
    let what = match error.error() {
        ErrorType::InvalidUtf8 => "not UTF-8",
        ErrorType::InvalidNumber => "malformed number",
        ErrorType::InvalidEscape | ErrorType::InvalidUnicodeCodepoint => "malformed escape",
        ErrorType::UnterminatedString => "unterminated string",
        ErrorType::Eof => "unexpected end",
        _ => "unexpected character",
    };
    match error.character() {
        Some(found) if found != '\0' => {
            format!("invalid JSON at byte {} ({found:?}): {what}", error.index())
        }
        _ => format!("invalid JSON at byte {}: {what}", error.index()),
    }
}

/// Iterates over the members of an object, in their order.
#[derive(Clone)]
pub(super) struct Members<'tape, 'json> {
    len: usize,
    nodes: &'tape [Node<'json>],
}

impl<'tape, 'json> Iterator for Members<'tape, 'json> {
    type Item = (&'json str, &'tape Node<'json>);

    fn next(&mut self) -> Option<Self::Item> {
        self.len = self.len.checked_sub(1)?;
        let (Node::String(key), rest) = self.nodes.split_first()? else { return None };
        let value = rest.first()?;
        let nodes = match value {
            Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
            Node::String(_) | Node::Static(_) => 1,
        };
        self.nodes = rest.get(nodes..)?;
        Some((key, value))
    }
}

/// Returns the values of the table's columns in an object, in the order of the columns. Members
/// with other names are ignored.
///
/// # Errors
///
/// A message, if a column appears twice: either value may be the intended one.
pub(super) fn locate<'tape, 'json: 'tape>(
    table: &Table,
    members: impl Iterator<Item = (&'json str, &'tape Node<'json>)>,
) -> Result<Vec<Option<&'tape Node<'json>>>, String> {
    let columns = table.columns();
    let mut found = vec![None; columns.len()];
    // Members are nearly always in the order of the columns, so search after the last match first.
    let mut next = 0;
    for (key, value) in members {
        let after = columns[next..].iter().position(|column| column.name == key).map(|i| next + i);
        let index = after.or_else(|| columns[..next].iter().position(|column| column.name == key));
        if let Some(index) = index {
            if found[index].replace(value).is_some() {
                return Err(format!("{key} appears twice"));
            }
            next = index + 1;
        }
    }
    Ok(found)
}

/// A member's value, checked against its column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar<'json> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'json str),
    /// Nanoseconds since 1970.
    Time(i64),
    Date(NaiveDate),
}

impl<'json> Scalar<'json> {
    /// Converts the value of a member. `node` is `None` if the object does not have the member.
    ///
    /// # Errors
    ///
    /// A message that says why the value does not fit the column.
    pub(super) fn of(column: &Column, node: Option<&Node<'json>>) -> Result<Self, String> {
        match (column.ty, node) {
            (_, None) if column.nullable => Ok(Self::Null),
            (_, None) => Err(format!("{} is missing", column.name)),
            (_, Some(Node::Static(StaticNode::Null))) if column.nullable => Ok(Self::Null),
            (ColumnType::Text, Some(Node::String(text))) => Ok(Self::Text(text)),
            (ColumnType::Bool, Some(Node::Static(StaticNode::Bool(value)))) => {
                Ok(Self::Bool(*value))
            }
            (ColumnType::Int, Some(Node::Static(StaticNode::I64(value)))) => Ok(Self::Int(*value)),
            (ColumnType::Int, Some(Node::Static(StaticNode::U64(value)))) => {
                match i64::try_from(*value) {
                    Ok(value) => Ok(Self::Int(value)),
                    Err(_) => Err(format!(
                        "{} is {value}, which exceeds a signed 64-bit integer",
                        column.name
                    )),
                }
            }
            // A whole number is also a float. The parser reads whole numbers of more than 64 bits
            // as floats, and refuses numbers that are too large for a float.
            (ColumnType::Float, Some(Node::Static(StaticNode::F64(value)))) => {
                Ok(Self::Float(*value))
            }
            (ColumnType::Float, Some(Node::Static(StaticNode::I64(value)))) => {
                Ok(Self::Float(*value as f64))
            }
            (ColumnType::Float, Some(Node::Static(StaticNode::U64(value)))) => {
                Ok(Self::Float(*value as f64))
            }
            (ColumnType::Time, Some(Node::String(text))) => match time::parse_nanos(text) {
                Ok(nanos) => Ok(Self::Time(nanos)),
                Err(reason) => Err(format!("{}: {reason}", column.name)),
            },
            (ColumnType::Date, Some(Node::String(text))) => match date::parse(text) {
                Ok(date) => Ok(Self::Date(date)),
                Err(reason) => Err(format!("{}: {reason}", column.name)),
            },
            (ty, Some(found)) => {
                Err(format!("{} should be {}, found {}", column.name, ty.name(), json_kind(found)))
            }
        }
    }
}

impl<'json> From<Scalar<'json>> for Value<'json> {
    fn from(scalar: Scalar<'json>) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => Self::Bool(value),
            Scalar::Int(value) => Self::Int(value),
            Scalar::Float(value) => Self::Float(value),
            Scalar::Text(text) => Self::Text(Cow::Borrowed(text)),
            Scalar::Time(nanos) => Self::Time(DateTime::from_timestamp_nanos(nanos)),
            Scalar::Date(date) => Self::Date(date),
        }
    }
}

pub(super) fn json_kind(node: &Node<'_>) -> &'static str {
    match node {
        Node::String(_) => "a string",
        Node::Object { .. } => "an object",
        Node::Array { .. } => "an array",
        Node::Static(StaticNode::Null) => "null",
        Node::Static(StaticNode::Bool(_)) => "a boolean",
        Node::Static(StaticNode::I64(_) | StaticNode::U64(_)) => "an integer",
        Node::Static(_) => "a fraction",
    }
}
