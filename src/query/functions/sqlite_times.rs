//! SQLite's functions of times, and `strftime` and `to_char` of DuckDB and PostgreSQL.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, StringViewArray};
use arrow::datatypes::DataType;
use chrono::{NaiveDate, NaiveDateTime};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, cast};

use crate::query::functions::call::{Call, short};
use crate::query::functions::date_trunc::date_trunc;
use crate::query::functions::function::{Function, time_scalar};
use crate::query::functions::params::{Kind, Params};
use crate::query::functions::preimage;
use crate::query::functions::scalar::{Scalar, returns};
use crate::query::functions::text_builder::TextBuilder;
use crate::query::functions::time_format::{Dialect, TimeFormat};
use crate::query::functions::time_value::{self, Modified, Start};

pub(super) const FUNCTIONS: &[Function] = &[
    time_scalar(
        "date",
        "date(time [, modifier ...])",
        "The day of a time, after SQLite's modifiers.",
        "SELECT date('2026-04-15 10:11:12', '+1 month', 'start of month')",
        "2026-05-01",
        || {
            Scalar::kernel("date", MODIFIED, returns!(DataType::Date32), date)
                .or_rewritten(date_of_timestamp)
        },
    ),
    time_scalar(
        "datetime",
        "datetime(time [, modifier ...])",
        "A time as text, to the second, after SQLite's modifiers.",
        "SELECT datetime('2026-04-15T10:11:12.345Z', '-7 days')",
        "2026-04-08 10:11:12",
        || {
            Scalar::kernel("datetime", MODIFIED, returns!(DataType::Utf8View), |call| {
                texts(call, |time| match time.subsecond {
                    true => time.time.format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
                    false => time.time.format("%Y-%m-%d %H:%M:%S").to_string(),
                })
            })
            .with_preimage(|args, literal, info| {
                // A modifier moves the time.
                let [time] = args else { return None };
                preimage::of_text(time, literal, info, || {
                    TimeFormat::strftime("%F %T", Dialect::Sqlite).ok()
                })
            })
        },
    ),
    time_scalar(
        "time",
        "time(time [, modifier ...])",
        "The time of day as text, to the second, after SQLite's modifiers.",
        "SELECT time('2026-04-15 10:11:12', '+90 minutes')",
        "11:41:12",
        || {
            Scalar::kernel("time", MODIFIED, returns!(DataType::Utf8View), |call| {
                texts(call, |time| match time.subsecond {
                    true => time.time.format("%H:%M:%S%.3f").to_string(),
                    false => time.time.format("%H:%M:%S").to_string(),
                })
            })
        },
    ),
    time_scalar(
        "julianday",
        "julianday(time [, modifier ...])",
        "The days since noon of 24 November 4714 BC, with a fraction.",
        "SELECT julianday('2026-04-15') - julianday('2026-04-01')",
        "14.0",
        || {
            Scalar::kernel("julianday", MODIFIED, returns!(DataType::Float64), |call| {
                let days = modified(call, 0)?;
                let days =
                    days.iter().map(|time| time.map(|time| time_value::julian_day(time.time)));
                Ok(Arc::new(Float64Array::from_iter(days)))
            })
        },
    ),
    time_scalar(
        "unixepoch",
        "unixepoch(time [, modifier ...])",
        "The whole seconds since 1970.",
        "SELECT unixepoch('2026-04-15 10:11:12')",
        "1776247872",
        || {
            Scalar::kernel("unixepoch", MODIFIED, returns!(DataType::Int64), |call| {
                let times = modified(call, 0)?;
                let seconds = times.iter().map(|t| t.map(|t| t.time.and_utc().timestamp()));
                Ok(Arc::new(Int64Array::from_iter(seconds)))
            })
            .with_preimage(|args, literal, info| {
                preimage::of_count(args, literal, info, 1_000_000_000)
            })
        },
    ),
    time_scalar(
        "strftime",
        "strftime(format, time [, modifier ...]) or strftime(time, format)",
        "A time as text by a format such as '%Y-%m-%d'.",
        "SELECT strftime('%Y-W%W %H:%M', '2026-04-15 10:11:12')",
        "2026-W15 10:11",
        || {
            Scalar::kernel("strftime", FORMATTED, returns!(DataType::Utf8View), strftime)
                .with_preimage(strftime_preimage)
        },
    ),
];

/// A time and modifiers.
const MODIFIED: Params = Params::and_more(0, &[Kind::Time], Kind::Text);
/// A time and a format in either order, and modifiers.
const FORMATTED: Params = Params::and_more(1, &[Kind::Time, Kind::Time], Kind::Text);

/// Returns the times of a call, from the argument at `index` and the modifiers after it. Without
/// arguments it is the current time.
fn modified(call: &Call<'_>, index: usize) -> Result<Vec<Option<Modified>>> {
    if index >= call.len() {
        let now = Modified { time: chrono::Utc::now().naive_utc(), subsecond: false };
        return Ok(vec![Some(now); call.rows()]);
    }
    let modifiers = (index + 1..call.len()).map(|index| call.texts(index));
    let modifiers = modifiers.collect::<Result<Vec<_>>>()?;
    let is_number = call.data_type(index).is_some_and(|ty| ty.is_numeric());
    let numbers = is_number.then(|| call.floats(index)).transpose()?;
    let times = if is_number { None } else { Some(call.times(index)?) };
    let mut found = Vec::with_capacity(call.rows());
    for row in 0..call.rows() {
        let start = match (&numbers, &times) {
            (Some(numbers), _) => numbers.get(row).map(Start::Number),
            (_, Some(times)) => times.get(row).map(Start::Time),
            _ => None,
        };
        let texts = modifiers.iter().map(|texts| texts.get(row));
        let (Some(start), Some(texts)) = (start, texts.collect::<Option<Vec<_>>>()) else {
            found.push(None);
            continue;
        };
        match time_value::modified(start, texts.into_iter()) {
            Ok(time) => found.push(time),
            Err(reason) => return exec_err!("{}(): {reason}", call.name()),
        }
    }
    Ok(found)
}

