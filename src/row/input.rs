//! Fits values from outside to columns: what other programs write for the same value is accepted.

use crate::row::{date, input_time, json_column};
use crate::table::{Column, ColumnType, Value};

/// Integers up to this have an exact float.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Converts a value to the type of its column.
///
/// # Errors
///
/// A message that says why the value does not fit the column.
pub(crate) fn fit<'a>(column: &Column, value: Value<'a>) -> Result<Value<'a>, String> {
    let value = converted(column, value)?;
    match (&value, column.min) {
        (Value::Int(int), Some(min)) if *int < min => {
            Err(format!("{} should be at least {min}, found {int}", column.name))
        }
        _ => Ok(value),
    }
}

fn converted<'a>(column: &Column, value: Value<'a>) -> Result<Value<'a>, String> {
    let named = |reason| format!("{}: {reason}", column.name);
    match (column.ty, value) {
        (_, Value::Null) if column.nullable => Ok(Value::Null),
        (ColumnType::Time, Value::Text(text)) => {
            input_time::parse(&text).map(Value::Time).map_err(named)
        }
        (ColumnType::Time, Value::Int(number)) => {
            input_time::from_integer(number).map(Value::Time).map_err(named)
        }
        (ColumnType::Time, Value::Float(number)) => {
            input_time::from_number(number).map(Value::Time).map_err(named)
        }
        (ColumnType::Time, Value::Date(date)) => {
            input_time::from_date(date).map(Value::Time).map_err(named)
        }
        (ColumnType::Date, Value::Text(text)) => date::parse(&text).map(Value::Date).map_err(named),
        (ColumnType::Float, Value::Int(value)) => Ok(Value::Float(value as f64)),
        // pandas turns integers into floats if a value of the column is missing.
        (ColumnType::Int, Value::Float(value))
            if value.fract() == 0.0 && value.abs() <= MAX_EXACT =>
        {
            Ok(Value::Int(value as i64))
        }
        // SQLite has no booleans.
        (ColumnType::Bool, Value::Int(value @ (0 | 1))) => Ok(Value::Bool(value == 1)),
        (ColumnType::Text, Value::Text(text)) if column.is_json() => {
            json_column::check(column, &text)?;
            Ok(Value::Text(text))
        }
        (ty, value) if value.ty() == Some(ty) => Ok(value),
        (ty, value) => {
            let found = match value {
                Value::Null => "null",
                Value::Bool(_) => "a boolean",
                Value::Int(_) => "an integer",
                Value::Float(_) => "a fraction",
                Value::Text(_) => "a string",
                Value::Time(_) => "a time",
                Value::Date(_) => "a date",
            };
            Err(format!("{} should be {ty}, found {found}", column.name))
        }
    }
}
