//! Differences, buckets and arithmetic of times: `date_diff`, `age`, `time_bucket`.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{
    ArrayRef, Date32Array, Int64Array, IntervalMonthDayNanoArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit, TimeUnit};
use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::functions::datetime;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, cast};
use datafusion::prelude::lit;

use crate::query::functions::call::{Call, Times, is_utc, short};
use crate::query::functions::date_parts::stored_time;
use crate::query::functions::date_trunc::date_trunc;
use crate::query::functions::function::{Function, time_scalar};
use crate::query::functions::params::{Kind, Params};
use crate::query::functions::scalar::{Scalar, returns};
use crate::query::functions::sqlite_times::days_of;

pub(super) const FUNCTIONS: &[Function] = &[
    time_scalar(
        "date_diff",
        "date_diff(part, from, to)",
        "How many boundaries of a part, such as 'day', are between two times.",
        "SELECT date_diff('day', TIMESTAMP '2026-04-15 23:00:00', TIMESTAMP '2026-04-16 01:00:00')",
        "1",
        || {
            Scalar::kernel("date_diff", BETWEEN, returns!(DataType::Int64), |call| {
                between(call, crossed)
            })
        },
    ),
    time_scalar(
        "datediff",
        "datediff(part, from, to) or datediff(to, from)",
        "As date_diff; with two arguments the days from the second to the first, as in MySQL.",
        "SELECT datediff('month', DATE '2026-01-31', DATE '2026-02-01')",
        "1",
        || {
            Scalar::kernel("datediff", DATEDIFF, returns!(DataType::Int64), |call| {
                match call.len() {
                    2 => {
                        let (to, from) = (call.times(0)?, call.times(1)?);
                        counts(call, &from, &to, |_, from, to| Ok(crossed(Unit::Day, from, to)))
                    }
                    _ => between(call, crossed),
                }
            })
        },
    ),
    time_scalar(
        "datesub",
        "datesub(part, from, to)",
        "How many whole parts, such as 'hour', are between two times.",
        "SELECT datesub('day', TIMESTAMP '2026-04-15 23:00:00', TIMESTAMP '2026-04-16 01:00:00')",
        "0",
        || {
            Scalar::kernel("datesub", BETWEEN, returns!(DataType::Int64), |call| {
                between(call, whole)
            })
        },
    ),
    time_scalar(
        "timestampdiff",
        "timestampdiff(part, from, to)",
        "How many whole parts are between two times, as in MySQL.",
        "SELECT timestampdiff('hour', TIMESTAMP '2026-04-15 23:30:00', TIMESTAMP '2026-04-16 01:00:00')",
        "1",
        || {
            Scalar::kernel("timestampdiff", BETWEEN, returns!(DataType::Int64), |call| {
                between(call, whole)
            })
        },
    ),
    time_scalar(
        "age",
        "age(to [, from])",
        "The months, days and time between two times; with one argument, up to today.",
        "SELECT epoch(age(TIMESTAMP '2026-04-15 01:00:00', TIMESTAMP '2026-04-14 02:00:00'))",
        "82800.0",
        || {
            Scalar::kernel(
                "age",
                Params::optional(1, &[Kind::Time, Kind::Time]),
                returns!(DataType::Interval(IntervalUnit::MonthDayNano)),
                age,
            )
        },
    ),
    time_scalar(
        "time_bucket",
        "time_bucket(interval, time [, origin])",
        "The start of the interval that a time is in.",
        "SELECT time_bucket(INTERVAL '1 week', TIMESTAMP '2026-04-15 10:11:12')",
        "2026-04-13T00:00:00",
        || {
            let params = Params::optional(2, &[Kind::Interval, Kind::Moment, Kind::Moment]);
            Scalar::spelling("time_bucket", params, bucket_type, bucket)
        },
    ),
    time_scalar(
        "last_day",
        "last_day(time)",
        "The last day of the month.",
        "SELECT last_day(DATE '2024-02-10')",
        "2024-02-29",
        || {
            let params = Params::exact(&[Kind::Time]);
            Scalar::kernel("last_day", params, returns!(DataType::Date32), |call| {
                let times = call.times(0)?;
                let last = |time: NaiveDateTime| {
                    let next = time.date().with_day(1)?.checked_add_months(Months::new(1))?;
                    days_of(next.pred_opt()?)
                };
                let days = (0..call.rows()).map(|row| times.get(row).and_then(last));
                Ok(Arc::new(Date32Array::from_iter(days)))
            })
        },
    ),
    time_scalar(
        "strptime",
        "strptime(text, format)",
        "The time that a text is by a format such as '%d.%m.%Y'; fails if it is none.",
        "SELECT strptime('15.04.2026 10:11', '%d.%m.%Y %H:%M')",
        "2026-04-15T10:11:00Z",
        || Scalar::kernel("strptime", TEXTS, returns!(stored_time()), |call| strptime(call, true)),
    ),
    time_scalar(
        "try_strptime",
        "try_strptime(text, format)",
        "As strptime, but NULL for a text that is no time by the format.",
        "SELECT try_strptime('soon', '%d.%m.%Y') IS NULL",
        "true",
        || {
            Scalar::kernel("try_strptime", TEXTS, returns!(stored_time()), |call| {
                strptime(call, false)
            })
        },
    ),
    time_scalar(
        "date_add",
        "date_add(time, interval)",
        "A time and an interval, added.",
        "SELECT date_add(TIMESTAMP '2026-04-15 10:11:12', INTERVAL '1 month')",
        "2026-05-15T10:11:12",
        || {
            let params = Params::exact(&[Kind::Moment, Kind::Interval]);
            Scalar::spelling("date_add", params, time_type, |args, types| {
                Ok(shifted(args, types, Operator::Plus))
            })
        },
    ),
    time_scalar(
        "date_sub",
        "date_sub(time, interval) or date_sub(part, from, to)",
        "A time minus an interval; with a part, as datesub.",
        "SELECT date_sub('day', DATE '2026-04-15', DATE '2026-04-17')",
        "2",
        || {
            let params = Params::optional(2, &[Kind::Any, Kind::Any, Kind::Time]);
            Scalar::kernel(
                "date_sub",
                params,
                |types| if types.len() == 3 { Ok(DataType::Int64) } else { time_type(types) },
                |call| between(call, whole),
            )
            .or_rewritten(|args, types| Ok(shifted(args, types, Operator::Minus)))
        },
    ),
    time_scalar(
        "dateadd",
        "dateadd(part, count, time)",
        "A time plus a number of parts, such as 'day'.",
        "SELECT dateadd('day', -7, TIMESTAMP '2026-04-15 10:11:12')",
        "2026-04-08T10:11:12",
        || {
            let params = Params::exact(&[Kind::Text, Kind::Int, Kind::Moment]);
            Scalar::kernel(
                "dateadd",
                params,
                |types| time_type(types.get(2..).unwrap_or(&[])),
                dateadd,
            )
        },
    ),
    time_scalar(
        "make_timestamp",
        "make_timestamp(year, month, day, hour, minute, second)",
        "A time from its parts.",
        "SELECT make_timestamp(2026, 4, 15, 10, 11, 12.5)",
        "2026-04-15T10:11:12.500Z",
        || {
            const PARTS: &[Kind] =
                &[Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Int, Kind::Float];
            let params = Params::exact(PARTS);
            Scalar::kernel("make_timestamp", params, returns!(stored_time()), make_timestamp)
        },
    ),
    time_scalar(
        "to_char",
        "to_char(time, pattern)",
        "A time as text by PostgreSQL's pattern, or by strftime's if it has a %.",
        "SELECT to_char(TIMESTAMP '2026-04-15 10:11:12.345', 'YYYY-MM-DD HH24:MI:SS.MS')",
        "2026-04-15 10:11:12.345",
        super::to_char::to_char,
    ),
    time_scalar(
        "date_format",
        "date_format(time, pattern)",
        "As to_char.",
        "SELECT date_format(TIMESTAMP '2026-04-15 10:11:12', '%Y-%m')",
        "2026-04",
        super::to_char::date_format,
    ),
];

