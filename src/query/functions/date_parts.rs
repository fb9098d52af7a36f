//! Parts of times under the names that DuckDB and MySQL give them: `year(x)`, `epoch_ms(x)`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, TimestampNanosecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::NaiveDateTime;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::functions::datetime;
use datafusion::logical_expr::{Expr, cast};
use datafusion::prelude::lit;

use crate::query::functions::call::Call;
use crate::query::functions::function::{Function, Make, time};
use crate::query::functions::params::{Kind, Params};
use crate::query::functions::preimage;
use crate::query::functions::scalar::{Rewrite, Scalar, returns};

const MOMENT: Params = Params::exact(&[Kind::Moment]);

/// A function that is `date_part` of a part.
macro_rules! part {
    ($name:literal, $part:literal) => {
        Make::Scalar(|| {
            Scalar::spelling($name, MOMENT, returns!(DataType::Int32), |args, _| {
                Ok(args.first().map(|time| part_of($part, time)))
            })
        })
    };
}

/// A function that is `to_char` with a format.
macro_rules! name {
    ($name:literal, $format:literal) => {
        Make::Scalar(|| {
            let rewrite: Rewrite = |args, _| {
                let name =
                    |time: &Expr| datetime::to_char().call(vec![as_timestamp(time), lit($format)]);
                Ok(args.first().map(name))
            };
            Scalar::spelling($name, MOMENT, returns!(DataType::Utf8), rewrite)
        })
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    time(
        "year",
        "year(time)",
        "The year.",
        "SELECT year(TIMESTAMP '2026-04-15 10:11:12')",
        "2026",
        part!("year", "year"),
    ),
    time(
        "quarter",
        "quarter(time)",
        "The quarter of the year, 1 to 4.",
        "SELECT quarter(DATE '2026-04-15')",
        "2",
        part!("quarter", "quarter"),
    ),
    time(
        "month",
        "month(time)",
        "The month, 1 to 12.",
        "SELECT month(DATE '2026-04-15')",
        "4",
        part!("month", "month"),
    ),
    time(
        "week",
        "week(time)",
        "The ISO week of the year, 1 to 53.",
        "SELECT week(DATE '2026-04-15')",
        "16",
        part!("week", "week"),
    ),
    time(
        "weekofyear",
        "weekofyear(time)",
        "The ISO week of the year, 1 to 53.",
        "SELECT weekofyear(DATE '2026-04-15')",
        "16",
        part!("weekofyear", "week"),
    ),
    time(
        "day",
        "day(time)",
        "The day of the month.",
        "SELECT day(DATE '2026-04-15')",
        "15",
        part!("day", "day"),
    ),
    time(
        "dayofmonth",
        "dayofmonth(time)",
        "The day of the month.",
        "SELECT dayofmonth(DATE '2026-04-15')",
        "15",
        part!("dayofmonth", "day"),
    ),
    time(
        "dayofweek",
        "dayofweek(time)",
        "The day of the week, 0 for Sunday to 6.",
        "SELECT dayofweek(DATE '2026-04-19')",
        "0",
        part!("dayofweek", "dow"),
    ),
    time(
        "weekday",
        "weekday(time)",
        "The day of the week, 0 for Sunday to 6, as in DuckDB.",
        "SELECT weekday(DATE '2026-04-15')",
        "3",
        part!("weekday", "dow"),
    ),
    time(
        "isodow",
        "isodow(time)",
        "The ISO day of the week, 1 for Monday to 7.",
        "SELECT isodow(DATE '2026-04-19')",
        "7",
        part!("isodow", "isodow"),
    ),
    time(
        "dayofyear",
        "dayofyear(time)",
        "The day of the year, 1 to 366.",
        "SELECT dayofyear(DATE '2026-04-15')",
        "105",
        part!("dayofyear", "doy"),
    ),
    time(
        "hour",
        "hour(time)",
        "The hour, 0 to 23.",
        "SELECT hour(TIMESTAMP '2026-04-15 10:11:12')",
        "10",
        part!("hour", "hour"),
    ),
    time(
        "minute",
        "minute(time)",
        "The minute, 0 to 59.",
        "SELECT minute(TIMESTAMP '2026-04-15 10:11:12')",
        "11",
        part!("minute", "minute"),
    ),
    time(
        "second",
        "second(time)",
        "The second, 0 to 59.",
        "SELECT second(TIMESTAMP '2026-04-15 10:11:12.7')",
        "12",
        part!("second", "second"),
    ),
    time(
        "dayname",
        "dayname(time)",
        "The English name of the day.",
        "SELECT dayname(DATE '2026-04-15')",
        "Wednesday",
        name!("dayname", "%A"),
    ),
    time(
        "monthname",
        "monthname(time)",
        "The English name of the month.",
        "SELECT monthname(DATE '2026-04-15')",
        "April",
        name!("monthname", "%B"),
    ),
    time(
        "epoch",
        "epoch(time or interval)",
        "The seconds since 1970, or of an interval, with a fraction.",
        "SELECT epoch(TIMESTAMP '2026-04-15 10:11:12.5')",
        "1776247872.5",
        Make::Scalar(|| {
            Scalar::kernel("epoch", Params::exact(&[Kind::Any]), returns!(DataType::Float64), epoch)
                .or_rewritten(|args, types| match (args, types) {
                    ([span], [DataType::Interval(_)]) => Ok(Some(part_of("epoch", span))),
                    _ => Ok(None),
                })
        }),
    ),
    time(
        "epoch_ms",
        "epoch_ms(time) or epoch_ms(milliseconds)",
        "The milliseconds since 1970 of a time, or the time of a number of milliseconds.",
        "SELECT epoch_ms(TIMESTAMP '2026-04-15 10:11:12.5')",
        "1776247872500",
        Make::Scalar(|| {
            Scalar::kernel("epoch_ms", Params::exact(&[Kind::Any]), time_or_count, |call| {
                count_or_time(call, 1_000_000)
            })
            .with_preimage(|args, literal, info| preimage::of_count(args, literal, info, 1_000_000))
        }),
    ),
    time(
        "epoch_us",
        "epoch_us(time)",
        "The microseconds since 1970 of a time.",
        "SELECT epoch_us(TIMESTAMP '2026-04-15 10:11:12.5')",
        "1776247872500000",
        Make::Scalar(|| {
            Scalar::kernel("epoch_us", Params::exact(&[Kind::Any]), time_or_count, |call| {
                count_or_time(call, 1_000)
            })
            .with_preimage(|args, literal, info| preimage::of_count(args, literal, info, 1_000))
        }),
    ),
];

fn part_of(part: &str, time: &Expr) -> Expr {
    datetime::date_part().call(vec![lit(part), time.clone()])
}

/// `to_char` formats a date and a time differently.
fn as_timestamp(time: &Expr) -> Expr {
    cast(time.clone(), DataType::Timestamp(TimeUnit::Second, None))
}

/// The type of stored times.
pub(super) fn stored_time() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

fn time_or_count(types: &[DataType]) -> Result<DataType> {
    Ok(match types {
        [ty] if ty.is_integer() => stored_time(),
        _ => DataType::Int64,
    })
}

fn count_or_time(call: &Call<'_>, nanos: i64) -> Result<ArrayRef> {
    if call.data_type(0).is_some_and(|ty| ty.is_integer()) {
        let counts = call.ints(0)?;
        let times = (0..call.rows()).map(|row| counts.get(row)?.checked_mul(nanos));
        let times = TimestampNanosecondArray::from_iter(times);
        return Ok(Arc::new(times.with_timezone("UTC")));
    }
    is_time(call)?;
    let times = call.times(0)?;
    let counts = (0..call.rows()).map(|row| units(times.get(row)?, nanos));
    Ok(Arc::new(Int64Array::from_iter(counts)))
}

fn is_time(call: &Call<'_>) -> Result<()> {
    use DataType::{Date32, Date64, LargeUtf8, Null, Timestamp, Utf8, Utf8View};
    match call.data_type(0) {
        Some(Timestamp(..) | Date32 | Date64 | Utf8 | LargeUtf8 | Utf8View | Null) => Ok(()),
        Some(ty) => exec_err!("{}() takes a time, found {ty}", call.name()),
        None => plan_err!("{}() takes a time", call.name()),
    }
}

/// Returns how many units of `nanos` a time is after 1970, rounded down.
fn units(time: NaiveDateTime, nanos: i64) -> Option<i64> {
    let time = time.and_utc();
    let seconds = i128::from(time.timestamp()) * 1_000_000_000;
    let all = seconds + i128::from(time.timestamp_subsec_nanos());
    i64::try_from(all.div_euclid(i128::from(nanos))).ok()
}

fn epoch(call: &Call<'_>) -> Result<ArrayRef> {
    if let Some(DataType::Duration(unit)) = call.data_type(0) {
        let counts = call.ints(0)?;
        let each = match unit {
            TimeUnit::Second => 1.0,
            TimeUnit::Millisecond => 1e3,
            TimeUnit::Microsecond => 1e6,
            TimeUnit::Nanosecond => 1e9,
        };
        let seconds = (0..call.rows()).map(|row| counts.get(row).map(|count| count as f64 / each));
        return Ok(Arc::new(Float64Array::from_iter(seconds)));
    }
    is_time(call)?;
    let times = call.times(0)?;
    // The whole seconds and the fraction are added once: divided as one number of 19 digits, 12.209 s
    // ends in .2089999.
    let seconds = |time: NaiveDateTime| {
        let time = time.and_utc();
        time.timestamp() as f64 + f64::from(time.timestamp_subsec_nanos()) / 1e9
    };
    let seconds = (0..call.rows()).map(|row| times.get(row).map(seconds));
    Ok(Arc::new(Float64Array::from_iter(seconds)))
}
