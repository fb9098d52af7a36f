//! Columns of segments as Arrow batches.

use std::ops::{ControlFlow, Range, RangeInclusive};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;

use crate::columnar::{ColumnValues, Header};
use crate::error::{Error, Result};
use crate::providers::metrics::ScanMetrics;
use crate::providers::order::Order;
use crate::providers::predicate::Predicate;
use crate::providers::reader::columns::BlockColumns;
use crate::providers::reader::dictionary_filter::DictionaryFilter;
use crate::providers::reader::range_filter::RangeFilter;
use crate::providers::reader::text_counts;
use crate::providers::reader::texts::release_other_texts;
use crate::providers::scan_config::ScanConfig;
use crate::row::Decoder;
use crate::store::{RowCursor, Snapshot};
use crate::table::{Column, Table};

/// Reads the copy of one segment after another.
#[derive(Debug)]
pub(super) struct ColumnarReader {
    table: &'static Table,
    snapshot: Arc<Snapshot>,
    descending: bool,
    ranges: RangeFilter,
    filter: DictionaryFilter,
    /// The schema of batches of texts and the numbers of their rows, if these are read.
    text_counts: Option<SchemaRef>,
    first: Vec<usize>,
    late: Vec<usize>,
    first_schema: SchemaRef,
    late_schema: SchemaRef,
    open: Option<OpenSegment>,
    metrics: ScanMetrics,
}

/// A segment that may have more rows to return.
#[derive(Debug)]
struct OpenSegment {
    header: Header,
    /// The first columns of the wanted rows.
    first: RecordBatch,
    /// The place in the segment of each wanted row; `None` if they are all, in their order.
    rows: Option<UInt32Array>,
    /// Which of the wanted rows are in the last batch.
    batch: Range<usize>,
    /// The late columns of all rows of the segment, once they were asked for.
    late: LateColumns,
}

#[derive(Debug)]
enum LateColumns {
    NotRead,
    Read(RecordBatch),
    /// The copy lacks one, or cannot be read.
    Unreadable,
}

/// What came of opening a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Opened,
    /// No row of it passes the predicate.
    Excluded,
    /// The copy lacks a column, or cannot be read: the rows have to be.
    Unreadable,
}

#[derive(Debug)]
enum Decoded {
    Columns(RecordBatch),
    Excluded,
    Missing,
}

impl ColumnarReader {
    /// A reader of rows that pass a predicate over the first columns.
    pub(super) fn new(
        config: &ScanConfig,
        columns: &BlockColumns,
        predicate: &Predicate,
        metrics: ScanMetrics,
    ) -> Result<Self> {
        let schema = config.table.schema();
        let first_schema = Arc::new(schema.project(&columns.first)?);
        Ok(Self {
            ranges: RangeFilter::new(config.table, &config.predicate),
            filter: DictionaryFilter::new(predicate, &first_schema)?,
            text_counts: config.counts_texts.then(|| Arc::clone(&config.schema)),
            table: config.table,
            snapshot: Arc::clone(&config.snapshot),
            descending: config.order == Order::Descending,
            first: columns.first.clone(),
            late: columns.late.clone(),
            first_schema,
            late_schema: Arc::new(schema.project(&columns.late)?),
            open: None,
            metrics,
        })
    }