const BETWEEN: Params = Params::exact(&[Kind::Text, Kind::Time, Kind::Time]);
const DATEDIFF: Params = Params::optional(2, &[Kind::Any, Kind::Time, Kind::Time]);
const TEXTS: Params = Params::exact(&[Kind::Text, Kind::Text]);

/// A part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A number of months.
    Months(i64),
    Week,
    Day,
    /// A number of nanoseconds.
    Nanos(i64),
}

const SECOND: i64 = 1_000_000_000;

impl Unit {
    fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase();
        Some(match name.strip_suffix('s').filter(|name| name.len() > 1).unwrap_or(&name) {
            "century" | "centurie" => Self::Months(1_200),
            "decade" => Self::Months(120),
            "year" | "yr" | "y" | "yy" | "yyyy" => Self::Months(12),
            "quarter" | "qtr" | "q" | "qq" => Self::Months(3),
            "month" | "mon" | "mm" => Self::Months(1),
            "week" | "wk" | "ww" | "w" => Self::Week,
            "day" | "dd" | "d" => Self::Day,
            "hour" | "hr" | "hh" | "h" => Self::Nanos(3_600 * SECOND),
            "minute" | "min" | "mi" | "m" | "n" => Self::Nanos(60 * SECOND),
            "second" | "sec" | "ss" | "s" => Self::Nanos(SECOND),
            "millisecond" | "msec" | "ms" | "m_" => Self::Nanos(1_000_000),
            "microsecond" | "usec" | "us" | "mcs" => Self::Nanos(1_000),
            _ => return None,
        })
    }
}

