//! What a plan is told about a scan's rows before they are read. `Exact` is a promise: the optimizer
//! answers COUNT, MIN and MAX from it, and runs no scan. All of it comes from the snapshot that the
//! rows would be read from.

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;

use crate::error::Result;
use crate::providers::metrics::ScanMetrics;
use crate::providers::predicate::Predicate;
use crate::providers::reader::RowReader;
use crate::providers::segments::{Known, Segment};
use crate::providers::source::RowSource;

/// So many segments may be read to learn what zones do not tell: those at the two ends of a range of
/// times, and of a range of ids.
const MAX_SEGMENTS_READ: usize = 4;

/// All rows of a scan together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    rows: u64,
    /// The smallest and the largest id.
    ids: Option<(i64, i64)>,
    /// The smallest and the largest time.
    times: Option<(i64, i64)>,
}

impl Totals {
    /// `None` if too much would have to be read.
    pub(super) fn of(source: &RowSource) -> Result<Option<Self>> {
        let segments = &source.segments.segments;
        if segments.iter().filter(|segment| segment.known.is_none()).count() > MAX_SEGMENTS_READ
            || segments.iter().any(|segment| segment.max_rows.is_none())
        {
            return Ok(None);
        }
        let mut totals = Self::default();
        let mut times_known = true;
        let mut ids = Vec::new();
        for segment in segments {
            let known = match segment.known {
                Some(known) => {
                    if known.rows > 0 {
                        ids.push(segment.ids.clone());
                    }
                    known
                }
                None => {
                    let (known, bounds) = read(source, segment)?;
                    ids.extend(bounds.map(|(first, last)| first..=last));
                    known
                }
            };
            totals.rows += known.rows;
            if known.rows > 0 {
                times_known &= known.times.is_some();
                totals.times = widen(totals.times, known.times);
            }
        }
        totals.times = totals.times.filter(|_| times_known);
        if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
            let bounds = |ids| source.snapshot.first_and_last_id(source.table, ids);
            let (first, last) = (bounds(first.clone())?, bounds(last.clone())?);
            totals.ids = first.zip(last).map(|((first, _), (_, last))| (first, last));
        }
        Ok(Some(totals))
    }

    /// As DataFusion wants it, for the columns of the scan.
    pub(super) fn statistics(self, source: &RowSource) -> Statistics {
        let all = source.fetch.is_none_or(|fetch| fetch as u64 >= self.rows);
        let rows = match source.fetch {
            Some(fetch) if !all => fetch,
            _ => usize::try_from(self.rows).unwrap_or(usize::MAX),
        };
        let mut statistics = Statistics::new_unknown(&source.schema);
        statistics.num_rows = Precision::Exact(rows);
        let columns = source.projection.iter().zip(source.schema.fields());
        statistics.column_statistics = columns
            .map(|(&index, field)| {
                let mut column = ColumnStatistics::new_unknown();
                if !field.is_nullable() {
                    column.null_count = Precision::Exact(0);
                }
                let bounds = match index {
                    0 => self
                        .ids
                        .map(|(low, high)| (ScalarValue::from(low), ScalarValue::from(high))),
                    _ if source.table.time_index() == Some(index) => {
                        self.times.map(|(low, high)| (time(low), time(high)))
                    }
                    _ => None,
                };
                if let Some((low, high)) = bounds.filter(|_| all) {
                    column.min_value = Precision::Exact(low);
                    column.max_value = Precision::Exact(high);
                }
                column
            })
            .collect();
        statistics
    }
}

fn time(nanos: i64) -> ScalarValue {
    ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into()))
}

/// Reads a segment to learn what its wanted rows have together, and their first and last id.
fn read(source: &RowSource, segment: &Segment) -> Result<(Known, Option<(i64, i64)>)> {
    let projection: Vec<usize> = std::iter::once(0).chain(source.table.time_index()).collect();
    let segments = std::slice::from_ref(segment);
    let metrics = ScanMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
    let mut reader = RowReader::new(source, &projection, segments, &Predicate::default(), metrics)?;
    let mut known = Known { rows: 0, times: None };
    let mut ids_seen = None;
    reader.read(
        segments,
        usize::MAX,
        usize::MAX,
        || true,
        |batch| {
            let ids = batch.column(0).as_primitive::<Int64Type>();
            let times =
                batch.columns().get(1).map(|times| times.as_primitive::<TimestampNanosecondType>());
            known.rows += batch.num_rows() as u64;
            known.times = widen(known.times, times.and_then(|times| min(times).zip(max(times))));
            ids_seen = widen(ids_seen, min(ids).zip(max(ids)));
            true
        },
    )?;
    Ok((known, ids_seen))
}

fn widen(bounds: Option<(i64, i64)>, other: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (bounds, other) {
        (Some((low, high)), Some((l, h))) => Some((low.min(l), high.max(h))),
        (bounds, other) => bounds.or(other),
    }
}
