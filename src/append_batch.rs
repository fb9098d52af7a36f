//! Appends the rows of Arrow batches.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StringViewBuilder, TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Field, Float64Type, Int64Type, Schema, TimeUnit,
    TimestampNanosecondType, UInt64Type,
};
use arrow::json::writer::{EncoderOptions, make_encoder};
use chrono::DateTime;

use crate::appender::Appender;
use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::row::{date, stored_time};
use crate::row_location::RowLocation;
use crate::table::{Column, ColumnType, Table, Value};

impl Appender {
    /// Adds the rows of an Arrow batch. Columns are matched by name, in any order; nullable columns
    /// may be left out. A column `id` has the former ids, as in [`push_former`](Self::push_former).
    ///
    /// | column | Arrow types |
    /// | --- | --- |
    /// | text | `Utf8`, `LargeUtf8`, `Utf8View`, dictionaries of these; `Timestamp` as RFC 3339 text |
    /// | text whose name ends with `_json` | also structs, lists and maps, as JSON |
    /// | int | integers that fit in 64 bits with a sign; floats without a fraction |
    /// | float | floats and integers |
    /// | bool | `Boolean`; integers 0 and 1 |
    /// | time | `Timestamp` of any unit, in UTC if it has no zone; `Date32`, `Date64`; texts and numbers as in [`push_json`](Self::push_json) |
    /// | date | `Date32`, `Date64`; texts of the form `YYYY-MM-DD` |
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampSecondArray};
    ///
    /// # fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
    /// let times = TimestampSecondArray::from(vec![1_776_294_000, 1_776_294_060]);
    /// let batch = RecordBatch::try_from_iter([
    ///     ("ts_utc", Arc::new(times.with_timezone("+00:00")) as ArrayRef),
    ///     ("source", Arc::new(StringArray::from(vec!["cron", "probe"]))),
    ///     ("detail_json", Arc::new(StringArray::from(vec!["{}", "{}"]))),
    /// ])?;
    /// let mut ticks = db.appender("ticks")?;
    /// ticks.push_batch(&batch)?;
    /// assert_eq!(ticks.commit()?, 1..3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidBatch`] if the columns of the batch do not fit the table; no row is added
    /// then. [`Error::RejectedRow`] at the first row that does not fit the table; the rows before
    /// it stay added. [`Error::Io`] if the temporary file cannot be written.
    pub fn push_batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = BatchRows::new(self.table(), batch)?;
        self.push_all(rows.iter(), Err)
    }

    /// Like [`push_batch`](Self::push_batch), but leaves out the rows that do not fit the table.
    /// `on_invalid` gets the location of each of them, and what is wrong with it.
    ///
    /// # Errors
    ///
    /// Those of `push_batch` except [`Error::RejectedRow`].
    pub fn push_valid_batch(
        &mut self,
        batch: &RecordBatch,
        mut on_invalid: impl FnMut(&RowLocation, &str),
    ) -> Result<()> {
        let rows = BatchRows::new(self.table(), batch)?;
        self.push_all(rows.iter(), |error| match error {
            Error::RejectedRow { location, reason } => {
                on_invalid(&location, &reason);
                Ok(())
            }
            error => Err(error),
        })
    }
}

/// The rows of a batch.
struct BatchRows {
    row_count: usize,
    /// The columns of the table, with their values if the batch has them.
    columns: Vec<(&'static Column, Option<ColumnValues>)>,
    ids: Option<ArrayRef>,
}

impl BatchRows {
    fn new(table: &'static Table, batch: &RecordBatch) -> Result<Self> {
        let invalid = |reason| Error::InvalidBatch { table: table.name().to_owned(), reason };
        check_names(table, batch.schema_ref()).map_err(invalid)?;
        let columns = table.columns().iter().map(|column| {
            let array = batch.column_by_name(column.name);
            let values = array.map(|array| ColumnValues::new(column, array)).transpose()?;
            Ok((column, values))
        });
        let columns = columns.collect::<Result<Vec<_>, String>>().map_err(invalid)?;
        let ids = batch.column_by_name("id").filter(|ids| ids.data_type().is_integer());
        // No store assigns an id of more than 63 bits. Casting makes it null, and it is ignored.
        let ids = ids.map(|ids| cast(ids, &DataType::Int64)).transpose()?;
        Ok(Self { row_count: batch.num_rows(), columns, ids })
    }

