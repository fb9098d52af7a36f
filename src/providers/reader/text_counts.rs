//! The texts of a column with the numbers of their rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::Result;

use crate::columnar::ColumnValues;
use crate::table::ColumnType;

/// Counts the texts of a column of a segment by the ids of its dictionary. Without a dictionary, each row
/// counts as one.
pub(super) fn of_segment(
    values: ColumnValues,
    rows: usize,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let Some((texts, counts)) = values.counted_texts() else {
        return of_rows(values.into_array(ColumnType::Text, rows)?, schema);
    };
    let texts = texts.into_array(ColumnType::Text, counts.len())?;
    // An entry may be that of rows without a value.
    let has_rows: BooleanArray = counts.iter().map(|count| Some(*count > 0)).collect();
    filter_record_batch(&with_counts(texts, counts.into(), schema)?, &has_rows)
}

/// Counts each row as one.
pub(super) fn of_rows(texts: ArrayRef, schema: &SchemaRef) -> Result<RecordBatch> {
    let ones = Int64Array::from_value(1, texts.len());
    with_counts(texts, ones, schema)
}

fn with_counts(texts: ArrayRef, counts: Int64Array, schema: &SchemaRef) -> Result<RecordBatch> {
    let counts: ArrayRef = Arc::new(counts);
    let columns = schema.fields().len().saturating_sub(1);
    let columns = std::iter::once(texts).chain(std::iter::repeat_n(counts, columns));
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
}
