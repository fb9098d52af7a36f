//! `date_trunc` of times in UTC.
//!
//! DataFusion 55.2 computes the clock of the zone for each time that has one, even of UTC: 210 ns a row for an hour. Times
//! in UTC are truncated like those without a zone, which takes a tenth of that.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, make_array};
use arrow::compute::min;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::functions::datetime;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};

use crate::query::functions::call::is_utc;

/// Times before this are left to DataFusion: the start of their week could be out of range, which its faster way does
/// not notice.
const FIRST: i64 = i64::MIN / 2;

pub(super) fn register(session: &mut SessionState) -> Result<()> {
    session.register_udf(date_trunc()).map(drop)
}

pub(super) fn date_trunc() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        Arc::new(ScalarUDF::new_from_impl(DateTrunc { inner: datetime::date_trunc() }))
    });
    Arc::clone(&FUNCTION)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateTrunc {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(ColumnarValue::Array(times)) = args.args.get_mut(1) else {
            return self.inner.invoke_with_args(args);
        };
        let ty = times.data_type().clone();
        match &ty {
            DataType::Timestamp(unit, Some(zone)) if is_utc(zone) => {
                let numbers = retyped(times, DataType::Int64)?;
                if min(numbers.as_primitive::<Int64Type>()).is_some_and(|first| first < FIRST) {
                    return self.inner.invoke_with_args(args);
                }
                let plain = DataType::Timestamp(*unit, None);
                *times = retyped(times, plain.clone())?;
                let field = args.return_field.as_ref().clone();
                args.return_field = Arc::new(field.with_data_type(plain));
            }
            _ => return self.inner.invoke_with_args(args),
        }
        let starts = self.inner.invoke_with_args(args)?.into_array(0)?;
        Ok(ColumnarValue::Array(retyped(&starts, ty)?))
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// Returns the same numbers as another type.
fn retyped(array: &ArrayRef, ty: DataType) -> Result<ArrayRef> {
    Ok(make_array(array.to_data().into_builder().data_type(ty).build()?))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, PrimitiveArray};
    use arrow::compute::cast;
    use arrow::datatypes::{Field, TimeUnit};
    use datafusion::common::ScalarValue;
    use datafusion::common::config::ConfigOptions;
    use proptest::prelude::*;

    use super::*;

    const PRECISIONS: [&str; 10] = [
        "microsecond",
        "millisecond",
        "second",
        "minute",
        "hour",
        "DAY",
        "week",
        "month",
        "quarter",
        "year",
    ];

    const UNITS: [TimeUnit; 4] =
        [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];

    fn call(function: &ScalarUDF, precision: &str, times: &ArrayRef) -> Result<ArrayRef> {
        let field = Arc::new(Field::new("times", times.data_type().clone(), true));
        let args = ScalarFunctionArgs {
            args: vec![ScalarValue::from(precision).into(), Arc::clone(times).into()],
            arg_fields: vec![Arc::new(Field::new("p", DataType::Utf8, false)), Arc::clone(&field)],
            number_rows: times.len(),
            return_field: field,
            config_options: Arc::new(ConfigOptions::default()),
        };
        function.invoke_with_args(args)?.into_array(times.len())
    }

    /// Numbers of any size, and times of the years around 1970.
    fn numbers() -> impl Strategy<Value = PrimitiveArray<Int64Type>> {
        let number = prop_oneof![
            2 => -100_000_000_000_i64..100_000_000_000,
            2 => -2_000_000_000_000_000..2_000_000_000_000_000_i64,
            1 => any::<i64>(),
            1 => (-400..400_i64).prop_map(|days| days * 86_400_000),
        ];
        prop::collection::vec(prop::option::of(number), 0..20).prop_map(Int64Array::from)
    }

    proptest! {
        #[test]
        fn times_in_utc_are_truncated_as_by_datafusion(
            numbers in numbers(),
            precision in 0..PRECISIONS.len(),
            unit in 0..UNITS.len(),
            zone in prop::sample::select(vec![None, Some("UTC"), Some("+00:00"), Some("Asia/Kolkata")]),
            skipped in 0..3_usize,
        ) {
            let ty = DataType::Timestamp(UNITS[unit], zone.map(Into::into));
            let times = retyped(&(Arc::new(numbers) as ArrayRef), ty.clone()).unwrap();
            let skipped = skipped.min(times.len());
            let times = times.slice(skipped, times.len() - skipped);
            let precision = PRECISIONS[precision];
            let found = call(&date_trunc(), precision, &times);
            // It fails for times that nanoseconds cannot tell, which are right here.
            if let Ok(expected) = call(&datetime::date_trunc(), precision, &times) {
                let found = found.unwrap();
                prop_assert_eq!(found.data_type(), &ty);
                prop_assert_eq!(&cast(&found, &DataType::Int64).unwrap(), &cast(&expected, &DataType::Int64).unwrap());
            }
        }
    }

    #[test]
    fn the_first_times_are_errors_and_not_wrong() {
        let times = Arc::new(Int64Array::from(vec![i64::MIN + 1])) as ArrayRef;
        let ty = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let times = retyped(&times, ty).unwrap();
        let error = call(&date_trunc(), "hour", &times).unwrap_err().to_string();
        assert!(error.contains("out of range"), "{error}");
    }
}
