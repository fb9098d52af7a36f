//! Rows of JSON to the columnar copy of their segment.

use crate::columnar::column::{ColumnValues, Values, bits};
use crate::columnar::header::{ColumnEntry, Header, IdSet};
use crate::columnar::order::float_order;
use crate::columnar::segment::Segment;
use crate::columnar::texts::{TextRun, Texts};
use crate::row::{RowVisitor, Scalar, ValueReader, days_since_1970};
use crate::table::{ColumnType, Table};

/// A column with more text than this, 512 bytes a row, is left out of the copy. A query that needs it
/// reads the rows: that is bound by the disk either way, and a scan decodes a whole column of a segment at
/// once, in memory.
const MAX_TEXT_BYTES: usize = 4 << 20;

/// Takes the rows of a segment, one after another.
pub(crate) struct SegmentEncoder {
    segment: Segment,
    reader: ValueReader,
    ids: Vec<i64>,
    columns: Vec<ColumnBuilder>,
    table: &'static Table,
}

/// A segment's copy, ready to be stored.
#[derive(Debug)]
pub(crate) struct EncodedSegment {
    pub(crate) header: Header,
    /// The stored values of each column of the header.
    pub(crate) columns: Vec<Vec<u8>>,
}

/// The values of a column, and what a header says of them.
#[derive(Debug)]
pub(crate) struct BuiltColumn {
    pub(crate) name: &'static str,
    pub(crate) nulls: usize,
    pub(crate) range: Option<(i64, i64)>,
    pub(crate) values: ColumnValues,
}

struct ColumnBuilder {
    values: BuiltValues,
    valid: Vec<bool>,
    range: Option<(i64, i64)>,
}

enum BuiltValues {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Bools(Vec<bool>),
    /// `None` if there is too much text.
    Texts(Option<TextRun>),
}

impl SegmentEncoder {
    pub(crate) fn new(table: &'static Table, segment: Segment) -> Self {
        let all: Vec<usize> = (0..table.columns().len()).collect();
        Self {
            segment,
            reader: ValueReader::new(table, &all),
            ids: Vec::new(),
            columns: table.columns().iter().map(|column| ColumnBuilder::new(column.ty)).collect(),
            table,
        }
    }

    /// Takes the next row of the segment, whose id must be above that of the one before.
    ///
    /// # Errors
    ///
    /// What is wrong with the row. Do not use the encoder after that: a segment with a row that cannot be
    /// read has no copy.
    pub(crate) fn push(&mut self, id: i64, json: &[u8]) -> Result<(), String> {
        self.reader.read(json, Row(&mut self.columns))?;
        self.ids.push(id);
        Ok(())
    }

    /// The ids of the rows pushed so far.
    pub(crate) fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// What each column has, to compare a copy with the rows. A column with too much text is left out.
    pub(crate) fn built_columns(self) -> Vec<BuiltColumn> {
        let columns = self.table.columns().iter().zip(self.columns);
        let built = columns.filter_map(|(column, built)| {
            let range = built.range;
            let (nulls, values) = built.finish()?;
            Some(BuiltColumn { name: column.name, nulls, range, values })
        });
        built.collect()
    }

    /// The copy of the rows, whose checksums have the sum `checksum`; `None` if there are no rows, or too
    /// many columns.
    pub(crate) fn finish(self, checksum: u64) -> Option<EncodedSegment> {
        let rows = self.ids.len();
        if rows == 0 || self.columns.len() > Segment::MAX_COLUMNS {
            return None;
        }
        let ids = IdSet::of(self.segment, &self.ids);
        let mut header = Header { segment: self.segment, rows, checksum, ids, columns: Vec::new() };
        let mut columns = Vec::new();
        for (column, built) in self.table.columns().iter().zip(self.columns) {
            let range = built.range;
            let Some((nulls, values)) = built.finish() else { continue };
            let bytes = values.encode(header.place(columns.len()), nulls, rows);
            let (name, ty) = (column.name.to_owned(), column.ty);
            header.columns.push(ColumnEntry { name, ty, bytes: bytes.len(), nulls, range });
            columns.push(bytes);
        }
        Some(EncodedSegment { header, columns })
    }
}

/// Appends the values of a row to the columns.
struct Row<'a>(&'a mut [ColumnBuilder]);

impl RowVisitor for Row<'_> {
    fn visit<'v>(self, value: impl Fn(usize) -> Result<Scalar<'v>, String>) -> Result<(), String> {
        for (index, column) in self.0.iter_mut().enumerate() {
            column.push(value(index)?);
        }
        Ok(())
    }
}

impl ColumnBuilder {
    fn new(ty: ColumnType) -> Self {
        let values = match ty {
            ColumnType::Int | ColumnType::Time | ColumnType::Date => BuiltValues::Ints(Vec::new()),
            ColumnType::Float => BuiltValues::Floats(Vec::new()),
            ColumnType::Bool => BuiltValues::Bools(Vec::new()),
            ColumnType::Text => BuiltValues::Texts(Some(TextRun::EMPTY)),
        };
        Self { values, valid: Vec::new(), range: None }
    }

    fn push(&mut self, value: Scalar<'_>) {
        self.valid.push(!matches!(value, Scalar::Null));
        let ordered = match value {
            Scalar::Int(value) | Scalar::Time(value) => Some(value),
            Scalar::Date(date) => Some(i64::from(days_since_1970(date))),
            Scalar::Float(value) => Some(float_order(value)),
            Scalar::Bool(value) => Some(i64::from(value)),
            Scalar::Text(_) | Scalar::Null => None,
        };
        if let Some(value) = ordered {
            let (low, high) = self.range.unwrap_or((value, value));
            self.range = Some((low.min(value), high.max(value)));
        }
        match &mut self.values {
            BuiltValues::Ints(values) => {
                // The one before makes the narrowest difference.
                values.push(ordered.or(values.last().copied()).unwrap_or(0));
            }
            BuiltValues::Floats(values) => {
                values.push(if let Scalar::Float(value) = value { value } else { 0.0 });
            }
            BuiltValues::Bools(values) => values.push(value == Scalar::Bool(true)),
            BuiltValues::Texts(texts) => {
                let text = if let Scalar::Text(text) = value { text } else { "" };
                let fits = texts.as_mut().is_some_and(|run| {
                    run.push(text.as_bytes()) && run.bytes.len() <= MAX_TEXT_BYTES
                });
                if !fits {
                    *texts = None;
                }
            }
        }
    }

    /// The number of nulls, and the values; `None` if they are left out.
    fn finish(self) -> Option<(usize, ColumnValues)> {
        let nulls = self.valid.iter().filter(|valid| !**valid).count();
        let values = match self.values {
            BuiltValues::Ints(values) => Values::Ints(values),
            BuiltValues::Floats(values) => Values::Floats(values),
            BuiltValues::Bools(values) => Values::Bools(bits(&values)),
            BuiltValues::Texts(texts) => Values::Texts(Texts::compact(texts?)),
        };
        Some((nulls, ColumnValues { valid: (nulls > 0).then(|| bits(&self.valid)), values }))
    }
}