fn nanos_of(time: NaiveDateTime) -> i128 {
    let time = time.and_utc();
    i128::from(time.timestamp()) * i128::from(SECOND) + i128::from(time.timestamp_subsec_nanos())
}

fn months_of(time: NaiveDateTime) -> i64 {
    i64::from(time.year()) * 12 + i64::from(time.month0())
}

/// Counts the boundaries between two times, as DuckDB's `date_diff` does.
fn crossed(unit: Unit, from: NaiveDateTime, to: NaiveDateTime) -> Option<i64> {
    if unit == Unit::Week {
        // DuckDB counts sevens of days, whichever day a week begins on.
        return Some(i64::from(days_of(to.date())? - days_of(from.date())?) / 7);
    }
    let nth = |time: NaiveDateTime| match unit {
        Unit::Months(months) => Some(i128::from(months_of(time).div_euclid(months))),
        Unit::Week | Unit::Day => Some(i128::from(days_of(time.date())?)),
        Unit::Nanos(nanos) => Some(nanos_of(time).div_euclid(i128::from(nanos))),
    };
    i64::try_from(nth(to)? - nth(from)?).ok()
}

/// Counts the whole units between two times, as DuckDB's `datesub` does.
fn whole(unit: Unit, from: NaiveDateTime, to: NaiveDateTime) -> Option<i64> {
    let nanos = match unit {
        Unit::Months(months) => return Some(whole_months(from, to) / months),
        Unit::Week => 7 * 86_400 * SECOND,
        Unit::Day => 86_400 * SECOND,
        Unit::Nanos(nanos) => nanos,
    };
    i64::try_from((nanos_of(to) - nanos_of(from)) / i128::from(nanos)).ok()
}

/// A month is whole when its day and time come again. From the last day of a month to the last day of
/// a shorter one is a whole number of months.
fn whole_months(from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    if to < from {
        return -whole_months(to, from);
    }
    let months = months_of(to) - months_of(from);
    let last_day = |time: NaiveDateTime| {
        time.date().succ_opt().is_none_or(|next| next.month() != time.month())
    };
    let place = |time: NaiveDateTime| (time.day(), time.time());
    let is_last = last_day(to) && from.day() > to.day() && to.time() >= from.time();
    if place(to) >= place(from) || is_last { months } else { months - 1 }
}

type Count = fn(Unit, NaiveDateTime, NaiveDateTime) -> Option<i64>;

fn between(call: &Call<'_>, count: Count) -> Result<ArrayRef> {
    let (parts, from, to) = (call.texts(0)?, call.times(1)?, call.times(2)?);
    counts(call, &from, &to, |row, from, to| match parts.get(row) {
        Some(part) => Ok(count(unit(call, part)?, from, to)),
        None => Ok(None),
    })
}

fn unit(call: &Call<'_>, part: &str) -> Result<Unit> {
    match Unit::named(part) {
        Some(unit) => Ok(unit),
        None => exec_err!(
            "{}(): '{part}' is no part of a time; use year, quarter, month, week, day, hour, minute, \
             second, millisecond or microsecond",
            call.name()
        ),
    }
}

fn counts(
    call: &Call<'_>,
    from: &Times,
    to: &Times,
    count: impl Fn(usize, NaiveDateTime, NaiveDateTime) -> Result<Option<i64>>,
) -> Result<ArrayRef> {
    let counts = (0..call.rows()).map(|row| match (from.get(row), to.get(row)) {
        (Some(from), Some(to)) => count(row, from, to),
        _ => Ok(None),
    });
    Ok(Arc::new(counts.collect::<Result<Int64Array>>()?))
}

fn age(call: &Call<'_>) -> Result<ArrayRef> {
    let to = call.times(0)?;
    let from = (call.len() > 1).then(|| call.times(1)).transpose()?;
    let today = chrono::Utc::now().date_naive().and_time(NaiveTime::MIN);
    let ages = (0..call.rows()).map(|row| match &from {
        Some(from) => interval(from.get(row)?, to.get(row)?),
        None => interval(to.get(row)?, today),
    });
    Ok(Arc::new(IntervalMonthDayNanoArray::from_iter(ages)))
}

