//! What the optimizer learns about a scan's rows before they are read. `Exact` is a promise: the
//! optimizer answers COUNT, MIN and MAX from it without a scan. All of it comes from the snapshot that
//! the scan would read.

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

/// The maximum number of ranges of ids that are read because zones do not answer for them: the two ends
/// of a range of times and the two ends of a range of ids.
const MAX_RANGES_READ: usize = 4;

/// All rows of a scan together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ExactStatistics {
    /// The number of rows and their time range.
    zone: Zone,
    /// The smallest and the largest id.
    ids: Option<(i64, i64)>,
}

impl ExactStatistics {
    /// Returns `None` if too much would have to be read.
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

    /// Returns DataFusion's statistics for the columns of the scan.
    ///
    /// DataFusion 55.2 draws wrong conclusions from bounds, which lead to wrong answers or to plans
    /// that fail: it takes `min(id)` for the value of an aggregate above, and misjudges `ts_utc::date`.
    /// Our rules correct this. A session without those rules gets no bounds, and an exact count only if
    /// the scan has no ranges.
    pub(super) fn statistics(self, config: &ScanConfig) -> Statistics {
        let rows = usize::try_from(self.zone.rows).unwrap_or(usize::MAX);
        let rows = config.fetch.map_or(rows, |fetch| fetch.min(rows));
        let mut statistics = Statistics::new_unknown(&config.schema);
        statistics.num_rows = match config.has_our_rules || config.ranges.are_all() {
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
                    _ if !config.has_our_rules => None,
                    0 => self
                        .ids
                        .map(|(low, high)| (ScalarValue::from(low), ScalarValue::from(high))),
                    _ if config.table.time_index() == Some(index) => {
                        self.zone.times.map(|(low, high)| (time(low), time(high)))
                    }
                    _ => None,
                };
                if let Some((low, high)) = bounds {
                    // After a limit, only some of the rows are left. The bounds still hold but may not
                    // be reached, so they are inexact. They must not be removed: conclusions that the
                    // optimizer drew from them before the limit was pushed down, such as that a column
                    // has one value, must still follow when it checks the plan.
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

/// Reads the wanted rows in a range of ids, and returns their zone and the range from their smallest to
/// their largest id.
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
