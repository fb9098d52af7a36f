//! `information_schema._pg_expandarray`: the elements of an array with their numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// Returns a list of `x`, the element, and `n`, its number from 1. PostgreSQL's returns rows, which `unnest` makes of
/// the list.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ExpandArray(Signature);

impl ExpandArray {
    pub fn new() -> Self {
        Self(Signature::any(1, Volatility::Immutable))
    }
}

fn fields(element: &DataType) -> Fields {
    vec![Field::new("x", element.clone(), true), Field::new("n", DataType::Int32, true)].into()
}

fn element_of(ty: &DataType) -> Result<DataType> {
    match ty {
        DataType::List(element) => Ok(element.data_type().clone()),
        DataType::Null => Ok(DataType::Null),
        ty => plan_err!("_pg_expandarray() takes an array, found {ty}"),
    }
}

impl ScalarUDFImpl for ExpandArray {
    fn name(&self) -> &str {
        "_pg_expandarray"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let element = element_of(types.first().unwrap_or(&DataType::Null))?;
        let pair = Field::new_list_field(DataType::Struct(fields(&element)), true);
        Ok(DataType::List(Arc::new(pair)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let DataType::List(field) = args.return_type().clone() else {
            return plan_err!("_pg_expandarray() returns a list");
        };
        let lists = match args.args.first() {
            Some(list) => list.to_array(rows)?,
            None => return plan_err!("_pg_expandarray() takes an array"),
        };
        if *lists.data_type() == DataType::Null {
            let nulls = arrow::array::new_null_array(args.return_type(), rows);
            return Ok(ColumnarValue::Array(nulls));
        }
        let lists = lists.as_list::<i32>();
        let numbers = (0..lists.len()).flat_map(|row| 1..=lists.value_length(row));
        let numbers = Arc::new(Int32Array::from_iter_values(numbers)) as ArrayRef;
        // A sliced array has values that are no element of it.
        let first = lists.value_offsets().first().copied().unwrap_or(0);
        let last = lists.value_offsets().last().copied().unwrap_or(0);
        let elements = lists.values().slice(first as usize, (last - first) as usize);
        let DataType::Struct(fields) = field.data_type() else {
            return plan_err!("_pg_expandarray() returns a list of pairs");
        };
        let pairs = StructArray::try_new(fields.clone(), vec![elements, numbers], None)?;
        let lengths = lists.offsets().lengths();
        let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
        let pairs = ListArray::try_new(field, offsets, Arc::new(pairs), lists.nulls().cloned())?;
        Ok(ColumnarValue::Array(Arc::new(pairs)))
    }
}