/// Returns the whole months from one time to another, and what is left in days and nanoseconds.
fn interval(from: NaiveDateTime, to: NaiveDateTime) -> Option<IntervalMonthDayNano> {
    let (early, late) = if from <= to { (from, to) } else { (to, from) };
    let mut months = months_of(late) - months_of(early);
    let (mut days, mut time) = (
        i64::from(late.day()) - i64::from(early.day()),
        late.time().signed_duration_since(early.time()),
    );
    if time < TimeDelta::zero() {
        time += TimeDelta::days(1);
        days -= 1;
    }
    if days < 0 {
        // The days of the month in which the earlier time is.
        let first = early.date().with_day(1)?;
        days += first.checked_add_months(Months::new(1))?.signed_duration_since(first).num_days();
        months -= 1;
    }
    let sign = if from <= to { 1 } else { -1 };
    Some(IntervalMonthDayNano::new(
        i32::try_from(sign * months).ok()?,
        i32::try_from(sign * days).ok()?,
        i64::from(sign as i32) * time.num_nanoseconds()?,
    ))
}

fn time_type(types: &[DataType]) -> Result<DataType> {
    match types.first() {
        Some(ty @ (DataType::Timestamp(..) | DataType::Date32)) => Ok(ty.clone()),
        Some(DataType::Null | DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8) => {
            Ok(stored_time())
        }
        ty => plan_err!("a time or a date is needed, found {}", ty.unwrap_or(&DataType::Null)),
    }
}

fn bucket_type(types: &[DataType]) -> Result<DataType> {
    match time_type(types.get(1..).unwrap_or(&[]))? {
        DataType::Date32 => Ok(stored_time()),
        // `date_bin` returns no others.
        DataType::Timestamp(_, zone) => Ok(DataType::Timestamp(TimeUnit::Nanosecond, zone)),
        ty => Ok(ty),
    }
}

/// Buckets of months begin on 2000-01-01 and others on 2000-01-03, a Monday, as DuckDB's do.
fn bucket(args: &[Expr], types: &[DataType]) -> Result<Option<Expr>> {
    let (Some(width), Some(time)) = (args.first(), args.get(1)) else { return Ok(None) };
    let ty = bucket_type(types)?;
    let months = match width {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(width)), _) => {
            Some(width.months).filter(|_| width.days == 0 && width.nanoseconds == 0)
        }
        _ => None,
    };
    let time = match types.get(1) {
        Some(found) if *found == ty => time.clone(),
        _ => cast(time.clone(), ty.clone()),
    };
    let unit = match months {
        Some(1) => Some("month"),
        Some(3) => Some("quarter"),
        Some(12) => Some("year"),
        _ => None,
    };
    if let (Some(unit), 2) = (unit, args.len()) {
        return Ok(Some(date_trunc().call(vec![lit(unit), time])));
    }
    let origin = match args.get(2) {
        Some(origin) => cast(origin.clone(), ty),
        None => {
            let day = if months.is_some() { "2000-01-01" } else { "2000-01-03" };
            let origin = ScalarValue::try_from_string(format!("{day}T00:00:00Z"), &stored_time())?;
            Expr::Literal(origin.cast_to(&ty)?, None)
        }
    };
    Ok(Some(datetime::date_bin().call(vec![width.clone(), time, origin])))
}

/// Returns the time plus or minus the interval.
fn shifted(args: &[Expr], types: &[DataType], op: Operator) -> Option<Expr> {
    let [time, span] = args else { return None };
    let ty = time_type(types).ok()?;
    let time =
        if types.first() == Some(&ty) { time.clone() } else { cast(time.clone(), ty.clone()) };
    let span_type = DataType::Interval(IntervalUnit::MonthDayNano);
    let span =
        if types.get(1) == Some(&span_type) { span.clone() } else { cast(span.clone(), span_type) };
    Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(time), op, Box::new(span))))
}