    /// Opens a segment to read its rows in these ranges of ids.
    pub(super) fn open<'a>(
        &mut self,
        header: Header,
        ranges: impl Iterator<Item = &'a RangeInclusive<i64>>,
    ) -> Opening {
        if self.ranges.excludes(&header) {
            return Opening::Excluded;
        }
        if let Some(schema) = &self.text_counts {
            // A part of a segment is at an end of a range of ids, and read as rows.
            return match self.wanted_rows(&header, ranges) {
                None => match self.decode_counts(&header, schema) {
                    Some(counts) => self.opened(header, counts, None),
                    None => Opening::Unreadable,
                },
                Some(_) => Opening::Unreadable,
            };
        }
        let first = match self.decode(&header, &self.first, &self.first_schema, Some(&self.filter))
        {
            Decoded::Columns(first) => first,
            Decoded::Excluded => return Opening::Excluded,
            Decoded::Missing => return Opening::Unreadable,
        };
        let rows = self.wanted_rows(&header, ranges);
        let first = match &rows {
            Some(rows) => match take_record_batch(&first, rows) {
                Ok(first) => first,
                Err(_) => return Opening::Unreadable,
            },
            None => first,
        };
        self.opened(header, first, rows)
    }

    fn opened(&mut self, header: Header, first: RecordBatch, rows: Option<UInt32Array>) -> Opening {
        self.metrics.segments_read.add(1);
        self.metrics.rows_read.add(rows.as_ref().map_or(header.rows, Array::len));
        self.open =
            Some(OpenSegment { header, first, rows, batch: 0..0, late: LateColumns::NotRead });
        Opening::Opened
    }

    /// The texts of the only column with the numbers of their rows; `None` if the copy lacks the column, or
    /// cannot be read.
    fn decode_counts(&self, header: &Header, schema: &SchemaRef) -> Option<RecordBatch> {
        let column = self.column(*self.first.first()?)?;
        header.position(column)?;
        let values = self.values(header, column);
        let counts = values.and_then(|v| text_counts::of_segment(v, header.rows, schema).ok());
        if counts.is_none() {
            self.metrics.segments_damaged.add(1);
        }
        counts
    }

    /// The places of the wanted rows in the segment; `None` if they are all.
    fn wanted_rows<'a>(
        &self,
        header: &Header,
        ranges: impl Iterator<Item = &'a RangeInclusive<i64>>,
    ) -> Option<UInt32Array> {
        let ids = header.ids.ids(header.segment, header.rows);
        let mut rows: Vec<u32> = Vec::with_capacity(ids.len());
        for range in ranges {
            let start = ids.partition_point(|id| id < range.start()) as u32;
            let end = ids.partition_point(|id| id <= range.end()) as u32;
            match self.descending {
                true => rows.extend((start..end).rev()),
                false => rows.extend(start..end),
            }
        }
        let are_all = !self.descending && rows.len() == header.rows && rows.is_sorted();
        (!are_all).then(|| rows.into())
    }

    /// The columns of all rows of the segment, unless the filter excludes it.
    fn decode(
        &self,
        header: &Header,
        columns: &[usize],
        schema: &SchemaRef,
        filter: Option<&DictionaryFilter>,
    ) -> Decoded {
        let mut stored = columns.iter().filter_map(|&index| self.column(index));
        if !stored.all(|column| header.position(column).is_some()) {
            return Decoded::Missing;
        }
        self.decode_stored(header, columns, schema, filter).unwrap_or_else(|| {
            self.metrics.segments_damaged.add(1);
            Decoded::Missing
        })
    }

    fn decode_stored(
        &self,
        header: &Header,
        columns: &[usize],
        schema: &SchemaRef,
        filter: Option<&DictionaryFilter>,
    ) -> Option<Decoded> {
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; columns.len()];
        for place in filter.map(DictionaryFilter::columns).unwrap_or_default() {
            let Some(column) = self.column(columns[place]) else { continue };
            let values = self.values(header, column)?;
            if filter.is_some_and(|filter| filter.excludes(place, &values)) {
                return Some(Decoded::Excluded);
            }
            arrays[place] = Some(values.into_array(column.ty, header.rows).ok()?);
        }
        for (array, &index) in arrays.iter_mut().zip(columns) {
            if array.is_none() {
                *array = Some(match self.column(index) {
                    None => Arc::new(Int64Array::from(header.ids.ids(header.segment, header.rows))),
                    Some(column) => {
                        self.values(header, column)?.into_array(column.ty, header.rows).ok()?
                    }
                });
            }
        }
        let arrays = arrays.into_iter().flatten().collect();
        let options = RecordBatchOptions::new().with_row_count(Some(header.rows));
        RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
            .ok()
            .map(Decoded::Columns)
    }

    /// The column of the table with that index in its schema; `None` for the id.
    fn column(&self, index: usize) -> Option<&'static Column> {
        index.checked_sub(1).map(|index| &self.table.columns()[index])
    }

    /// The values of a column; `None` if they are damaged. A damaged page is a fault of the copy alone, as
    /// a changed byte in it is.
    fn values(&self, header: &Header, column: &Column) -> Option<ColumnValues> {
        let position = header.position(column)?;
        let values = self.snapshot.segment_column(self.table, header, position).ok()??;
        self.metrics.bytes_scanned.add(header.columns[position].bytes);
        Some(values)
    }

    /// Whether the last batch was one of columns.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The first columns of the next rows of the open segment; `None` if there are no more.
    pub(super) fn next_batch(&mut self, max_rows: usize) -> Option<RecordBatch> {
        let open = self.open.as_mut()?;
        let start = open.batch.end;
        let rows = (open.first.num_rows() - start).min(max_rows);
        if rows == 0 {
            self.open = None;
            return None;
        }
        open.batch = start..start + rows;
        Some(part(&open.first, &open.batch))
    }

    /// The late columns of the rows at these positions in the last batch; of all its rows if `None`.
    ///
    /// # Errors
    ///
    /// Those of reading rows: it does so if the copy lacks a late column.
    pub(super) fn late_columns(&mut self, positions: Option<&[u32]>) -> Result<RecordBatch> {
        let Some(mut open) = self.open.take() else {
            return Ok(RecordBatch::new_empty(Arc::clone(&self.late_schema)));
        };
        if matches!(open.late, LateColumns::NotRead) {
            open.late = match self.decode(&open.header, &self.late, &self.late_schema, None) {
                Decoded::Columns(late) => LateColumns::Read(late),
                Decoded::Excluded | Decoded::Missing => LateColumns::Unreadable,
            };
        }
        let late = match (&open.late, positions, &open.rows) {
            (LateColumns::Read(late), None, None) => Ok(part(late, &open.batch)),
            (LateColumns::Read(late), _, _) => {
                let rows = UInt32Array::from(open.places(positions));
                take_record_batch(late, &rows).map_err(Into::into)
            }
            _ => self.late_rows(&open, positions),
        };
        self.open = Some(open);
        late
    }

    /// The late columns from the rows.
    fn late_rows(&self, open: &OpenSegment, positions: Option<&[u32]>) -> Result<RecordBatch> {
        let ids = open.header.ids.ids(open.header.segment, open.header.rows);
        let place = |place: u32| ids.get(place as usize).copied();
        let wanted: Vec<i64> = open.places(positions).into_iter().filter_map(place).collect();
        // The rows are read by rising id. A scan can return them the other way, or block by block in the
        // order of their times.
        let mut order: Vec<u32> = (0..).take(wanted.len()).collect();
        order.sort_unstable_by_key(|index| wanted[*index as usize]);
        let rising: Vec<i64> = order.iter().map(|index| wanted[*index as usize]).collect();
        let mut decoder = Decoder::new(self.table, &self.late)?;
        let (mut rows, mut bytes) = (0, 0);
        // To pass over a row costs about a fiftieth of looking for one.
        for run in rising.chunk_by(|a, b| b - a < 50) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let mut run = run.iter().copied().peekable();
            let mut cursor = RowCursor::new(*first..=*last, None, false);
            let _ = self.snapshot.scan(self.table, &mut cursor, |id, json| {
                if run.next_if_eq(&id).is_some() {
                    (rows, bytes) = (rows + 1, bytes + json.len());
                    decoder.push(id, json)?;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        self.metrics.rows_read.add(rows);
        self.metrics.bytes_scanned.add(bytes);
        let batch = decoder.finish()?;
        if batch.num_rows() != wanted.len() {
            let path = self.snapshot.path();
            return Err(Error::Damaged {
                path: path.to_owned(),
                reason: format!("rows of {} are missing", self.table.name()),
            });
        }
        let mut places = vec![0_u32; order.len()];
        for (place, index) in (0_u32..).zip(order) {
            places[index as usize] = place;
        }
        match places.is_sorted() {
            true => Ok(batch),
            false => Ok(take_record_batch(&batch, &UInt32Array::from(places))?),
        }
    }
}

/// Some of the rows of a batch.
fn part(batch: &RecordBatch, rows: &Range<usize>) -> RecordBatch {
    if rows.len() == batch.num_rows() {
        return batch.clone();
    }
    let mut columns = batch.slice(rows.start, rows.len()).columns().to_vec();
    columns.iter_mut().for_each(release_other_texts);
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
        .unwrap_or_else(|_| batch.slice(rows.start, rows.len()))
}

impl OpenSegment {
    /// The places in the segment of the rows at these positions in the last batch; of all if `None`.
    fn places(&self, positions: Option<&[u32]>) -> Vec<u32> {
        let start = self.batch.start;
        let place = |position: usize| match &self.rows {
            Some(rows) => rows.value(start + position),
            None => (start + position) as u32,
        };
        match positions {
            Some(positions) => positions.iter().map(|position| place(*position as usize)).collect(),
            None => (0..self.batch.len()).map(place).collect(),
        }
    }
}
