//! `to_char` of times, with patterns of PostgreSQL and of strftime.
//!
//! DataFusion's takes strftime's only, and printed the letters of others: `YYYY-MM-DD` in each row.

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions::datetime;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;

use crate::query::functions::call::Call;
use crate::query::functions::params::{Kind, Params};
use crate::query::functions::postgres_format;
use crate::query::functions::preimage;
use crate::query::functions::scalar::{Scalar, returns};
use crate::query::functions::sqlite_times::formatted as formatted_times;
use crate::query::functions::time_format::{Dialect, TimeFormat};

const PARAMS: Params = Params::exact(&[Kind::Any, Kind::Text]);

pub(super) fn to_char() -> Scalar {
    named("to_char")
}

pub(super) fn date_format() -> Scalar {
    named("date_format")
}

fn named(name: &'static str) -> Scalar {
    Scalar::kernel(name, PARAMS, returns!(DataType::Utf8), formatted)
        .or_rewritten(datafusions)
        .with_preimage(times_that_print_as)
}

/// DataFusion's function formats dates, durations and times of day by patterns with `%`.
fn datafusions(args: &[Expr], types: &[DataType]) -> Result<Option<Expr>> {
    use DataType::{Duration, Time32, Time64};
    let [value, pattern] = args else { return Ok(None) };
    if !matches!(types.first(), Some(Duration(_) | Time32(_) | Time64(_))) {
        return Ok(None);
    }
    match pattern {
        Expr::Literal(pattern, _)
            if pattern.try_as_str().flatten().is_some_and(|p| p.contains('%')) =>
        {
            let pattern = Expr::Literal(pattern.cast_to(&DataType::Utf8)?, None);
            Ok(Some(datetime::to_char().call(vec![value.clone(), pattern])))
        }
        _ => plan_err!(
            "to_char() of a time of day or a duration takes a pattern with %, as in '%H:%M'"
        ),
    }
}

fn formatted(call: &Call<'_>) -> Result<ArrayRef> {
    use DataType::{Date32, Date64, LargeUtf8, Null, Timestamp, Utf8, Utf8View};
    match call.data_type(0) {
        Some(Timestamp(..) | Date32 | Date64 | Utf8 | LargeUtf8 | Utf8View | Null) => {}
        ty => {
            let ty = ty.unwrap_or(Null);
            return plan_err!(
                "{}() takes a time, found {ty}; printf('%.2f', x) formats numbers",
                call.name()
            );
        }
    }
    let (times, patterns) = (call.times(0)?, call.texts(1)?);
    let times = (0..call.rows()).map(|row| times.get(row));
    let texts = formatted_times(call, times, |row| patterns.get(row), postgres_format::to_char)?;
    Ok(cast(&texts, &DataType::Utf8)?)
}

fn times_that_print_as(
    args: &[Expr],
    literal: &ScalarValue,
    info: &SimplifyContext,
) -> Option<PreimageResult> {
    let [time, Expr::Literal(pattern, _)] = args else { return None };
    let pattern = pattern.try_as_str()??;
    preimage::of_text(time, literal, info, || match pattern.contains('%') {
        // chrono prints these fields as SQLite does, and years of four digits too.
        true => TimeFormat::strftime(pattern, Dialect::Sqlite).ok(),
        false => postgres_format::parse(pattern).ok(),
    })
}