fn dateadd(call: &Call<'_>) -> Result<ArrayRef> {
    let (parts, counts, times) = (call.texts(0)?, call.ints(1)?, call.times(2)?);
    let moved = (0..call.rows()).map(|row| {
        let (Some(part), Some(count), Some(time)) =
            (parts.get(row), counts.get(row), times.get(row))
        else {
            return Ok(None);
        };
        let days = |days: i64| time.checked_add_signed(TimeDelta::try_days(days)?);
        Ok(match unit(call, part)? {
            Unit::Months(months) => count.checked_mul(months).and_then(|months| {
                let by = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
                if months < 0 { time.checked_sub_months(by) } else { time.checked_add_months(by) }
            }),
            Unit::Week => count.checked_mul(7).and_then(days),
            Unit::Day => days(count),
            Unit::Nanos(nanos) => count
                .checked_mul(nanos)
                .and_then(|nanos| time.checked_add_signed(TimeDelta::nanoseconds(nanos))),
        })
    });
    let moved = moved.collect::<Result<Vec<_>>>()?;
    times_of(call, moved.into_iter())
}

/// Returns times in the type that the call returns.
fn times_of(
    call: &Call<'_>,
    times: impl Iterator<Item = Option<NaiveDateTime>>,
) -> Result<ArrayRef> {
    let zone = match call.return_type() {
        // By the clock of the zone, as it was read.
        DataType::Timestamp(_, Some(zone)) if !is_utc(zone) => Some(zone.parse::<Tz>()?),
        _ => None,
    };
    let nanos = times.map(|time| match zone {
        Some(zone) => zone.from_local_datetime(&time?).earliest()?.timestamp_nanos_opt(),
        None => time?.and_utc().timestamp_nanos_opt(),
    });
    let times = TimestampNanosecondArray::from_iter(nanos).with_timezone("UTC");
    Ok(arrow::compute::cast(&times, call.return_type())?)
}

fn make_timestamp(call: &Call<'_>) -> Result<ArrayRef> {
    let parts = (0..5).map(|index| call.ints(index)).collect::<Result<Vec<_>>>()?;
    let seconds = call.floats(5)?;
    let mut times = Vec::with_capacity(call.rows());
    for row in 0..call.rows() {
        let values = parts.iter().map(|part| part.get(row)).collect::<Option<Vec<_>>>();
        let (Some(values), Some(second)) = (values, seconds.get(row)) else {
            times.push(None);
            continue;
        };
        let time = || {
            let part = |index: usize| u32::try_from(*values.get(index)?).ok();
            let year = i32::try_from(*values.first()?).ok()?;
            let date = NaiveDate::from_ymd_opt(year, part(1)?, part(2)?)?;
            let whole = (0.0..60.0).contains(&second).then_some(second as u32)?;
            let micros = ((second - f64::from(whole)) * 1e6).round() as u32;
            let time = date.and_hms_opt(part(3)?, part(4)?, whole)?;
            time.checked_add_signed(TimeDelta::microseconds(micros.into()))
        };
        match time() {
            Some(time) => times.push(Some(time)),
            None => return exec_err!("make_timestamp(): {values:?} and {second} are no time"),
        }
    }
    times_of(call, times.into_iter())
}

fn strptime(call: &Call<'_>, must_parse: bool) -> Result<ArrayRef> {
    let (texts, formats) = (call.texts(0)?, call.texts(1)?);
    let mut times = Vec::with_capacity(call.rows());
    for row in 0..call.rows() {
        let (Some(text), Some(format)) = (texts.get(row), formats.get(row)) else {
            times.push(None);
            continue;
        };
        let time = parsed(text, format);
        if time.is_none() && must_parse {
            return exec_err!(
                "strptime(): '{}' is no time by '{}'; try_strptime returns NULL for it",
                short(text),
                short(format)
            );
        }
        times.push(time);
    }
    times_of(call, times.into_iter())
}

/// Parses a time. Parts that the format leaves out are those of 1900-01-01 00:00:00.
fn parsed(text: &str, format: &str) -> Option<NaiveDateTime> {
    let mut found = Parsed::new();
    parse(&mut found, text, StrftimeItems::new(format)).ok()?;
    if (found.timestamp().is_some() || found.offset().is_some())
        && let Ok(time) = found.to_datetime()
    {
        return Some(time.naive_utc());
    }
    let date = found.to_naive_date().ok().or_else(|| {
        let (year, month) = (found.year().unwrap_or(1900), found.month().unwrap_or(1));
        NaiveDate::from_ymd_opt(year, month, found.day().unwrap_or(1))
    })?;
    let time = found.to_naive_time().ok().or_else(|| {
        let hour = found.hour_div_12().unwrap_or(0) * 12 + found.hour_mod_12().unwrap_or(0);
        NaiveTime::from_hms_opt(hour, found.minute().unwrap_or(0), found.second().unwrap_or(0))
    })?;
    Some(date.and_time(time))
}
