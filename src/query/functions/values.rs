//! Functions of numbers, conditions and types.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::type_coercion::binary::type_union_resolution;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, when};

use crate::query::functions::call::Call;
use crate::query::functions::function::{Function, Make, value};
use crate::query::functions::params::{Kind, Params};
use crate::query::functions::scalar::{Scalar, returns};

macro_rules! condition {
    ($name:literal) => {
        Make::Scalar(|| {
            let params = Params::optional(2, &[Kind::Bool, Kind::Any, Kind::Any]);
            Scalar::spelling($name, params, last_type, choice).coerced(condition_types)
        })
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    value(
        "if",
        "if(condition, then [, else])",
        "One of two values.",
        "SELECT if(2 > 1, 'yes', 'no')",
        "yes",
        condition!("if"),
    ),
    value(
        "iif",
        "iif(condition, then [, else])",
        "As if.",
        "SELECT iif(2 < 1, 'yes', 'no')",
        "no",
        condition!("iif"),
    ),
    value(
        "mod",
        "mod(a, b)",
        "The remainder of a division, a % b.",
        "SELECT mod(-7, 3)",
        "-1",
        Make::Scalar(|| {
            Scalar::spelling("mod", Params::exact(&[Kind::Any, Kind::Any]), last_type, |args, _| {
                let [a, b] = args else { return Ok(None) };
                let (a, b) = (Box::new(a.clone()), Box::new(b.clone()));
                Ok(Some(Expr::BinaryExpr(BinaryExpr::new(a, Operator::Modulo, b))))
            })
            .coerced(number_types)
        }),
    ),
    value("ceiling", "ceiling(x)", "As ceil.", "SELECT ceiling(1.2)", "2.0", Make::Alias("ceil")),
    value("sign", "sign(x)", "As signum.", "SELECT sign(-2.5)", "-1.0", Make::Alias("signum")),
    value(
        "typeof",
        "typeof(x)",
        "The SQL type of a value.",
        "SELECT typeof('a')",
        "VARCHAR",
        Make::Scalar(|| {
            Scalar::kernel(
                "typeof",
                Params::exact(&[Kind::Any]),
                returns!(DataType::Utf8View),
                |call| {
                    let name = type_name(&call.data_type(0).unwrap_or(DataType::Null));
                    Ok(Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(
                        name,
                        call.rows(),
                    ))))
                },
            )
        }),
    ),
    value(
        "width_bucket",
        "width_bucket(x, low, high, count)",
        "Which of equal buckets between two bounds a value is in; 0 below, count + 1 above.",
        "SELECT width_bucket(5.35, 0.024, 10.06, 5)",
        "3",
        Make::Scalar(|| {
            let params = Params::exact(&[Kind::Float, Kind::Float, Kind::Float, Kind::Int]);
            Scalar::kernel("width_bucket", params, returns!(DataType::Int64), width_bucket)
        }),
    ),
    value(
        "gen_random_uuid",
        "gen_random_uuid()",
        "A random UUID.",
        "SELECT len(gen_random_uuid())",
        "36",
        Make::Alias("uuid"),
    ),
    value(
        "list_value",
        "list_value(x, ...)",
        "A list of values, as [x, ...].",
        "SELECT len(list_value(1, 2))",
        "2",
        Make::Alias("make_array"),
    ),
    value(
        "localtimestamp",
        "localtimestamp()",
        "As now(): the current time, in UTC.",
        "SELECT localtimestamp() = now()",
        "true",
        Make::Alias("now"),
    ),
];

/// The type of the last argument, to which the others before it were cast.
fn last_type(types: &[DataType]) -> Result<DataType> {
    Ok(types.last().cloned().unwrap_or(DataType::Null))
}

fn condition_types(types: &[DataType]) -> Result<Vec<DataType>> {
    let values = types.get(1..).unwrap_or_default();
    let Some(common) = type_union_resolution(values) else {
        return plan_err!("if(): {values:?} have no common type");
    };
    Ok(std::iter::once(DataType::Boolean).chain(values.iter().map(|_| common.clone())).collect())
}

fn choice(args: &[Expr], _: &[DataType]) -> Result<Option<Expr>> {
    Ok(Some(match args {
        [condition, then] => when(condition.clone(), then.clone()).end()?,
        [condition, then, otherwise] => {
            when(condition.clone(), then.clone()).otherwise(otherwise.clone())?
        }
        _ => return Ok(None),
    }))
}

fn number_types(types: &[DataType]) -> Result<Vec<DataType>> {
    match type_union_resolution(types) {
        Some(common) if common.is_numeric() || common == DataType::Null => {
            Ok(vec![common; types.len()])
        }
        _ => plan_err!("mod() takes two numbers, found {types:?}"),
    }
}

fn width_bucket(call: &Call<'_>) -> Result<ArrayRef> {
    let (values, lows, highs, counts) =
        (call.floats(0)?, call.floats(1)?, call.floats(2)?, call.ints(3)?);
    let mut buckets = Vec::with_capacity(call.rows());
    for row in 0..call.rows() {
        let (Some(value), Some(low), Some(high), Some(count)) =
            (values.get(row), lows.get(row), highs.get(row), counts.get(row))
        else {
            buckets.push(None);
            continue;
        };
        let are_bounds = low.is_finite() && high.is_finite() && low != high;
        if count < 1 || count == i64::MAX || !are_bounds || value.is_nan() {
            return exec_err!(
                "width_bucket(): the bounds must differ and the count be positive, found {low}, \
                 {high} and {count}"
            );
        }
        // With the bounds the other way round, buckets are counted down.
        let place = (value - low) / (high - low);
        buckets.push(Some(match place {
            place if place < 0.0 => 0,
            place if place >= 1.0 => count + 1,
            place => ((place * count as f64) as i64 + 1).min(count),
        }));
    }
    Ok(Arc::new(Int64Array::from(buckets)))
}

/// The name of a type in SQL.
fn type_name(ty: &DataType) -> String {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, Date64, Decimal128, Decimal256, Dictionary, Duration,
        FixedSizeList, Float16, Float32, Float64, Int8, Int16, Int32, Int64, Interval, LargeBinary,
        LargeList, LargeUtf8, List, Map, Null, Struct, Time32, Time64, Timestamp, UInt8, UInt16,
        UInt32, UInt64, Union, Utf8, Utf8View,
    };
    match ty {
        Null => "NULL",
        Boolean => "BOOLEAN",
        Int8 => "TINYINT",
        Int16 => "SMALLINT",
        Int32 => "INTEGER",
        Int64 => "BIGINT",
        UInt8 => "UTINYINT",
        UInt16 => "USMALLINT",
        UInt32 => "UINTEGER",
        UInt64 => "UBIGINT",
        Float16 | Float32 => "FLOAT",
        Float64 => "DOUBLE",
        Decimal128(precision, scale) | Decimal256(precision, scale) => {
            return format!("DECIMAL({precision},{scale})");
        }
        Utf8 | LargeUtf8 | Utf8View => "VARCHAR",
        Binary | LargeBinary | BinaryView => "BLOB",
        Date32 | Date64 => "DATE",
        Time32(_) | Time64(_) => "TIME",
        Timestamp(_, None) => "TIMESTAMP",
        Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        Interval(_) | Duration(_) => "INTERVAL",
        List(element) | LargeList(element) | FixedSizeList(element, _) => {
            return format!("{}[]", type_name(element.data_type()));
        }
        Dictionary(_, values) => return type_name(values),
        Struct(_) => "STRUCT",
        Map(..) => "MAP",
        Union(..) => "JSON",
        other => return other.to_string(),
    }
    .to_owned()
}
