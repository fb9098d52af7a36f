//! Rows of the catalogue's tables, which name only the columns whose value is not the usual one.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::Result;

use super::relation::{Attribute, Relation};
use super::value::{Value, array_of};

/// The values of a row by column. A column that is not named is null, or empty if it is never null: false, 0, `''`
/// or `{}`.
#[derive(Debug)]
pub struct Row(pub Vec<(&'static str, Value)>);

/// A [`Row`], written as `row! { oid: 11, nspname: "pg_catalog" }`.
macro_rules! row {
    ($($column:ident: $value:expr),* $(,)?) => {
        $crate::catalog::row::Row(vec![
            $((stringify!($column), $crate::catalog::value::Value::from($value))),*
        ])
    };
}
pub(super) use row;

impl Row {
    pub fn value(&self, column: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| *name == column).map(|(_, value)| value)
    }
}

/// The schema of a relation.
pub fn schema_of(relation: &Relation) -> SchemaRef {
    let fields = relation.columns.iter().map(|column| column.ty.field(column.name));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Returns the rows as a batch of the relation's schema.
pub fn batch_of(relation: &Relation, rows: &[Row]) -> Result<RecordBatch> {
    let schema = schema_of(relation);
    let columns = relation.columns.iter().map(|column| {
        let usual = usual_value(column);
        let values = rows.iter().map(|row| row.value(column.name).unwrap_or(&usual));
        array_of(&column.ty.arrow(), values.collect::<Vec<_>>().into_iter())
    });
    Ok(RecordBatch::try_new(schema, columns.collect::<Result<_>>()?)?)
}

fn usual_value(column: &Attribute) -> Value {
    if !column.is_required {
        return Value::Null;
    }
    match column.ty.arrow() {
        DataType::Boolean => Value::Bool(false),
        DataType::Utf8 => Value::from(""),
        DataType::List(_) => Value::List(Vec::new()),
        DataType::Float32 | DataType::Float64 => Value::Float(0.0),
        ty if ty.is_integer() => Value::Int(0),
        _ => Value::Null,
    }
}
