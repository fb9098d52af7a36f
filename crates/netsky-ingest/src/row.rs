//! Rows that are not stored yet, or were read back to be amended.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use netsky_db::internal::EncodedRow;
use netsky_db::{ColumnType, Record, Table, Value};

use crate::detail::Detail;

/// The source of the tools of an agent's program itself.
pub(crate) const BUILTIN: &str = "builtin";

/// A row of any table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    table: &'static Table,
    /// The values of the columns, except that of the details.
    values: Vec<Value<'static>>,
    /// The details, if the table has a column for them.
    pub detail: Detail,
}

impl Row {
    /// Creates a row from a record. The record's column of details is ignored.
    pub fn new<R: Record>(record: &R, detail: Detail) -> Self {
        let mut values: Vec<_> = record.values().map(owned).collect();
        if let Some(place) = Detail::column(R::TABLE).and_then(|at| values.get_mut(at)) {
            *place = Value::Null;
        }
        Self { table: R::TABLE, values, detail }
    }

    /// Reads a stored row. `None` if it does not fit the table.
    pub fn parse(table: &'static Table, json: &[u8]) -> Option<Self> {
        let mut object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(json).ok()?;
        let mut values = Vec::with_capacity(table.columns().len());
        let mut detail = Detail::default();
        for (place, column) in table.columns().iter().enumerate() {
            let value = object.remove(column.name).unwrap_or_default();
            if Detail::column(table) == Some(place) {
                detail = Detail::parse(value.as_str().unwrap_or("{}"));
                values.push(Value::Null);
            } else {
                values.push(parsed(column.ty, value)?);
            }
        }
        Some(Self { table, values, detail })
    }

    /// The table of the row.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// Returns the value of a column; null if there is no such column.
    pub fn get(&self, column: &str) -> &Value<'static> {
        self.place(column).and_then(|place| self.values.get(place)).unwrap_or(&Value::Null)
    }

    /// Sets the value of a column. A value of another type than the column's is refused when the row is
    /// encoded.
    pub fn set(&mut self, column: &str, value: Value<'static>) {
        if let Some(at) = self.place(column).and_then(|place| self.values.get_mut(place)) {
            *at = value;
        }
    }

    /// Returns the text of a column.
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.get(column) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the integer of a column.
    pub fn int(&self, column: &str) -> Option<i64> {
        match self.get(column) {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the time of a row: the value of the table's time column.
    pub fn time(&self) -> Option<DateTime<Utc>> {
        match self.get(self.table.time_column()?.name) {
            Value::Time(time) => Some(*time),
            _ => None,
        }
    }

    pub(crate) fn values_mut(&mut self) -> &mut [Value<'static>] {
        &mut self.values
    }

    pub(crate) fn values(&self) -> &[Value<'static>] {
        &self.values
    }

    /// Encodes the row, to be stored.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidValue`](netsky_db::Error::InvalidValue) if a time is outside what can be stored.
    pub fn encode(&self) -> netsky_db::Result<EncodedRow> {
        let at = Detail::column(self.table);
        let max = at.and_then(|at| self.table.columns().get(at)?.max_chars);
        let detail = self.detail.to_json_within(max.unwrap_or(usize::MAX));
        let values = self.values.iter().enumerate().map(|(place, value)| match at {
            Some(at) if at == place => Value::Text(Cow::Borrowed(detail.as_str())),
            _ => borrowed(value),
        });
        EncodedRow::new(self.table, values)
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.table.columns().iter().position(|known| known.name == column)
    }
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Null => Value::Null,
        Value::Bool(value) => Value::Bool(value),
        Value::Int(value) => Value::Int(value),
        Value::Float(value) => Value::Float(value),
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Time(time) => Value::Time(time),
        Value::Date(date) => Value::Date(date),
        // A type that a later version of the library adds.
        _ => Value::Null,
    }
}

fn borrowed<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::Text(text) => Value::Text(Cow::Borrowed(text)),
        value => value.clone(),
    }
}

fn parsed(ty: ColumnType, value: serde_json::Value) -> Option<Value<'static>> {
    use serde_json::Value as Json;
    Some(match (ty, value) {
        (_, Json::Null) => Value::Null,
        (ColumnType::Bool, Json::Bool(value)) => Value::Bool(value),
        (ColumnType::Int, value) => Value::Int(value.as_i64()?),
        (ColumnType::Float, value) => Value::Float(value.as_f64()?),
        (ColumnType::Text, Json::String(text)) => Value::Text(text.into()),
        (ColumnType::Time, Json::String(text)) => {
            Value::Time(DateTime::parse_from_rfc3339(&text).ok()?.to_utc())
        }
        (ColumnType::Date, Json::String(text)) => {
            Value::Date(NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?)
        }
        _ => return None,
    })
}
