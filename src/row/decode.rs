//! JSON rows to Arrow: only the projected columns, one batch at a time.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Int64Builder, RecordBatch, RecordBatchOptions, StringViewBuilder,
    TimestampNanosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use simd_json::Node;

use crate::error::{Error, Result};
use crate::row::canonical::CanonicalRow;
use crate::row::object::{ObjectParser, Scalar};
use crate::table::{Column, ColumnType, Table};

impl Table {
    /// The table's Arrow schema: `id` first, then the columns.
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
    /// Whether a column other than the id is projected. If none is, the JSON is not looked at.
    reads_json: bool,
    /// Reads nearly every row.
    written: CanonicalRow,
    /// Reads the others.
    parser: ObjectParser,
    rows: usize,
}

#[derive(Debug)]
enum ProjectedColumn {
    /// The id comes from the row's key.
    Id(Int64Builder),
    /// Any other, by its index among the table's columns.
    Stored(usize, ColumnBuilder),
}

#[derive(Debug)]
enum ColumnBuilder {
    Text(StringViewBuilder),
    Int(Int64Builder),
    Bool(BooleanBuilder),
    Time(TimestampNanosecondBuilder),
}

impl Decoder {
    /// A decoder of the columns whose indices in [`Table::schema`] are `projection`, in that order.
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
            written: CanonicalRow::new(table, &stored),
            parser: ObjectParser::new(),
            rows: 0,
        })
    }

    /// How many rows the next batch has so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Decodes one row.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptRow`]. The decoder is of no more use then: some columns may have the row's
    /// value, and others not. Only where one column is projected does it go on, without the row.
    pub fn push(&mut self, id: i64, json: &[u8]) -> Result<()> {
        let pushed = if !self.reads_json {
            push_row(&mut self.columns, id, |_| Ok(Scalar::Null))
        } else if let Some(values) = self.written.read(json) {
            push_row(&mut self.columns, id, |index| Ok(values.get(index)))
        } else {
            return self.push_parsed(id, json);
        };
        self.count(id, pushed)
    }

    /// Decodes one row, laid out in whatever way. [`push`](Self::push) gives the same, but sooner.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn push_parsed(&mut self, id: i64, json: &[u8]) -> Result<()> {
        let (table, columns) = (self.table, &mut self.columns);
        let pushed = self.parser.parse(json, |members| {
            let found = locate(table, members)?;
            push_row(columns, id, |index| Scalar::of(&table.columns()[index], found[index]))
        });
        self.count(id, pushed)
    }

    fn count(&mut self, id: i64, pushed: Result<(), String>) -> Result<()> {
        let table = self.table.name();
        pushed.map_err(|reason| Error::CorruptRow { table: table.to_owned(), id, reason })?;
        self.rows += 1;
        Ok(())
    }

    /// The rows decoded since the last call.
    ///
    /// # Errors
    ///
    /// None in fact: all columns have as many rows.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let arrays = self.columns.iter_mut().map(ProjectedColumn::finish).collect();
        // A projection of no columns, as COUNT(*) makes, still has rows.
        let options =
            RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

/// The values of the table's columns in an object, by the columns' order. Members of other names
/// are ignored.
///
/// # Errors
///
/// If a column stands twice: which of the two was meant, nobody knows.
pub(super) fn locate<'tape, 'json: 'tape>(
    table: &Table,
    members: impl Iterator<Item = (&'json str, &'tape Node<'json>)>,
) -> Result<Vec<Option<&'tape Node<'json>>>, String> {
    let columns = table.columns();
    let mut found = vec![None; columns.len()];
    // Members nearly always come in the columns' order, so the search begins after the last hit.
    let mut next = 0;
    for (key, value) in members {
        let after = columns[next..].iter().position(|column| column.name == key).map(|i| next + i);
        let index = after.or_else(|| columns[..next].iter().position(|column| column.name == key));
        if let Some(index) = index {
            if found[index].replace(value).is_some() {
                return Err(format!("{key} appears twice"));
            }
            next = index + 1;
        }
    }
    Ok(found)
}

/// Appends a row to the columns: its id, and what `value` gives for a column's index.
fn push_row<'value>(
    columns: &mut [ProjectedColumn],
    id: i64,
    value: impl Fn(usize) -> Result<Scalar<'value>, String>,
) -> Result<(), String> {
    for column in columns {
        match column {
            ProjectedColumn::Id(builder) => builder.append_value(id),
            ProjectedColumn::Stored(index, builder) => builder.push(value(*index)?),
        }
    }
    Ok(())
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
            ColumnType::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnType::Time => Self::Time(TimestampNanosecondBuilder::new().with_timezone("UTC")),
        }
    }

    fn push(&mut self, value: Scalar<'_>) {
        match (self, value) {
            (Self::Text(builder), Scalar::Text(text)) => builder.append_value(text),
            (Self::Int(builder), Scalar::Int(value)) => builder.append_value(value),
            (Self::Bool(builder), Scalar::Bool(value)) => builder.append_value(value),
            (Self::Time(builder), Scalar::Time(nanos)) => builder.append_value(nanos),
            // A column gets values of its own type, or null.
            (Self::Text(builder), _) => builder.append_null(),
            (Self::Int(builder), _) => builder.append_null(),
            (Self::Bool(builder), _) => builder.append_null(),
            (Self::Time(builder), _) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
        }
    }
}
