//! Decodes JSON rows to Arrow: only the projected columns, one batch at a time.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, RecordBatch,
    RecordBatchOptions, StringViewBuilder, TimestampNanosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::error::{Error, Result};
use crate::row::date;
use crate::row::object::Scalar;
use crate::row::values::{RowVisitor, ValueReader};
use crate::table::{Column, ColumnType, Table};

impl Table {
    /// Returns the table's Arrow schema: `id` first, then the columns.
    pub fn schema(&self) -> SchemaRef {
        let id = Field::new("id", DataType::Int64, false);
        let columns = self.columns().iter().map(Column::field);
        Arc::new(Schema::new(std::iter::once(id).chain(columns).collect::<Vec<_>>()))
    }
}

impl Column {
    fn field(&self) -> Field {
        let ty = match self.ty {
            ColumnType::Text => DataType::Utf8View,
            ColumnType::Int => DataType::Int64,
            ColumnType::Float => DataType::Float64,
            ColumnType::Date => DataType::Date32,
            ColumnType::Bool => DataType::Boolean,
            // Nanoseconds, because `date_bin` casts every row of a coarser unit to them.
            ColumnType::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        };
        Field::new(self.name, ty, self.nullable)
    }
}

/// Decodes rows into the columns of a projection.
#[derive(Debug)]
pub struct Decoder {
    table: &'static Table,
    schema: SchemaRef,
    columns: Vec<ProjectedColumn>,
    /// Whether a column other than the id is projected. If not, the JSON is not read.
    reads_json: bool,
    reader: ValueReader,
    rows: usize,
}

#[derive(Debug)]
enum ProjectedColumn {
    /// The id comes from the row's key.
    Id(Int64Builder),
    /// Any other column, by its index in the table's columns.
    Stored(usize, ColumnBuilder),
}

#[derive(Debug)]
enum ColumnBuilder {
    Text(StringViewBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Time(TimestampNanosecondBuilder),
    Date(Date32Builder),
}

impl Decoder {
    /// Creates a decoder of the columns whose indices in [`Table::schema`] are `projection`, in
    /// that order.
    ///
    /// # Errors
    ///
    /// If an index is out of range.
    pub fn new(table: &'static Table, projection: &[usize]) -> Result<Self> {
        let schema = Arc::new(table.schema().project(projection)?);
        let columns = projection.iter().map(|&index| match index.checked_sub(1) {
            None => ProjectedColumn::Id(Int64Builder::new()),
            Some(index) => {
                ProjectedColumn::Stored(index, ColumnBuilder::new(table.columns()[index].ty))
            }
        });
        let stored: Vec<_> = projection.iter().filter_map(|index| index.checked_sub(1)).collect();
        Ok(Self {
            table,
            schema,
            columns: columns.collect(),
            reads_json: !stored.is_empty(),
            reader: ValueReader::new(table, &stored),
            rows: 0,
        })
    }

    /// Returns the number of rows that the next batch has so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Decodes one row.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptRow`]. Do not use the decoder after an error: some columns may have a value
    /// of the row, and others not.
    pub fn push(&mut self, id: i64, json: &[u8]) -> Result<()> {
        let row = ColumnAppender { columns: &mut self.columns, id };
        let pushed = match self.reads_json {
            true => self.reader.read(json, row),
            false => row.visit(|_| Ok(Scalar::Null)),
        };
        self.count(id, pushed)
    }

    /// Decodes one row with the parser, whatever its layout. [`push`](Self::push) has the same
    /// result and is faster.
    ///
    /// # Errors
    ///
    /// Those of [`push`](Self::push).
    pub fn push_parsed(&mut self, id: i64, json: &[u8]) -> Result<()> {
        let row = ColumnAppender { columns: &mut self.columns, id };
        let pushed = self.reader.read_parsed(json, row);
        self.count(id, pushed)
    }

    fn count(&mut self, id: i64, pushed: Result<(), String>) -> Result<()> {
        let table = self.table.name();
        pushed.map_err(|reason| Error::CorruptRow { table: table.to_owned(), id, reason })?;
        self.rows += 1;
        Ok(())
    }

    /// Returns the rows decoded since the last call.
    ///
    /// # Errors
    ///
    /// Never fails in practice: all columns have the same number of rows.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let arrays = self.columns.iter_mut().map(ProjectedColumn::finish).collect();
        // A projection without columns, as for `COUNT(*)`, still has rows.
        let options =
            RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

/// Appends one row to the columns.
struct ColumnAppender<'a> {
    columns: &'a mut [ProjectedColumn],
    id: i64,
}

impl RowVisitor for ColumnAppender<'_> {
    fn visit<'v>(self, value: impl Fn(usize) -> Result<Scalar<'v>, String>) -> Result<(), String> {
        for column in self.columns {
            match column {
                ProjectedColumn::Id(builder) => builder.append_value(self.id),
                ProjectedColumn::Stored(index, builder) => builder.push(value(*index)?),
            }
        }
        Ok(())
    }
}

impl ProjectedColumn {
    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Id(builder) => Arc::new(builder.finish()),
            Self::Stored(_, builder) => builder.finish(),
        }
    }
}

impl ColumnBuilder {
    fn new(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Text => Self::Text(StringViewBuilder::new()),
            ColumnType::Int => Self::Int(Int64Builder::new()),
            ColumnType::Float => Self::Float(Float64Builder::new()),
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnType::Time => Self::Time(TimestampNanosecondBuilder::new().with_timezone("UTC")),
        }
    }

    fn push(&mut self, value: Scalar<'_>) {
        match (self, value) {
            (Self::Text(builder), Scalar::Text(text)) => builder.append_value(text),
            (Self::Int(builder), Scalar::Int(value)) => builder.append_value(value),
            (Self::Float(builder), Scalar::Float(value)) => builder.append_value(value),
            (Self::Bool(builder), Scalar::Bool(value)) => builder.append_value(value),
            (Self::Time(builder), Scalar::Time(nanos)) => builder.append_value(nanos),
            (Self::Date(builder), Scalar::Date(date)) => {
                builder.append_value(date::days_since_1970(date));
            }
            // A column gets values of its own type, or null.
            (Self::Text(builder), _) => builder.append_null(),
            (Self::Int(builder), _) => builder.append_null(),
            (Self::Float(builder), _) => builder.append_null(),
            (Self::Bool(builder), _) => builder.append_null(),
            (Self::Time(builder), _) => builder.append_null(),
            (Self::Date(builder), _) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
        }
    }
}
