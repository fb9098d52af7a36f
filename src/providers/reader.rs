//! Reading ranges of ids: rows from the snapshot, decoded into batches. The columns that decide whether a
//! row is wanted are decoded first, the others only for rows that are.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{SchemaRef, TimestampNanosecondType};

use crate::error::Result;
use crate::providers::id_ranges::IdRange;
use crate::providers::metrics::ScanMetrics;
use crate::providers::order::Order;
use crate::providers::predicate::Predicate;
use crate::providers::ranges::RangeSet;
use crate::providers::selection::Selection;
use crate::providers::skipped::SkippedRows;
use crate::providers::source::RowSource;
use crate::row::Decoder;
use crate::store::Snapshot;
use crate::table::Table;

/// A batch ends when its rows had so many bytes of JSON, however few they are. This, times the
/// batches in flight and the tasks, bounds a scan's memory, give or take a row for each.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// After so many rows a reader looks whether anyone still wants them.
const ROWS_BETWEEN_CHECKS: usize = 1024;

/// Reads and decodes rows.
#[derive(Debug)]
pub(super) struct RowReader {
    table: &'static Table,
    snapshot: Arc<Snapshot>,
    descending: bool,
    schema: SchemaRef,
    /// Decodes the columns that decide, or all of them if every row is wanted.
    first: Decoder,
    decision: Option<RowFilter>,
    /// Decodes what else is asked for, of the rows that are wanted.
    rest: Option<LateColumns>,
    /// Tries each row first, if corrupt ones are left out.
    trial: Option<RowValidator>,
    /// Where each column comes from.
    columns: Vec<ColumnSource>,
    metrics: ScanMetrics,
    /// The JSON of the rows since the last batch.
    batch_bytes: usize,
    /// Rows read, and their JSON, that `metrics` has not been told of. All tasks of a scan count
    /// there, and would wait for each other if they did so at each row.
    pending_counts: (usize, usize),
}

/// Which rows are wanted.
#[derive(Debug)]
struct RowFilter {
    /// The times that are wanted, and where the time stands among the columns that decide.
    times: Option<(RangeSet, usize)>,
    predicate: Predicate,
}

/// Decodes every row once more, so that a corrupt one is found before some columns have its values.
/// All columns of the table are tried, whatever the query asks for: every query of a table sees the
/// same rows then, `count(*)` too. Only a query that leaves corrupt rows out pays for it.
#[derive(Debug)]
struct RowValidator {
    table: &'static Table,
    decoder: Decoder,
    skipped: Arc<SkippedRows>,
}

/// The columns that wait for the decision, and the rows they will be decoded from.
#[derive(Debug)]
struct LateColumns {
    decoder: Decoder,
    json: Vec<u8>,
    /// The id of each row, and where its JSON ends.
    rows: Vec<(i64, usize)>,
}

#[derive(Debug, Clone, Copy)]
enum ColumnSource {
    First(usize),
    LateColumns(usize),
}

impl RowReader {
    /// A reader of these columns of those rows of these ranges of ids that pass the predicate.
    pub(super) fn new(
        source: &RowSource,
        projection: &[usize],
        id_ranges: &[IdRange],
        predicate: &Predicate,
        metrics: ScanMetrics,
    ) -> Result<Self> {
        let table = source.table;
        let time = table.time_index().filter(|_| id_ranges.iter().any(|s| s.check_times));
        let decides = time.is_some() || !predicate.is_empty();
        let mut first = projection.to_vec();
        if decides {
            let mut columns = predicate.columns();
            columns.extend(time);
            first = columns.into_iter().collect();
        }
        let position = |index: usize| first.iter().position(|&column| column == index);
        let mut rest = Vec::new();
        let mut columns = Vec::with_capacity(projection.len());
        for &index in projection {
            columns.push(match position(index) {
                Some(position) => ColumnSource::First(position),
                None => {
                    rest.push(index);
                    ColumnSource::LateColumns(rest.len() - 1)
                }
            });
        }
        let times = time.and_then(position).map(|at| (source.ranges.times.clone(), at));
        let predicate = predicate.over(&first)?;
        let trial = match &source.skipped {
            Some(skipped) => Some(RowValidator::new(table, Arc::clone(skipped))?),
            None => None,
        };
        Ok(Self {
            table,
            snapshot: Arc::clone(&source.snapshot),
            descending: source.order == Order::Descending,
            schema: Arc::new(table.schema().project(projection)?),
            first: Decoder::new(table, &first)?,
            decision: decides.then_some(RowFilter { times, predicate }),
            rest: if rest.is_empty() { None } else { Some(LateColumns::new(table, &rest)?) },
            trial,
            columns,
            metrics,
            batch_bytes: 0,
            pending_counts: (0, 0),
        })
    }

