//! Values of rows and of arguments, one at a time. The catalogue is small, so plain values do.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray,
    new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::util::display::array_value_to_string;
use datafusion::common::{Result, exec_datafusion_err};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'static, str>),
    List(Vec<Value>),
}

impl Value {
    /// Returns the value of a row of an array.
    pub fn of(array: &dyn Array, row: usize) -> Result<Self> {
        if array.is_null(row) || *array.data_type() == DataType::Null {
            return Ok(Self::Null);
        }
        let value = match array.data_type() {
            DataType::Boolean => Self::Bool(array.as_boolean().value(row)),
            DataType::List(_) => {
                let elements = array.as_list::<i32>().value(row);
                let elements = (0..elements.len()).map(|row| Self::of(&elements, row));
                Self::List(elements.collect::<Result<_>>()?)
            }
            ty if ty.is_integer() => {
                let number = array.slice(row, 1);
                let number = strict_cast(&number, &DataType::Int64)?;
                Self::Int(number.as_primitive::<Int64Type>().value(0))
            }
            DataType::Float32 | DataType::Float64 => {
                let number = strict_cast(&array.slice(row, 1), &DataType::Float64)?;
                Self::Float(number.as_primitive::<Float64Type>().value(0))
            }
            _ => Self::Text(array_value_to_string(array, row)?.into()),
        };
        Ok(value)
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub fn as_oid(&self) -> Option<u32> {
        self.as_int().and_then(|number| u32::try_from(number).ok())
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as PostgreSQL prints it. `None` for null.
    pub fn printed(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Int(number) => number.to_string().into(),
            Self::Float(number) => number.to_string().into(),
            Self::Text(text) => Cow::Borrowed(text.as_ref()),
            Self::List(elements) => {
                let elements = elements.iter().map(printed_element);
                format!("{{{}}}", elements.collect::<Vec<_>>().join(",")).into()
            }
        })
    }
}

fn printed_element(element: &Value) -> String {
    let Some(text) = element.printed() else { return "NULL".to_owned() };
    if matches!(element, Value::List(_)) {
        return text.into_owned();
    }
    let is_plain = !text.is_empty()
        && !text.eq_ignore_ascii_case("null")
        && !text.contains(['"', '\\', '{', '}', ',', ' ', '\t', '\n', '\r']);
    match is_plain {
        true => text.into_owned(),
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

macro_rules! values {
    ($($from:ty => |$value:ident| $made:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $made
            }
        }
    )*};
}

values! {
    bool => |value| Self::Bool(value);
    i64 => |value| Self::Int(value);
    i32 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    &'static str => |value| Self::Text(Cow::Borrowed(value));
    String => |value| Self::Text(Cow::Owned(value));
    Cow<'static, str> => |value| Self::Text(value);
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// Returns the array of the values. Values of another kind than the type's are read as it, or are null.
pub fn array_of<'a>(
    ty: &DataType,
    values: impl ExactSizeIterator<Item = &'a Value> + Clone,
) -> Result<ArrayRef> {
    Ok(match ty {
        DataType::Boolean => Arc::new(values.map(Value::as_bool).collect::<BooleanArray>()),
        DataType::Utf8 => Arc::new(values.map(Value::printed).collect::<StringArray>()),
        DataType::Float32 | DataType::Float64 => {
            let numbers = values.map(|value| match value {
                Value::Float(number) => Some(*number),
                other => other.as_int().map(|number| number as f64),
            });
            strict_cast(&(Arc::new(numbers.collect::<Float64Array>()) as ArrayRef), ty)?
        }
        DataType::List(field) => {
            let lists = values.clone().map(|value| match value {
                Value::List(elements) => Some(elements),
                _ => None,
            });
            let lengths = lists.clone().map(|list| list.map_or(0, Vec::len));
            let offsets = OffsetBuffer::from_lengths(lengths);
            let nulls = lists.clone().map(|list| list.is_some()).collect::<NullBuffer>();
            let elements = lists.flatten().flatten().collect::<Vec<_>>();
            let elements = array_of(field.data_type(), elements.into_iter())?;
            Arc::new(ListArray::try_new(Arc::clone(field), offsets, elements, Some(nulls))?)
        }
        ty if ty.is_integer() || matches!(ty, DataType::Timestamp(..)) => {
            let numbers = values.map(Value::as_int).collect::<Int64Array>();
            strict_cast(&(Arc::new(numbers) as ArrayRef), ty)?
        }
        // No column of these types has values.
        _ => new_null_array(ty, values.len()),
    })
}

/// Casts, and fails if a value does not fit.
pub fn strict_cast(array: &ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, ty, &options).map_err(|error| exec_datafusion_err!("{error}"))
}