    /// Returns the former id and the values of each row, or what is wrong with it.
    fn iter(&self) -> impl Iterator<Item = Result<(Option<i64>, Vec<Value<'_>>), String>> {
        (0..self.row_count).map(|row| {
            let values = self.columns.iter().map(|(column, values)| match values {
                Some(values) => values.get(column, row),
                None if column.nullable => Ok(Value::Null),
                None => Err(format!("{} is missing", column.name)),
            });
            let values = values.collect::<Result<Vec<_>, _>>()?;
            let ids = self.ids.as_ref().map(|ids| ids.as_primitive::<Int64Type>());
            Ok((ids.filter(|ids| ids.is_valid(row)).map(|ids| ids.value(row)), values))
        })
    }
}

/// Fails if the batch has a column that the table does not have, or a column twice.
fn check_names(table: &Table, schema: &Schema) -> Result<(), String> {
    let names = || table.columns().iter().map(|column| column.name);
    for (index, field) in schema.fields().iter().enumerate() {
        let name = field.name();
        if name != "id" && !names().any(|column| column == name) {
            return Err(format!("unknown column '{name}'{}", nearest(name, names())));
        }
        if schema.fields().iter().take(index).any(|before| before.name() == name) {
            return Err(format!("two columns have the name {name}"));
        }
    }
    Ok(())
}

/// The values of a column, cast to one of a few types.
enum ColumnValues {
    /// Null in every row.
    Null,
    Bool(ArrayRef),
    Int(ArrayRef),
    /// Integers that may exceed 63 bits.
    UInt(ArrayRef),
    Float(ArrayRef),
    Text(ArrayRef),
    Time {
        nanos: ArrayRef,
        /// The times in their original unit. `nanos` is null for a time that nanoseconds cannot
        /// represent.
        given: ArrayRef,
    },
    Date(ArrayRef),
    /// Milliseconds since 1970.
    DateMillis(ArrayRef),
}

impl ColumnValues {
    /// # Errors
    ///
    /// A message, if no value of the array's type fits the column.
    fn new(column: &Column, array: &ArrayRef) -> Result<Self, String> {
        let ty = array.data_type();
        let cast =
            |to: &DataType| cast(array, to).map_err(|error| format!("{}: {error}", column.name));
        match ty {
            DataType::Null => Ok(Self::Null),
            DataType::Boolean => Ok(Self::Bool(Arc::clone(array))),
            DataType::UInt64 => Ok(Self::UInt(Arc::clone(array))),
            ty if ty.is_integer() => Ok(Self::Int(cast(&DataType::Int64)?)),
            ty if ty.is_floating() && takes_floats(column) => {
                Ok(Self::Float(cast(&DataType::Float64)?))
            }
            ty if is_text(ty) => Ok(Self::Text(cast(&DataType::Utf8View)?)),
            // Views refer to the text in the dictionary, which is not copied for each row.
            DataType::Dictionary(_, values) if is_text(values) => {
                Ok(Self::Text(cast(&DataType::Utf8View)?))
            }
            // A time without a zone is in UTC, and so is the column's.
            DataType::Timestamp(..) => {
                let nanos = cast(&DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())))?;
                Ok(Self::Time { nanos, given: Arc::clone(array) })
            }
            DataType::Date32 if takes_dates(column) => Ok(Self::Date(Arc::clone(array))),
            DataType::Date64 if takes_dates(column) => Ok(Self::DateMillis(Arc::clone(array))),
            ty if ty.is_nested() && column.is_json() => Self::nested(column, array),
            ty => Err(format!("column {} should be {}, found {ty}", column.name, column.ty)),
        }
    }

    /// The values of a nested type as JSON.
    fn nested(column: &Column, array: &ArrayRef) -> Result<Self, String> {
        let field = Arc::new(Field::new(column.name, array.data_type().clone(), true));
        let options = EncoderOptions::default();
        let mut encoder = make_encoder(&field, array, &options)
            .map_err(|error| format!("{}: {error}", column.name))?;
        let mut texts = StringViewBuilder::with_capacity(array.len());
        let mut json = Vec::new();
        for row in 0..array.len() {
            json.clear();
            if array.is_null(row) {
                texts.append_null();
            } else {
                encoder.encode(row, &mut json);
                texts.append_value(String::from_utf8_lossy(&json));
            }
        }
        Ok(Self::Text(Arc::new(texts.finish())))
    }

    fn get(&self, column: &Column, row: usize) -> Result<Value<'_>, String> {
        let Some(array) = self.array().filter(|array| array.is_valid(row)) else {
            return Ok(Value::Null);
        };
        let name = column.name;
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(_) => Value::Bool(array.as_boolean().value(row)),
            Self::Int(_) => Value::Int(array.as_primitive::<Int64Type>().value(row)),
            Self::UInt(_) => {
                let value = array.as_primitive::<UInt64Type>().value(row);
                match (i64::try_from(value), column.ty) {
                    (Ok(value), _) => Value::Int(value),
                    (Err(_), ColumnType::Float) => Value::Float(value as f64),
                    (Err(_), _) => {
                        return Err(format!(
                            "{name} is {value}, which exceeds a signed 64-bit integer"
                        ));
                    }
                }
            }
            Self::Float(_) => Value::Float(array.as_primitive::<Float64Type>().value(row)),
            Self::Text(_) => Value::Text(Cow::Borrowed(array.as_string_view().value(row))),
            Self::Time { nanos, .. } => {
                let nanos = nanos.as_primitive::<TimestampNanosecondType>();
                if nanos.is_null(row) {
                    return Err(format!("{name}: it is outside 1677-09-21 to 2262-04-11"));
                }
                time(column, nanos, row)
            }
            Self::Date(_) => {
                let days = array.as_primitive::<Date32Type>().value(row);
                Value::Date(
                    date::from_days_since_1970(days).ok_or_else(|| date_out_of_range(name))?,
                )
            }
            Self::DateMillis(_) => {
                let millis = array.as_primitive::<Date64Type>().value(row);
                let time = DateTime::from_timestamp_millis(millis)
                    .ok_or_else(|| date_out_of_range(name))?;
                Value::Date(time.date_naive())
            }
        })
    }

    /// Returns the array that shows which rows have a value.
    fn array(&self) -> Option<&ArrayRef> {
        match self {
            Self::Null => None,
            Self::Bool(array)
            | Self::Int(array)
            | Self::UInt(array)
            | Self::Float(array)
            | Self::Text(array)
            | Self::Time { given: array, .. }
            | Self::Date(array)
            | Self::DateMillis(array) => Some(array),
        }
    }
}

fn time<'a>(column: &Column, nanos: &TimestampNanosecondArray, row: usize) -> Value<'a> {
    match column.ty {
        ColumnType::Text => Value::Text(stored_time(nanos.value(row)).into()),
        _ => Value::Time(DateTime::from_timestamp_nanos(nanos.value(row))),
    }
}

fn takes_floats(column: &Column) -> bool {
    matches!(column.ty, ColumnType::Float | ColumnType::Int | ColumnType::Time)
}

fn takes_dates(column: &Column) -> bool {
    matches!(column.ty, ColumnType::Date | ColumnType::Time)
}

fn date_out_of_range(column: &str) -> String {
    format!("{column}: it is outside 0000-01-01 to 9999-12-31")
}

fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
