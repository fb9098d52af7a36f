//! The arguments of a call, row by row.

use arrow::array::timezone::Tz;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringViewArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::temporal_conversions::{
    date32_to_datetime, timestamp_ms_to_datetime, timestamp_ns_to_datetime,
    timestamp_s_to_datetime, timestamp_us_to_datetime,
};
use chrono::{NaiveDateTime, Offset, TimeZone};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::query::functions::time_value;

/// A call of a function for a batch of rows.
pub(super) struct Call<'a> {
    name: &'static str,
    args: &'a ScalarFunctionArgs,
    rows: usize,
}

impl<'a> Call<'a> {
    pub(super) fn new(name: &'static str, args: &'a ScalarFunctionArgs, rows: usize) -> Self {
        Self { name, args, rows }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The number of values to return.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The options of the session.
    pub(super) fn options(&self) -> &ConfigOptions {
        &self.args.config_options
    }

    /// The number of arguments.
    pub(super) fn len(&self) -> usize {
        self.args.args.len()
    }

    pub(super) fn return_type(&self) -> &DataType {
        self.args.return_type()
    }

    /// An argument with one value for each row.
    pub(super) fn array(&self, index: usize) -> Result<ArrayRef> {
        match self.args.args.get(index) {
            Some(arg) => arg.to_array(self.rows),
            None => exec_err!("{}() lacks argument {}", self.name, index + 1),
        }
    }

    /// An argument with one value for each row, or a single one for all.
    fn values(&self, index: usize, ty: Option<DataType>) -> Result<Values> {
        let (array, is_constant) = match self.args.args.get(index) {
            Some(ColumnarValue::Array(array)) => (ArrayRef::clone(array), false),
            Some(ColumnarValue::Scalar(value)) => (value.to_array()?, true),
            None => return exec_err!("{}() lacks argument {}", self.name, index + 1),
        };
        let array = match ty {
            Some(ty) if *array.data_type() != ty => {
                let options = CastOptions { safe: false, ..CastOptions::default() };
                cast_with_options(&array, &ty, &options)?
            }
            _ => array,
        };
        Ok(Values { array, is_constant })
    }

    pub(super) fn texts(&self, index: usize) -> Result<Texts> {
        let values = self.values(index, Some(DataType::Utf8View))?;
        Ok(Texts { array: values.array.as_string_view().clone(), is_constant: values.is_constant })
    }

    pub(super) fn ints(&self, index: usize) -> Result<Ints> {
        let values = self.values(index, Some(DataType::Int64))?;
        let array = values.array.as_primitive::<Int64Type>().clone();
        Ok(Ints { array, is_constant: values.is_constant })
    }

    pub(super) fn floats(&self, index: usize) -> Result<Floats> {
        let values = self.values(index, Some(DataType::Float64))?;
        Ok(Floats { array: values.array.as_primitive().clone(), is_constant: values.is_constant })
    }

    pub(super) fn bools(&self, index: usize) -> Result<Bools> {
        let values = self.values(index, Some(DataType::Boolean))?;
        Ok(Bools { array: values.array.as_boolean().clone(), is_constant: values.is_constant })
    }

    /// Times by their own clock. What is no time is NULL.
    pub(super) fn times(&self, index: usize) -> Result<Times> {
        let Values { array, is_constant } = self.values(index, None)?;
        Ok(Times { times: times(&array)?, is_constant })
    }

    /// Whether an argument has one value for all rows.
    pub(super) fn is_constant(&self, index: usize) -> bool {
        matches!(self.args.args.get(index), Some(ColumnarValue::Scalar(_)))
    }

    /// The type of an argument.
    pub(super) fn data_type(&self, index: usize) -> Option<DataType> {
        self.args.args.get(index).map(ColumnarValue::data_type)
    }
}

struct Values {
    array: ArrayRef,
    is_constant: bool,
}

macro_rules! argument {
    ($name:ident, $array:ty, $value:ty) => {
        /// An argument, with a value for each row or one for all.
        pub(super) struct $name {
            array: $array,
            is_constant: bool,
        }

        impl $name {
            pub(super) fn get(&self, row: usize) -> Option<$value> {
                let row = if self.is_constant { 0 } else { row };
                (row < self.array.len() && self.array.is_valid(row)).then(|| self.array.value(row))
            }
        }
    };
}

argument!(Texts, StringViewArray, &str);
argument!(Ints, Int64Array, i64);
argument!(Floats, Float64Array, f64);
argument!(Bools, BooleanArray, bool);

/// An argument, with a time for each row or one for all.
pub(super) struct Times {
    times: Vec<Option<NaiveDateTime>>,
    is_constant: bool,
}

impl Times {
    pub(super) fn get(&self, row: usize) -> Option<NaiveDateTime> {
        self.times.get(if self.is_constant { 0 } else { row }).copied().flatten()
    }
}

/// Reads times of any type.
fn times(array: &ArrayRef) -> Result<Vec<Option<NaiveDateTime>>> {
    let array = match array.data_type() {
        // By the clock of their zone.
        DataType::Timestamp(unit, Some(zone)) if !is_utc(zone) => {
            let zone = zone.parse::<Tz>()?;
            let bare = DataType::Timestamp(*unit, None);
            let utc = times(&cast_with_options(array, &bare, &CastOptions::default())?)?;
            let local = |utc: NaiveDateTime| {
                let offset = zone.offset_from_utc_datetime(&utc).fix();
                utc.checked_add_offset(offset)
            };
            return Ok(utc.into_iter().map(|time| time.and_then(local)).collect());
        }
        DataType::Date64 => &cast_with_options(array, &DataType::Date32, &CastOptions::default())?,
        _ => array,
    };
    let of_numbers = |time: &dyn Fn(i64) -> Option<NaiveDateTime>| -> Result<Vec<_>> {
        let numbers = cast_with_options(array, &DataType::Int64, &CastOptions::default())?;
        let numbers = numbers.as_primitive::<Int64Type>();
        Ok(numbers.iter().map(|number| number.and_then(time)).collect())
    };
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => of_numbers(&timestamp_s_to_datetime),
        DataType::Timestamp(TimeUnit::Millisecond, _) => of_numbers(&timestamp_ms_to_datetime),
        DataType::Timestamp(TimeUnit::Microsecond, _) => of_numbers(&timestamp_us_to_datetime),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => of_numbers(&timestamp_ns_to_datetime),
        DataType::Date32 => {
            of_numbers(&|days| i32::try_from(days).ok().and_then(date32_to_datetime))
        }
        DataType::Null => Ok(vec![None; array.len()]),
        ty if ty.is_numeric() => {
            let days = cast_with_options(array, &DataType::Float64, &CastOptions::default())?;
            let days = days.as_primitive::<arrow::datatypes::Float64Type>();
            Ok(days.iter().map(|days| days.and_then(time_value::from_julian_day)).collect())
        }
        _ => {
            let texts = cast_with_options(array, &DataType::Utf8View, &CastOptions::default())?;
            let texts = texts.as_string_view();
            Ok(texts.iter().map(|text| text.and_then(time_value::parse)).collect())
        }
    }
}

/// Whether a zone's clock shows UTC.
pub(super) fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "+00:00" | "Z")
}

/// The beginning of a text, for an error.
pub(super) fn short(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push_str("..");
    }
    short
}
