//! Formats answers for people.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampNanosecondType};
use arrow::util::display::{DurationFormat, FormatOptions};
use arrow::util::pretty::pretty_format_batches_with_options;

use crate::error::Result;
use crate::query::time_text::is_utc_time;
use crate::row::stored_time_array;

/// Returns the batch with every time in UTC as text in the stored form (`2026-04-15T23:00:00.000Z`), as
/// in every output. Times in other zones, and times inside lists and structs, stay as they are.
///
/// # Errors
///
/// Fails if Arrow cannot convert a column. It can convert every column that a query returns.
pub fn times_as_text(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(time_as_text).collect::<Result<Vec<_>>>()?;
    let schema = schema_of_texts(&batch.schema());
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

fn time_as_text(column: &ArrayRef) -> Result<ArrayRef> {
    if !is_utc_time(column.data_type()) {
        return Ok(Arc::clone(column));
    }
    let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let times = cast(column, &nanoseconds)?;
    Ok(stored_time_array(times.as_primitive::<TimestampNanosecondType>()))
}

fn schema_of_texts(schema: &Schema) -> SchemaRef {
    let as_text = |field: &Arc<Field>| match is_utc_time(field.data_type()) {
        true => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        false => Arc::clone(field),
    };
    Arc::new(Schema::new(schema.fields().iter().map(as_text).collect::<Vec<_>>()))
}

/// Returns the batches as one ASCII table, with times in their stored form and empty cells for NULL.
/// Without rows, the table has only the header.
///
/// # Errors
///
/// Fails if Arrow cannot convert a column. It can convert every column that a query returns.
pub fn format_table(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<String> {
    let mut texts = batches.iter().map(times_as_text).collect::<Result<Vec<_>>>()?;
    if texts.is_empty() {
        texts.push(RecordBatch::new_empty(schema_of_texts(schema)));
    }
    let options = FormatOptions::new().with_duration_format(DurationFormat::Pretty);
    Ok(pretty_format_batches_with_options(&texts, &options)?.to_string())
}
