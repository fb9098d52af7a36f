//! `AT TIME ZONE`, which DataFusion plans as a cast: the same time, of which a client sees no zone but UTC. In PostgreSQL
//! it is the wall clock of the zone, a time without a zone, and back.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::sqlstate::Failure;

/// The function of a time and the name of a zone.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AtTimeZone {
    signature: Signature,
}

impl AtTimeZone {
    pub const NAME: &str = "timezone";

    pub fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for AtTimeZone {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [zone, time] = types else {
            return plan_err!("AT TIME ZONE takes a time and a zone");
        };
        if !zone.is_string() && !zone.is_null() {
            return plan_err!("the zone of AT TIME ZONE must be a text such as 'Europe/Berlin'");
        }
        let time = match time {
            DataType::Timestamp(..) => time.clone(),
            // As PostgreSQL reads them.
            ty if ty.is_string() || ty.is_null() || matches!(ty, DataType::Date32) => {
                DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
            }
            ty => return plan_err!("AT TIME ZONE takes a time, not {ty}"),
        };
        Ok(vec![DataType::Utf8, time])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [_, DataType::Timestamp(unit, zone)] => Ok(returned(*unit, zone.is_some())),
            _ => plan_err!("AT TIME ZONE takes a time and a zone"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [zone, time] = args.args.as_slice() else {
            return plan_err!("AT TIME ZONE takes a time and a zone");
        };
        let zone = match zone {
            ColumnarValue::Scalar(ScalarValue::Utf8(zone)) => zone.as_deref(),
            _ => return plan_err!("the zone of AT TIME ZONE must be a constant"),
        };
        let Some(zone) = zone else {
            return ScalarValue::try_from(args.return_type()).map(ColumnarValue::Scalar);
        };
        let is_scalar = matches!(time, ColumnarValue::Scalar(_));
        let shifted = shift(&time.to_array(args.number_rows)?, zone_of(zone)?)?;
        Ok(match is_scalar {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&shifted, 0)?),
            false => ColumnarValue::Array(shifted),
        })
    }
}

fn returned(unit: TimeUnit, has_zone: bool) -> DataType {
    DataType::Timestamp(unit, (!has_zone).then(|| "UTC".into()))
}

fn zone_of(name: &str) -> Result<Tz> {
    let name = if name.eq_ignore_ascii_case("utc") { "UTC" } else { name };
    name.parse()
        .map_err(|_| Failure::new("22023", format!("time zone \"{name}\" not recognized")).into())
}

/// Adds the offset of the zone to times that have one, and takes it from wall clocks.
fn shift(times: &ArrayRef, zone: Tz) -> Result<ArrayRef> {
    let DataType::Timestamp(unit, from) = times.data_type() else {
        return plan_err!("AT TIME ZONE takes a time");
    };
    let in_second: i64 = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let numbers = cast(times, &DataType::Int64)?;
    let numbers = numbers.as_any().downcast_ref::<Int64Array>();
    let numbers = numbers.ok_or_else(|| exec_datafusion_err!("a time is no number"))?;
    let shifted = numbers.iter().map(|number| {
        let Some(number) = number else { return Ok(None) };
        let clock = DateTime::from_timestamp(number.div_euclid(in_second), 0);
        let seconds = clock.and_then(|clock| match from {
            Some(_) => {
                Some(zone.offset_from_utc_datetime(&clock.naive_utc()).fix().local_minus_utc())
            }
            None => offset_of_wall_clock(zone, clock.naive_utc()).map(|seconds| -seconds),
        });
        let shifted = seconds
            .and_then(|seconds| i64::from(seconds).checked_mul(in_second))
            .and_then(|offset| number.checked_add(offset));
        match shifted {
            Some(shifted) => Ok(Some(shifted)),
            None => Err(Failure::new("22008", "timestamp out of range".to_owned()).into()),
        }
    });
    let shifted: Int64Array = shifted.collect::<Result<_>>()?;
    Ok(cast(&(Arc::new(shifted) as ArrayRef), &returned(*unit, from.is_some()))?)
}

/// The offset when clocks show this. If they show it twice, it is that of the second time; if they skip it, that from
/// before. PostgreSQL does the same.
fn offset_of_wall_clock(zone: Tz, clock: NaiveDateTime) -> Option<i32> {
    let offset = match zone.offset_from_local_datetime(&clock) {
        LocalResult::Single(offset) => offset,
        LocalResult::Ambiguous(_, later) => later,
        LocalResult::None => {
            let before = clock.checked_sub_signed(TimeDelta::hours(24))?;
            zone.offset_from_local_datetime(&before).latest()?
        }
    };
    Some(offset.fix().local_minus_utc())
}
