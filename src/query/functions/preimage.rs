//! Ranges of time in which a function has one value.
//!
//! `strftime('%Y-%m', ts_utc) = '2026-04'` becomes `ts_utc >= '2026-04-01' AND ts_utc <
//! '2026-05-01'`, which a scan answers with the blocks of that month.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use chrono::NaiveDateTime;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;

use crate::query::functions::call::is_utc;
use crate::query::functions::time_format::TimeFormat;

/// Returns the values of `time` that print as a text.
pub(super) fn of_text(
    time: &Expr,
    literal: &ScalarValue,
    info: &SimplifyContext,
    format: impl FnOnce() -> Option<TimeFormat>,
) -> Option<PreimageResult> {
    let zone = nanosecond_zone(time, info)?;
    let (start, end) = format()?.range(literal.try_as_str()??)?;
    range(time, zone, nanoseconds(start)?, nanoseconds(end)?)
}

/// Returns the times whose number of units of `nanos` since 1970, rounded down, is an integer.
pub(super) fn of_count(
    args: &[Expr],
    literal: &ScalarValue,
    info: &SimplifyContext,
    nanos: i64,
) -> Option<PreimageResult> {
    let [time] = args else { return None };
    let zone = nanosecond_zone(time, info)?;
    let ScalarValue::Int64(Some(count)) = literal else { return None };
    range(time, zone, count.checked_mul(nanos)?, count.checked_add(1)?.checked_mul(nanos)?)
}

/// Returns the zone of a time in nanoseconds of UTC, as stored times are. Their years have four
/// digits, so that texts are in the order of times; those of times in other units may not.
fn nanosecond_zone(time: &Expr, info: &SimplifyContext) -> Option<Arc<str>> {
    match info.get_data_type(time).ok()? {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => zone.filter(|zone| is_utc(zone)),
        _ => None,
    }
}

fn nanoseconds(time: NaiveDateTime) -> Option<i64> {
    time.and_utc().timestamp_nanos_opt()
}

fn range(time: &Expr, zone: Arc<str>, start: i64, end: i64) -> Option<PreimageResult> {
    let literal = |nanos| ScalarValue::TimestampNanosecond(Some(nanos), Some(Arc::clone(&zone)));
    let interval = Interval::try_new(literal(start), literal(end)).ok()?;
    Some(PreimageResult::Range { expr: time.clone(), interval: Box::new(interval) })
}