fn texts(call: &Call<'_>, text: impl Fn(Modified) -> String) -> Result<ArrayRef> {
    let times = modified(call, 0)?;
    Ok(Arc::new(StringViewArray::from_iter(times.into_iter().map(|time| time.map(&text)))))
}

fn date(call: &Call<'_>) -> Result<ArrayRef> {
    let times = modified(call, 0)?;
    let days = times.iter().map(|time| time.and_then(|time| days_of(time.time.date())));
    Ok(Arc::new(Date32Array::from_iter(days)))
}

/// The days since 1970.
pub(super) fn days_of(date: NaiveDate) -> Option<i32> {
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

/// `date(ts_utc)` is `ts_utc::date`, of which scans know the range.
fn date_of_timestamp(args: &[Expr], types: &[DataType]) -> Result<Option<Expr>> {
    Ok(match (args, types) {
        ([time], [DataType::Timestamp(..) | DataType::Date32]) => {
            Some(cast(time.clone(), DataType::Date32))
        }
        ([time, Expr::Literal(modifier, _)], [DataType::Timestamp(..), _]) => {
            let unit = match modifier.try_as_str().flatten() {
                Some("start of month") => "month",
                Some("start of year") => "year",
                _ => return Ok(None),
            };
            let start = date_trunc().call(vec![datafusion::prelude::lit(unit), time.clone()]);
            Some(cast(start, DataType::Date32))
        }
        _ => None,
    })
}

/// Which argument of `strftime` is the format, and whose format it is. SQLite has it first, DuckDB
/// second. If neither is a time, the text with a `%` is the format.
fn format_index(types: &[DataType], first: Option<&str>) -> (usize, Dialect) {
    let is_text = |index: usize| {
        types.get(index).is_some_and(|ty| matches!(ty, DataType::Utf8View | DataType::Utf8))
    };
    let is_second = types.len() == 2
        && (!is_text(0) || (is_text(1) && first.is_some_and(|text| !text.contains('%'))));
    if is_second { (1, Dialect::DuckDb) } else { (0, Dialect::Sqlite) }
}

fn strftime(call: &Call<'_>) -> Result<ArrayRef> {
    let types = (0..call.len()).filter_map(|index| call.data_type(index)).collect::<Vec<_>>();
    let is_text = types.first().is_some_and(|ty| *ty == DataType::Utf8View);
    let first = is_text.then(|| call.texts(0)).transpose()?;
    let (format, dialect) = format_index(&types, first.as_ref().and_then(|first| first.get(0)));
    let times = match format {
        // The modifiers follow the time.
        0 => modified(call, 1)?,
        _ => {
            let times = call.times(0)?;
            let plain = |time| Modified { time, subsecond: false };
            (0..call.rows()).map(|row| times.get(row).map(plain)).collect()
        }
    };
    let formats = call.texts(format)?;
    let times = times.into_iter().map(|time| time.map(|time| time.time));
    formatted(call, times, |row| formats.get(row), |text| TimeFormat::strftime(text, dialect))
}

/// Writes each time by the format of its row. Formats of neighbouring rows are usually the same, so
/// the last one is kept.
pub(super) fn formatted<'a>(
    call: &Call<'_>,
    times: impl Iterator<Item = Option<NaiveDateTime>>,
    format: impl Fn(usize) -> Option<&'a str>,
    parse: impl Fn(&str) -> Result<TimeFormat, String>,
) -> Result<ArrayRef> {
    let mut builder = TextBuilder::new(call);
    let mut last: Option<(&str, TimeFormat)> = None;
    let mut text = String::new();
    for (row, time) in times.enumerate() {
        let (Some(time), Some(pattern)) = (time, format(row)) else {
            builder.append_null();
            continue;
        };
        if last.as_ref().is_none_or(|(before, _)| *before != pattern) {
            match parse(pattern) {
                Ok(parsed) => last = Some((pattern, parsed)),
                Err(reason) => return exec_err!("{}(): {reason}", call.name()),
            }
        }
        text.clear();
        let written = last.as_ref().map(|(_, format)| format.write(time, &mut text));
        match written {
            Some(Ok(())) => builder.append_value(&text)?,
            _ => return exec_err!("{}(): '{}' cannot print a time", call.name(), short(pattern)),
        }
    }
    builder.finish()
}

fn strftime_preimage(
    args: &[Expr],
    literal: &ScalarValue,
    info: &SimplifyContext,
) -> Option<PreimageResult> {
    let types = args.iter().map(|arg| info.get_data_type(arg).ok()).collect::<Option<Vec<_>>>()?;
    let text = |index: usize| match args.get(index) {
        Some(Expr::Literal(text, _)) => text.try_as_str().flatten(),
        _ => None,
    };
    let (format, dialect) = format_index(&types, text(0));
    let time = match args {
        [time, _] if format == 1 => time,
        [_, time] => time,
        _ => return None,
    };
    let pattern = text(format)?;
    preimage::of_text(time, literal, info, || TimeFormat::strftime(pattern, dialect).ok())
}
