//! The columns that rows are sorted by.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::query::text_dictionary::{Limits, TextDictionary};

/// As many as there are ids, because the memory of the texts is reserved.
const LIMITS: Limits = Limits { texts: u32::MAX, bytes: usize::MAX };

/// How the columns of rows are taken apart, and put together again.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    keys: Vec<Key>,
    /// The other columns of the input.
    others: Vec<usize>,
    schema: SchemaRef,
}

/// An expression that rows are sorted by.
#[derive(Debug, Clone)]
pub(super) struct Key {
    expr: Arc<dyn PhysicalExpr>,
    pub(super) options: SortOptions,
    data_type: DataType,
    /// The column that the expression is, if it is one.
    column: Option<usize>,
}

impl Keys {
    /// Of a sort; `None` if one of its keys is neither a text nor a number of at most 64 bits.
    pub(super) fn of(sort: &SortExec) -> Result<Option<Self>> {
        let schema = sort.input().schema();
        let mut keys = Vec::new();
        for key in sort.expr() {
            let data_type = key.expr.data_type(&schema)?;
            if data_type != DataType::Utf8View && !is_number(&data_type) {
                return Ok(None);
            }
            let column = key.expr.downcast_ref::<Column>().map(Column::index);
            keys.push(Key { expr: Arc::clone(&key.expr), options: key.options, data_type, column });
        }
        let is_key = |index: &usize| keys.iter().any(|key| key.column == Some(*index));
        let others = (0..schema.fields().len()).filter(|index| !is_key(index)).collect();
        Ok(Some(Self { keys, others, schema }))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the columns that are not keys.
    pub(super) fn others(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        Ok(batch.project(&self.others)?)
    }

    /// Returns the values of a key that is not a text.
    pub(super) fn values(&self, key: usize, numbers: &Int64Array) -> Result<ArrayRef> {
        Ok(cast(numbers, &self.keys[key].data_type)?)
    }

    /// Puts rows together of the keys, as `key` returns them by their index, and the other columns.
    pub(super) fn rows(
        &self,
        key: impl Fn(usize) -> Result<ArrayRef>,
        others: &[ArrayRef],
    ) -> Result<RecordBatch> {
        let mut others = others.iter();
        let columns = (0..self.schema.fields().len()).map(|index| {
            match self.keys.iter().position(|key| key.column == Some(index)) {
                Some(index) => key(index),
                None => others
                    .next()
                    .cloned()
                    .ok_or_else(|| internal_datafusion_err!("a column is missing")),
            }
        });
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<Result<_>>()?)?)
    }
}

impl Key {
    /// Returns an empty dictionary for the values of the key, if they are texts.
    pub(super) fn dictionary(&self) -> Option<TextDictionary> {
        (self.data_type == DataType::Utf8View).then(|| TextDictionary::new(LIMITS))
    }

    /// Returns the values of the key as numbers: of texts, their ids.
    pub(super) fn numbers(
        &self,
        batch: &RecordBatch,
        dictionary: Option<&mut TextDictionary>,
    ) -> Result<Int64Array> {
        let values = self.expr.evaluate(batch)?.into_array(batch.num_rows())?;
        let Some(dictionary) = dictionary else {
            let numbers = cast(&values, &DataType::Int64)?;
            let numbers = numbers.as_primitive_opt().cloned();
            return numbers.ok_or_else(|| internal_datafusion_err!("not a number"));
        };
        let texts = values.as_string_view_opt();
        let texts = texts.ok_or_else(|| internal_datafusion_err!("not a text"))?;
        let mut ids = vec![0; texts.len()];
        if dictionary.encode(texts, 0, &mut ids) < texts.len() {
            return internal_err!("a dictionary is full");
        }
        let ids = ids.into_iter().map(|id| id as i64).collect();
        Ok(Int64Array::new(ids, texts.nulls().cloned()))
    }
}

/// Whether the values of a type are numbers of 64 bits or fewer, in their order, and are found from them again.
fn is_number(data_type: &DataType) -> bool {
    use DataType::{
        Boolean, Date32, Date64, Duration, Int8, Int16, Int32, Int64, Timestamp, UInt8, UInt16,
        UInt32,
    };
    matches!(
        data_type,
        Boolean
            | Int8
            | Int16
            | Int32
            | Int64
            | UInt8
            | UInt16
            | UInt32
            | Date32
            | Date64
            | Timestamp(..)
            | Duration(_)
    )
}