    /// Gives the wanted rows to `send` in batches, until there are `limit` of them, or `send` or
    /// `wanted` says that no more are. The last batch may go past the limit.
    pub(super) fn read(
        &mut self,
        id_ranges: &[IdRange],
        batch_size: usize,
        limit: usize,
        wanted: impl Fn() -> bool,
        mut send: impl FnMut(RecordBatch) -> bool,
    ) -> Result<()> {
        let mut left = limit;
        let mut block = None;
        let snapshot = Arc::clone(&self.snapshot);
        for id_range in id_ranges {
            let mut stopped = false;
            if let Some(zone) = id_range.known.filter(|_| self.only_counts()) {
                self.metrics.blocks_counted.add(1);
                if !self.send_columns(Vec::new(), zone.rows as usize, &mut left, &mut send)? {
                    return Ok(());
                }
                continue;
            }
            if block.replace(id_range.block) != Some(id_range.block) {
                self.metrics.blocks_read.add(1);
            }
            // Where corrupt rows are left out, whatever else can be read is wanted.
            let expected = id_range.expected.filter(|_| self.trial.is_none());
            let ids = id_range.ids.clone();
            snapshot.scan(self.table, ids, expected, self.descending, |id, json| {
                self.push(id, json)?;
                let rows = self.first.rows();
                // If every row is wanted, it is known when there are enough.
                let enough = rows >= left && self.decision.is_none();
                if rows >= batch_size || self.batch_bytes >= MAX_BATCH_BYTES || enough {
                    stopped = !self.send_batch(&mut left, &mut send)?;
                } else if rows.is_multiple_of(ROWS_BETWEEN_CHECKS) {
                    self.count_rows();
                    stopped = !wanted();
                }
                Ok(if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            if stopped {
                self.count_rows();
                return Ok(());
            }
        }
        self.send_batch(&mut left, &mut send)?;
        Ok(())
    }

    /// Whether nothing of a row is asked for but that it is there.
    fn only_counts(&self) -> bool {
        self.columns.is_empty() && self.decision.is_none() && self.trial.is_none()
    }

    fn count_rows(&mut self) {
        let (rows, bytes_scanned) = std::mem::take(&mut self.pending_counts);
        self.metrics.rows_read.add(rows);
        self.metrics.bytes_scanned.add(bytes_scanned);
    }

    fn push(&mut self, id: i64, json: &[u8]) -> Result<()> {
        self.batch_bytes += json.len();
        self.pending_counts.0 += 1;
        self.pending_counts.1 += json.len();
        if self.trial.as_mut().is_some_and(|trial| !trial.accepts(id, json)) {
            return Ok(());
        }
        if let Some(rest) = &mut self.rest {
            rest.json.extend_from_slice(json);
            rest.rows.push((id, rest.json.len()));
        }
        self.first.push(id, json)
    }

    /// Sends the wanted rows among those read, and tells whether more are wanted.
    fn send_batch(
        &mut self,
        left: &mut usize,
        send: &mut impl FnMut(RecordBatch) -> bool,
    ) -> Result<bool> {
        self.count_rows();
        self.batch_bytes = 0;
        let mut first = Selection::all(self.first.finish()?);
        if let Some(decision) = &self.decision {
            first = decision.select(first)?;
        }
        let rest = match &mut self.rest {
            Some(rest) => Some(rest.decode(first.positions())?),
            None => None,
        };
        let first = first.batch();
        let rows = first.num_rows();
        if rows == 0 {
            return Ok(true);
        }
        let column = |origin: &ColumnSource| -> ArrayRef {
            match (*origin, &rest) {
                (ColumnSource::LateColumns(at), Some(rest)) => Arc::clone(rest.column(at)),
                (ColumnSource::First(at) | ColumnSource::LateColumns(at), _) => {
                    Arc::clone(first.column(at))
                }
            }
        };
        let columns = self.columns.iter().map(column).collect();
        self.send_columns(columns, rows, left, send)
    }

    fn send_columns(
        &self,
        columns: Vec<ArrayRef>,
        rows: usize,
        left: &mut usize,
        send: &mut impl FnMut(RecordBatch) -> bool,
    ) -> Result<bool> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        *left = left.saturating_sub(rows);
        Ok(send(batch) && *left > 0)
    }
}

impl RowValidator {
    fn new(table: &'static Table, skipped: Arc<SkippedRows>) -> Result<Self> {
        let columns: Vec<usize> = (0..=table.columns().len()).collect();
        Ok(Self { table, decoder: Decoder::new(table, &columns)?, skipped })
    }

    /// Whether the row can be decoded.
    fn accepts(&mut self, id: i64, json: &[u8]) -> bool {
        let accepted = self.decoder.push(id, json).is_ok();
        if !accepted {
            self.skipped.add(self.table, id);
        }
        if !accepted || self.decoder.rows() >= ROWS_BETWEEN_CHECKS {
            // What it decoded is of no use; after a corrupt row it is not even a batch.
            let _ = self.decoder.finish();
        }
        accepted
    }
}

impl RowFilter {
    /// The rows that are wanted: those of the wanted times, and of them those that pass the predicate.
    fn select(&self, mut rows: Selection) -> Result<Selection> {
        if let Some((wanted, at)) = &self.times {
            let times = rows.batch().column(*at).as_primitive::<TimestampNanosecondType>().values();
            let in_time =
                BooleanBuffer::collect_bool(times.len(), |row| wanted.contains(times[row]));
            rows = rows.keep(&BooleanArray::new(in_time, None))?;
        }
        Ok(self.predicate.select(rows)?)
    }
}

impl LateColumns {
    fn new(table: &'static Table, columns: &[usize]) -> Result<Self> {
        let decoder = Decoder::new(table, columns)?;
        Ok(Self { decoder, json: Vec::new(), rows: Vec::new() })
    }

    /// Decodes the rows at these positions, or all of them, and forgets the others.
    fn decode(&mut self, positions: Option<&[u32]>) -> Result<RecordBatch> {
        let mut decode = |row: usize| {
            let start = row.checked_sub(1).map_or(0, |before| self.rows[before].1);
            let (id, end) = self.rows[row];
            self.decoder.push(id, &self.json[start..end])
        };
        match positions {
            Some(positions) => positions.iter().try_for_each(|&row| decode(row as usize))?,
            None => (0..self.rows.len()).try_for_each(decode)?,
        }
        self.json.clear();
        self.rows.clear();
        self.decoder.finish()
    }
}
