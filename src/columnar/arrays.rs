//! The values of a column as an Arrow array, of the type that decoding the rows gives.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, PrimitiveArray, StringArray,
    StringViewArray, TimestampNanosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{ArrowPrimitiveType, UInt8Type, UInt16Type};
use arrow::error::{ArrowError, Result};
use bytes::Bytes;

use crate::columnar::column::{ColumnValues, Values};
use crate::columnar::texts::{TextRun, Texts};
use crate::table::ColumnType;

impl ColumnValues {
    /// Returns the array of a column of type `ty` with `rows` rows.
    ///
    /// # Errors
    ///
    /// If the values are not of the type, or a text is not UTF-8.
    pub(crate) fn into_array(self, ty: ColumnType, rows: usize) -> Result<ArrayRef> {
        let bits = |bits: Vec<u8>| BooleanBuffer::new(Buffer::from_vec(bits), 0, rows);
        let nulls = self.valid.map(|valid| NullBuffer::new(bits(valid)));
        Ok(match (self.values, ty) {
            (Values::Ints(values), ColumnType::Int) => {
                Arc::new(Int64Array::try_new(values.into(), nulls)?)
            }
            (Values::Ints(values), ColumnType::Time) => {
                let times = TimestampNanosecondArray::try_new(values.into(), nulls)?;
                Arc::new(times.with_timezone("UTC"))
            }
            (Values::Ints(values), ColumnType::Date) => {
                // They were days of 32 bits before.
                let days: Vec<i32> = values.into_iter().map(|day| day as i32).collect();
                Arc::new(Date32Array::try_new(days.into(), nulls)?)
            }
            (Values::Floats(values), ColumnType::Float) => {
                Arc::new(Float64Array::try_new(values.into(), nulls)?)
            }
            (Values::Bools(values), ColumnType::Bool) => {
                Arc::new(BooleanArray::new(bits(values), nulls))
            }
            (Values::Texts(texts), ColumnType::Text) => Arc::new(text_array(texts, nulls)?),
            _ => return Err(ArrowError::InvalidArgumentError("values of another type".to_owned())),
        })
    }
}

/// Views and not a dictionary: DataFusion groups by views a third faster than by dictionaries. Gathering
/// the views of a dictionary's entries copies 16 bytes a row and no text.
fn text_array(texts: Texts, nulls: Option<NullBuffer>) -> Result<StringViewArray> {
    match texts {
        Texts::Run(run) => run_array(run, nulls),
        Texts::DictionaryU8(ids, entries) => gathered::<UInt8Type>(ids, entries, nulls),
        Texts::DictionaryU16(ids, entries) => gathered::<UInt16Type>(ids, entries, nulls),
    }
}

fn gathered<T: ArrowPrimitiveType>(
    ids: Vec<T::Native>,
    entries: TextRun,
    nulls: Option<NullBuffer>,
) -> Result<StringViewArray> {
    let entries = run_array(entries, None)?;
    let ids = PrimitiveArray::<T>::try_new(ids.into(), nulls)?;
    let texts = take(&entries, &ids, None)?;
    let texts = texts.as_any().downcast_ref::<StringViewArray>();
    texts.cloned().ok_or_else(|| ArrowError::ComputeError("texts of another type".to_owned()))
}

fn run_array(run: TextRun, nulls: Option<NullBuffer>) -> Result<StringViewArray> {
    let offsets = std::iter::once(0).chain(run.ends.iter().map(|end| *end as i32));
    let offsets = OffsetBuffer::new(offsets.collect::<Vec<_>>().into());
    // Checks that all texts are UTF-8, in one pass over their bytes.
    let texts = StringArray::try_new(offsets, Buffer::from(Bytes::from_owner(run.bytes)), nulls)?;
    Ok(StringViewArray::from(&texts))
}
