//! What a plan is told about a scan's rows before they are read. `Exact` is a promise: the optimizer
//! answers COUNT, MIN and MAX from it, and runs no scan. All of it comes from the snapshot that the
//! rows would be read from.

use std::ops::RangeInclusive;

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;

use crate::error::Result;
use crate::providers::id_ranges::IdRange;
use crate::providers::metrics::ScanMetrics;
use crate::providers::predicate::Predicate;
use crate::providers::reader::ScanReader;
use crate::providers::scan_config::ScanConfig;
use crate::store::Zone;

/// So many ranges of ids may be read to learn what zones do not tell: those at the two ends of a range of
/// times, and of a range of ids.
const MAX_RANGES_READ: usize = 4;

/// All rows of a scan together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ExactStatistics {
    /// How many there are, and the span of their times.
    zone: Zone,
    /// The smallest and the largest id.
    ids: Option<(i64, i64)>,
}

impl ExactStatistics {
    /// `None` if too much would have to be read.
    pub(super) fn of(config: &ScanConfig) -> Result<Option<Self>> {
        let id_ranges = &config.id_ranges.id_ranges;
        if id_ranges.iter().filter(|id_range| id_range.known.is_none()).count() > MAX_RANGES_READ
            || id_ranges.iter().any(|id_range| id_range.max_rows.is_none())
        {
            return Ok(None);
        }
        let mut totals = Self::default();
        let mut ids = Vec::new();
        for id_range in id_ranges {
            let (zone, found) = match id_range.known {
                Some(zone) => (zone, (zone.rows > 0).then(|| id_range.ids.clone())),
                None => read(config, id_range)?,
            };
            totals.zone.add(zone);
            ids.extend(found);
        }
        if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
            let bounds = |ids| config.snapshot.first_and_last_id(config.table, ids);
            let (first, last) = (bounds(first.clone())?, bounds(last.clone())?);
            totals.ids = first.zip(last).map(|((first, _), (_, last))| (first, last));
        }
        Ok(Some(totals))
    }

    /// As DataFusion wants it, for the columns of the scan.
    ///
    /// Of bounds it makes wrong answers and plans that fail (55.2), which our rules mend: it takes `min(id)`
    /// for the value of an aggregate above, and draws false conclusions about `ts_utc::date`. A session
    /// without those rules does not learn any, and is promised a count only of all rows.
    pub(super) fn statistics(self, config: &ScanConfig) -> Statistics {
        let rows = usize::try_from(self.zone.rows).unwrap_or(usize::MAX);
        let rows = config.fetch.map_or(rows, |fetch| fetch.min(rows));
        let mut statistics = Statistics::new_unknown(&config.schema);
        statistics.num_rows = match config.is_ours || config.ranges.are_all() {
            true => Precision::Exact(rows),
            false => Precision::Inexact(rows),
        };
        let columns = config.projection.iter().zip(config.schema.fields());
        statistics.column_statistics = columns
            .map(|(&index, field)| {
                let mut column = ColumnStatistics::new_unknown();
                if !field.is_nullable() {
                    column.null_count = Precision::Exact(0);
                }
                let bounds = match index {
                    _ if !config.is_ours => None,
                    0 => self
                        .ids
                        .map(|(low, high)| (ScalarValue::from(low), ScalarValue::from(high))),
                    _ if config.table.time_index() == Some(index) => {
                        self.zone.times.map(|(low, high)| (time(low), time(high)))
                    }
                    _ => None,
                };
                if let Some((low, high)) = bounds {
                    // After a limit some of the rows are left, so the bounds hold and need not be
                    // reached. They must not vanish: what the optimizer concluded from them before
                    // the limit came down here, such as that a column has one value, still has to
                    // follow when it checks the plan.
                    let bound = |value| match config.fetch {
                        None => Precision::Exact(value),
                        Some(_) => Precision::Inexact(value),
                    };
                    column.min_value = bound(low);
                    column.max_value = bound(high);
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

/// Reads a range of ids to learn what its wanted rows have together, and the run of ids they lie in.
fn read(config: &ScanConfig, id_range: &IdRange) -> Result<(Zone, Option<RangeInclusive<i64>>)> {
    let projection: Vec<usize> = std::iter::once(0).chain(config.table.time_index()).collect();
    let id_ranges = std::slice::from_ref(id_range);
    let metrics = ScanMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
    let everything = (usize::MAX, usize::MAX);
    let mut reader = ScanReader::new(
        config,
        &projection,
        id_ranges,
        &Predicate::default(),
        everything,
        metrics,
    )?;
    let mut zone = Zone::default();
    let mut ids_found: Option<RangeInclusive<i64>> = None;
    while let Some(batch) = reader.next_batch(|| true)? {
        let ids = batch.column(0).as_primitive::<Int64Type>();
        let times =
            batch.columns().get(1).map(|times| times.as_primitive::<TimestampNanosecondType>());
        let times = times.and_then(|times| min(times).zip(max(times)));
        zone.add(Zone { rows: batch.num_rows() as u64, times });
        if let Some((low, high)) = min(ids).zip(max(ids)) {
            let before = ids_found.take().unwrap_or(low..=high);
            ids_found = Some(low.min(*before.start())..=high.max(*before.end()));
        }
    }
    Ok((zone, ids_found))
}
