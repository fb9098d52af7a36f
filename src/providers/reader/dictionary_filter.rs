//! Excludes segments by the dictionaries of their texts.
//!
//! A column of few different texts is stored as a dictionary: the very set of the values that a segment has.
//! If none of them passes a condition, no row does. Of the real history of a fleet, a session's id excludes
//! two thirds of the segments, and an agent's name a few.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;

use crate::columnar::ColumnValues;
use crate::error::Result;
use crate::providers::predicate::{Predicate, remap_columns};
use crate::table::ColumnType;

/// The conditions of a predicate that look at a single column of texts.
#[derive(Debug, Default)]
pub(super) struct DictionaryFilter(Vec<Condition>);

#[derive(Debug)]
struct Condition {
    /// The place of its column among those of the predicate.
    column: usize,
    /// Over a batch that has only this column.
    expr: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
}

impl DictionaryFilter {
    /// The conditions of a predicate over batches of that schema.
    pub(super) fn new(predicate: &Predicate, schema: &Schema) -> Result<Self> {
        let mut conditions = Vec::new();
        for filter in predicate.filters() {
            let columns = collect_columns(filter);
            let mut columns = columns.iter().map(|column| column.index());
            let (Some(column), None) = (columns.next(), columns.next()) else { continue };
            if !schema.field(column).data_type().is_string() {
                continue;
            }
            let expr = remap_columns(Arc::clone(filter), |index| (index == column).then_some(0))?;
            let schema = Arc::new(schema.project(&[column])?);
            conditions.push(Condition { column, expr, schema });
        }
        Ok(Self(conditions))
    }

    /// The columns that it looks at, by their places among those of the predicate.
    pub(super) fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<usize> = self.0.iter().map(|condition| condition.column).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Whether no row of a segment passes, which has these values in that column.
    pub(super) fn excludes(&self, column: usize, values: &ColumnValues) -> bool {
        let mut conditions =
            self.0.iter().filter(|condition| condition.column == column).peekable();
        if conditions.peek().is_none() {
            return false;
        }
        let Some((entries, rows)) = values.distinct_texts() else { return false };
        let Ok(entries) = entries.into_array(ColumnType::Text, rows) else { return false };
        conditions.any(|condition| condition.excludes_all(&entries))
    }
}

impl Condition {
    /// Whether none of the values passes. An error is ignored: earlier conditions may exclude the rows that
    /// cause it, and otherwise filtering the rows reports it.
    fn excludes_all(&self, values: &Arc<dyn Array>) -> bool {
        let options = RecordBatchOptions::new().with_row_count(Some(values.len()));
        let schema = Arc::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, vec![Arc::clone(values)], &options);
        let Ok(batch) = batch else { return false };
        let Ok(passed) = self.expr.evaluate(&batch) else { return false };
        let Ok(passed) = passed.into_array(batch.num_rows()) else { return false };
        as_boolean_array(&passed).is_ok_and(|passed| passed.true_count() == 0)
    }
}
