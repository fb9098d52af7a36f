//! Parses JSON rows from outside, to be stored.

use chrono::{DateTime, Utc};
use simd_json::{Node, StaticNode};

use crate::nearest::nearest;
use crate::row::encode::{EncodedRow, Unstorable};
use crate::row::object::{Members, ObjectParser, Scalar, locate};
use crate::table::{Table, Value};

/// Converts JSON objects to stored rows. It is stricter than reading stored rows: a key that is not
/// a column is refused, because ignoring it would lose data.
#[derive(Debug)]
pub(crate) struct RowParser {
    table: &'static Table,
    parser: ObjectParser,
    /// The value of the time column, if the object does not have that key.
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
            for (column, node) in table.columns().iter().zip(found) {
                let value = match (node, default_time) {
                    (None, Some(now)) if table.time_column() == Some(column) => Value::Time(now),
                    _ => Scalar::of(column, node)?.into(),
                };
                values.push(value);
            }
            out.encode(table, values)
                .map_err(|Unstorable { column, reason }| format!("{column}: {reason}"))?;
            Ok(former_id)
        })
    }
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
