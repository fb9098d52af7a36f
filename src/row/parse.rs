//! Parses JSON rows from outside, to be stored.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use simd_json::{Node, StaticNode};

use crate::nearest::nearest;
use crate::row::encode::{EncodedRow, Unstorable};
use crate::row::input::fit;
use crate::row::json_column;
use crate::row::object::{Members, ObjectParser, json_kind, locate};
use crate::table::{Column, ColumnType, Table, Value};

/// Converts JSON objects to stored rows. It is stricter than reading stored rows, in that a key that is
/// not a column is refused, because ignoring it would lose data. It also accepts what other programs
/// write for the same value: see [`fit`].
#[derive(Debug)]
pub(crate) struct RowParser {
    table: &'static Table,
    parser: ObjectParser,
    /// The value of the time column, if the object does not have that key. Another key must then have a
    /// value.
    default_time: Option<DateTime<Utc>>,
}

impl RowParser {
    pub(crate) fn new(table: &'static Table, default_time: Option<DateTime<Utc>>) -> Self {
        Self { table, parser: ObjectParser::new(), default_time }
    }

    /// Encodes the row into `out` without its id, and returns the id in the object.
    ///
    /// # Errors
    ///
    /// A message that says why the object is not a row of the table.
    pub(crate) fn encode(
        &mut self,
        json: &[u8],
        out: &mut EncodedRow,
    ) -> Result<Option<i64>, String> {
        let (table, default_time) = (self.table, self.default_time);
        self.parser.parse(json, |members| {
            refuse_unknown_keys(table, members.clone())?;
            let former_id = members.clone().find_map(|(key, value)| match value {
                Node::Static(StaticNode::I64(id)) if key == "id" => Some(*id),
                Node::Static(StaticNode::U64(id)) if key == "id" => i64::try_from(*id).ok(),
                _ => None,
            });
            let found = locate(table, members)?;
            let mut values = Vec::with_capacity(found.len());
            let mut has_default_time = false;
            for (column, node) in table.columns().iter().zip(found) {
                let is_time = table.time_column() == Some(column);
                let value = match (node, default_time) {
                    (None, Some(now)) if is_time => {
                        has_default_time = true;
                        Value::Time(now)
                    }
                    (None, _) if column.nullable => Value::Null,
                    (None, _) => return Err(format!("{} is missing", column.name)),
                    (Some(node), _) => fit(column, value(column, node, json)?)?,
                };
                values.push(value);
            }
            if has_default_time && is_empty(table, &values) {
                return Err("the row has no values".to_owned());
            }
            out.encode(table, values)
                .map_err(|Unstorable { column, reason }| format!("{column}: {reason}"))?;
            Ok(former_id)
        })
    }
}

/// Returns the value of a member of the object `json`, whatever its type. An object or an array is a
/// text if the column is for JSON.
fn value<'json>(column: &Column, node: &Node<'json>, json: &[u8]) -> Result<Value<'json>, String> {
    let unfit = |found| Err(format!("{} should be {}, found {found}", column.name, column.ty));
    match node {
        Node::String(text) => Ok(Value::Text(Cow::Borrowed(text))),
        Node::Object { .. } | Node::Array { .. } if column.is_json() => {
            match json_column::member(json, column.name) {
                Some(text) => Ok(Value::Text(Cow::Owned(text))),
                None => unfit(json_kind(node)),
            }
        }
        Node::Static(StaticNode::Null) => Ok(Value::Null),
        Node::Static(StaticNode::Bool(value)) => Ok(Value::Bool(*value)),
        Node::Static(StaticNode::I64(value)) => Ok(Value::Int(*value)),
        Node::Static(StaticNode::U64(value)) => match (i64::try_from(*value), column.ty) {
            (Ok(value), _) => Ok(Value::Int(value)),
            (Err(_), ColumnType::Float) => Ok(Value::Float(*value as f64)),
            (Err(_), _) => {
                let name = column.name;
                Err(format!("{name} is {value}, which exceeds a signed 64-bit integer"))
            }
        },
        // The parser reads whole numbers of more than 64 bits as floats, and refuses numbers that are too
        // large for a float.
        Node::Static(StaticNode::F64(value)) => Ok(Value::Float(*value)),
        node => unfit(json_kind(node)),
    }
}

/// Whether all values but the time are null.
fn is_empty(table: &Table, values: &[Value<'_>]) -> bool {
    let mut values = table.columns().iter().zip(values);
    values.all(|(column, value)| table.time_column() == Some(column) || *value == Value::Null)
}

fn refuse_unknown_keys(table: &Table, members: Members<'_, '_>) -> Result<(), String> {
    let names = || table.columns().iter().map(|column| column.name);
    for (key, _) in members {
        if key != "id" && !names().any(|name| name == key) {
            return Err(format!("unknown key '{key}'{}", nearest(key, names())));
        }
    }
    Ok(())
}
