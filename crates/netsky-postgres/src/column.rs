//! A column of an answer, whose values are written as PostgreSQL writes them.
//!
//! Not by `arrow-pg` 0.16, which fails for decimals with more than 28 digits, and parses the name of the time zone for
//! each time.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, PrimitiveArray, StringArray,
    StringViewArray,
};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, DurationMicrosecondType, Field, FieldRef,
    Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    IntervalUnit, TimeUnit,
};
use arrow::error::ArrowError;
use arrow::json::{EncoderOptions, writer::make_encoder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::binary;
use crate::catalog::Catalog;
use crate::request::Format;
use crate::sqlstate::Failure;
use crate::text;
use crate::types::{PgType, ValueType, element};

const NANOS_PER_MICRO: i64 = 1_000;

/// A column of a batch.
#[derive(Debug)]
pub struct Column {
    pub ty: ValueType,
    values: Values,
}

/// The values in one of the few layouts that are written.
#[derive(Debug)]
enum Values {
    Bool(BooleanArray),
    Int2(PrimitiveArray<Int16Type>),
    Int4(PrimitiveArray<Int32Type>),
    /// The numbers of objects, and their names.
    Named(PrimitiveArray<Int32Type>, Vec<String>),
    Int8(PrimitiveArray<Int64Type>),
    Float4(PrimitiveArray<Float32Type>),
    Float8(PrimitiveArray<Float64Type>),
    /// Decimal digits.
    Numeric(StringArray),
    Text(StringViewArray),
    Bytea(BinaryViewArray),
    Date(PrimitiveArray<Date32Type>),
    /// Microseconds of the day.
    Time(PrimitiveArray<Int64Type>),
    /// A time in units since 1970, and what a unit is.
    Timestamp(PrimitiveArray<Int64Type>, TimeUnit),
    Interval(PrimitiveArray<IntervalMonthDayNanoType>),
    Array(Vec<Option<Column>>),
    /// An `int2vector` or `oidvector`.
    Vector(Vec<Option<Column>>),
}

impl Column {
    /// # Errors
    ///
    /// The values have no form in PostgreSQL's types.
    pub fn new(field: &FieldRef, array: &ArrayRef, catalog: &Catalog) -> Result<Self, Failure> {
        let ty = ValueType::of_field(field);
        let values = match ty {
            ValueType::One(PgType::Int2Vector) => {
                Values::Vector(elements(array, &Self::element_field(PgType::Int2), catalog)?)
            }
            ValueType::One(PgType::OidVector) => {
                Values::Vector(elements(array, &Self::element_field(PgType::Oid), catalog)?)
            }
            ValueType::One(ty) => match one(field, array, ty)? {
                Values::Int4(oids) if ty.is_named() => {
                    let names = oids.iter().map(|oid| {
                        oid.map_or_else(String::new, |oid| {
                            catalog.name_of(ty.oid(), oid.cast_unsigned())
                        })
                    });
                    let names = names.collect();
                    Values::Named(oids, names)
                }
                values => values,
            },
            ValueType::Array(ty) => {
                Values::Array(elements(array, &Self::element_field(ty), catalog)?)
            }
        };
        Ok(Self { ty, values })
    }

    /// The field of elements: the type's name is what counts.
    fn element_field(ty: PgType) -> FieldRef {
        Arc::new(ty.field())
    }

    fn len(&self) -> usize {
        match &self.values {
            Values::Bool(array) => array.len(),
            Values::Int2(array) => array.len(),
            Values::Int4(array) | Values::Named(array, _) => array.len(),
            Values::Int8(array) | Values::Time(array) | Values::Timestamp(array, _) => array.len(),
            Values::Float4(array) => array.len(),
            Values::Float8(array) => array.len(),
            Values::Numeric(array) => array.len(),
            Values::Text(array) => array.len(),
            Values::Bytea(array) => array.len(),
            Values::Date(array) => array.len(),
            Values::Interval(array) => array.len(),
            Values::Array(rows) | Values::Vector(rows) => rows.len(),
        }
    }

    pub fn is_null(&self, row: usize) -> bool {
        match &self.values {
            Values::Bool(array) => array.is_null(row),
            Values::Int2(array) => array.is_null(row),
            Values::Int4(array) | Values::Named(array, _) => array.is_null(row),
            Values::Int8(array) | Values::Time(array) | Values::Timestamp(array, _) => {
                array.is_null(row)
            }
            Values::Float4(array) => array.is_null(row),
            Values::Float8(array) => array.is_null(row),
            Values::Numeric(array) => array.is_null(row),
            Values::Text(array) => array.is_null(row),
            Values::Bytea(array) => array.is_null(row),
            Values::Date(array) => array.is_null(row),
            Values::Interval(array) => array.is_null(row),
            Values::Array(rows) | Values::Vector(rows) => rows.get(row).is_none_or(Option::is_none),
        }
    }

    /// Writes a value that is not NULL.
    ///
    /// # Errors
    ///
    /// The value is outside of the range of PostgreSQL's type.
    pub fn write(&self, row: usize, format: Format, out: &mut Vec<u8>) -> Result<(), Failure> {
        match format {
            Format::Text => self.write_text(row, out),
            Format::Binary => self.write_binary(row, out),
        }
    }

    fn write_text(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Failure> {
        match &self.values {
            Values::Bool(array) => out.push(if array.value(row) { b't' } else { b'f' }),
            Values::Int2(array) => text::display(array.value(row), out),
            Values::Int4(array) => match self.ty {
                ValueType::One(PgType::Int4) => text::display(array.value(row), out),
                // Object identifiers have no sign.
                _ => text::display(array.value(row).cast_unsigned(), out),
            },
            Values::Named(_, names) => {
                out.extend_from_slice(names.get(row).map_or(b"", |name| name.as_bytes()));
            }
            Values::Int8(array) => text::display(array.value(row), out),
            Values::Float4(array) => text::float4(array.value(row), out),
            Values::Float8(array) => text::float8(array.value(row), out),
            Values::Numeric(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Values::Text(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Values::Bytea(array) => text::bytea(array.value(row), out),
            Values::Date(array) => text::date(array.value(row).into(), out),
            Values::Time(array) => text::time(array.value(row), out),
            Values::Timestamp(array, unit) => {
                text::timestamp(micros(array.value(row), *unit), out);
                if self.ty == ValueType::One(PgType::Timestamptz) {
                    out.extend_from_slice(b"+00");
                }
            }
            Values::Interval(array) => {
                let value = array.value(row);
                let micros = value.nanoseconds.div_euclid(NANOS_PER_MICRO);
                text::interval(value.months, value.days, micros, out);
            }
            Values::Array(rows) => match rows.get(row) {
                Some(Some(elements)) => elements.write_array_text(out)?,
                _ => out.extend_from_slice(b"{}"),
            },
            Values::Vector(rows) => {
                let Some(Some(elements)) = rows.get(row) else { return Ok(()) };
                for index in 0..elements.len() {
                    if index > 0 {
                        out.push(b' ');
                    }
                    elements.write_text(index, out)?;
                }
            }
        }
        Ok(())
    }

    fn write_binary(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Failure> {
        match &self.values {
            Values::Bool(array) => out.push(array.value(row).into()),
            Values::Int2(array) => out.extend_from_slice(&array.value(row).to_be_bytes()),
            Values::Int4(array) | Values::Named(array, _) => {
                out.extend_from_slice(&array.value(row).to_be_bytes());
            }
            Values::Int8(array) | Values::Time(array) => {
                out.extend_from_slice(&array.value(row).to_be_bytes());
            }
            Values::Float4(array) => out.extend_from_slice(&array.value(row).to_be_bytes()),
            Values::Float8(array) => out.extend_from_slice(&array.value(row).to_be_bytes()),
            Values::Numeric(array) => binary::numeric(array.value(row), out)?,
            Values::Text(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Values::Bytea(array) => out.extend_from_slice(array.value(row)),
            Values::Date(array) => binary::date(array.value(row), out)?,
            Values::Timestamp(array, unit) => {
                binary::timestamp(micros(array.value(row), *unit), out)?;
            }
            Values::Interval(array) => {
                let value = array.value(row);
                let micros = value.nanoseconds.div_euclid(NANOS_PER_MICRO);
                out.extend_from_slice(&micros.to_be_bytes());
                out.extend_from_slice(&value.days.to_be_bytes());
                out.extend_from_slice(&value.months.to_be_bytes());
            }
            Values::Array(rows) | Values::Vector(rows) => {
                if let Some(Some(elements)) = rows.get(row) {
                    let first = if matches!(self.values, Values::Vector(_)) { 0 } else { 1 };
                    elements.write_array_binary(first, out)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the length of a value, which is -1 for NULL, and the value.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), and a value of more than 2 GiB.
    pub fn write_value(
        &self,
        row: usize,
        format: Format,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        if self.is_null(row) {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            return Ok(());
        }
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        self.write(row, format, out)?;
        let length = i32::try_from(out.len() - start - 4);
        let length = length.map_err(|_| Failure::too_large("a value has more than 2 GiB"))?;
        if let Some(place) = out.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// Writes the column as the text of an array.
    fn write_array_text(&self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut element = Vec::new();
        out.push(b'{');
        for index in 0..self.len() {
            if index > 0 {
                out.push(b',');
            }
            if self.is_null(index) {
                out.extend_from_slice(b"NULL");
                continue;
            }
            element.clear();
            self.write_text(index, &mut element)?;
            text::element(&element, out);
        }
        out.push(b'}');
        Ok(())
    }

    /// Writes the column as an array of one dimension whose first index is `first`.
    fn write_array_binary(&self, first: i32, out: &mut Vec<u8>) -> Result<(), Failure> {
        let count = i32::try_from(self.len()).map_err(|_| Failure::out_of_range("array"))?;
        let has_nulls = (0..self.len()).any(|index| self.is_null(index));
        out.extend_from_slice(&i32::from(count > 0).to_be_bytes());
        out.extend_from_slice(&i32::from(has_nulls).to_be_bytes());
        out.extend_from_slice(&self.ty.oid().to_be_bytes());
        if count == 0 {
            return Ok(());
        }
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&first.to_be_bytes());
        (0..self.len()).try_for_each(|index| self.write_value(index, Format::Binary, out))
    }
}

/// A time in microseconds, which all clients can read. Nanoseconds are cut off, before 1970 too.
fn micros(value: i64, unit: TimeUnit) -> i128 {
    let value = i128::from(value);
    match unit {
        TimeUnit::Second => value * 1_000_000,
        TimeUnit::Millisecond => value * 1_000,
        TimeUnit::Microsecond => value,
        TimeUnit::Nanosecond => value.div_euclid(1_000),
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<PrimitiveArray<T>, ArrowError> {
    Ok(cast(array, &T::DATA_TYPE)?.as_primitive::<T>().clone())
}

fn one(field: &FieldRef, array: &ArrayRef, ty: PgType) -> Result<Values, Failure> {
    let plain = match array.data_type() {
        DataType::Dictionary(_, values) => Some(values.as_ref()),
        DataType::RunEndEncoded(_, values) => Some(values.data_type()),
        _ => None,
    };
    if let Some(plain) = plain {
        let field = Field::clone(field).with_data_type(plain.clone());
        return one(&Arc::new(field), &cast(array, plain)?, ty);
    }
    Ok(match ty {
        PgType::Bool => Values::Bool(cast(array, &DataType::Boolean)?.as_boolean().clone()),
        PgType::Int2 => Values::Int2(primitive(array)?),
        PgType::Int4 => Values::Int4(primitive(array)?),
        // Numbers over 2,147,483,647 keep their bits.
        PgType::Oid
        | PgType::RegProc
        | PgType::Xid
        | PgType::RegProcedure
        | PgType::RegClass
        | PgType::RegType
        | PgType::RegNamespace
        | PgType::RegRole => {
            let numbers = primitive::<Int64Type>(array)?;
            #[expect(clippy::cast_possible_truncation, reason = "the upper half of an oid is 0")]
            Values::Int4(numbers.unary(|number| number as i32))
        }
        PgType::Int8 => {
            // Not NULL, which a cast makes of a number that does not fit.
            let options = CastOptions { safe: false, ..CastOptions::default() };
            let numbers = cast_with_options(array, &DataType::Int64, &options);
            let numbers = numbers.map_err(|_| Failure::new("22003", "bigint out of range"))?;
            Values::Int8(numbers.as_primitive().clone())
        }
        PgType::Float4 => Values::Float4(primitive(array)?),
        PgType::Float8 => Values::Float8(primitive(array)?),
        PgType::Numeric => {
            Values::Numeric(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
        }
        PgType::Text
        | PgType::Name
        | PgType::Char
        | PgType::Varchar
        | PgType::PgNodeTree
        | PgType::AclItem => match array.data_type() {
            DataType::Union(..) => Values::Text(shown(array)?),
            _ => Values::Text(cast(array, &DataType::Utf8View)?.as_string_view().clone()),
        },
        PgType::Json => match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Values::Text(cast(array, &DataType::Utf8View)?.as_string_view().clone())
            }
            _ => Values::Text(json(field, array)?),
        },
        PgType::Bytea => {
            let array = match array.data_type() {
                // Arrow has no such cast.
                DataType::FixedSizeBinary(_) => cast(array, &DataType::Binary)?,
                _ => Arc::clone(array),
            };
            Values::Bytea(cast(&array, &DataType::BinaryView)?.as_binary_view().clone())
        }
        PgType::Date => Values::Date(primitive(array)?),
        PgType::Time => {
            let micros = cast(array, &DataType::Time64(TimeUnit::Microsecond))?;
            Values::Time(primitive(&micros)?)
        }
        PgType::Timestamp | PgType::Timestamptz => {
            let unit = match array.data_type() {
                DataType::Timestamp(unit, _) => *unit,
                _ => TimeUnit::Microsecond,
            };
            Values::Timestamp(primitive(array)?, unit)
        }
        PgType::Interval => Values::Interval(interval(array)?),
        PgType::Int2Vector | PgType::OidVector => {
            return Err(Failure::internal("a vector has no elements"));
        }
    })
}

fn interval(array: &ArrayRef) -> Result<PrimitiveArray<IntervalMonthDayNanoType>, Failure> {
    if let DataType::Duration(_) = array.data_type() {
        let micros = primitive::<DurationMicrosecondType>(array)?;
        return Ok(micros.try_unary(|micros| {
            let nanos = micros.checked_mul(NANOS_PER_MICRO);
            nanos.map(|nanos| IntervalMonthDayNanoType::make_value(0, 0, nanos)).ok_or_else(|| {
                ArrowError::ComputeError(format!("a duration of {micros} µs is out of range"))
            })
        })?);
    }
    let months = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
    Ok(months.as_primitive().clone())
}

/// The elements of each row of a list. `None` for NULL.
fn elements(
    array: &ArrayRef,
    field: &FieldRef,
    catalog: &Catalog,
) -> Result<Vec<Option<Column>>, Failure> {
    let element = element(array.data_type()).cloned().unwrap_or(DataType::Null);
    let field = Arc::new(Field::clone(field).with_data_type(element.clone()));
    let item = Arc::new(Field::new_list_field(element, true));
    let lists = cast(array, &DataType::LargeList(item))?;
    let lists = lists.as_list::<i64>();
    let elements =
        |list: Option<ArrayRef>| list.map(|list| Column::new(&field, &list, catalog)).transpose();
    lists.iter().map(elements).collect()
}

/// Nested values as JSON.
fn json(field: &FieldRef, array: &ArrayRef) -> Result<StringViewArray, Failure> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(field, array, &options)?;
    let mut bytes = Vec::new();
    let mut texts = arrow::array::StringViewBuilder::with_capacity(array.len());
    for row in 0..array.len() {
        if array.is_null(row) {
            texts.append_null();
            continue;
        }
        bytes.clear();
        encoder.encode(row, &mut bytes);
        texts.append_value(String::from_utf8_lossy(&bytes));
    }
    Ok(texts.finish())
}

/// Values of different types as they are shown.
fn shown(array: &ArrayRef) -> Result<StringViewArray, Failure> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options)?;
    let nulls = array.logical_nulls();
    let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
    let shown = |row| match is_null(row) {
        true => Ok(None),
        false => formatter.value(row).try_to_string().map(Some),
    };
    let texts: Vec<Option<String>> = (0..array.len()).map(shown).collect::<Result<_, _>>()?;
    Ok(texts.into_iter().collect())
}
