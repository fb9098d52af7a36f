//! Functions whose result can be much larger than their arguments.
//!
//! DataFusion counts the memory of sorts, groups and joins, but not that of function results:
//! `repeat('x', 2000000000)` took 8 GB under a limit of 100 MiB. The result size of these functions
//! can be computed from the arguments, so they reserve it in the memory pool before they begin. The
//! results of other functions are a small multiple of their arguments.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, LargeStringArray, ListArray, StringArray, StringViewArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int64Type, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};

use crate::query::memory::QueryMemory;

/// The maximum for one call, whatever the limit: a failed allocation ends the process.
const MAX_CALL_BYTES: u128 = 64 << 30;

const NANOS_A_DAY: i128 = 86_400_000_000_000;

/// Computes the maximum size of a function's result for a row, in bytes. It may be too small by the
/// size of the arguments.
type Bytes = fn(&[Argument<'_>], usize) -> u128;

const FUNCTIONS: [(&str, Bytes); 10] = [
    ("repeat", |args, row| text(args, 0, row) * count(args, 1, row)),
    ("lpad", padded),
    ("rpad", padded),
    ("replace", |args, row| {
        let found = text(args, 0, row).checked_div(text(args, 1, row)).unwrap_or(0);
        found * text(args, 2, row)
    }),
    ("regexp_replace", |args, row| {
        // There is at most one match per character, and each reference to a group inserts at most
        // the whole text.
        let (text, by) = (text(args, 0, row), text(args, 2, row));
        (text + 1) * by + text * (by / 2)
    }),
    ("array_repeat", |args, row| element(args, 0) * count(args, 1, row)),
    ("array_resize", |args, row| element(args, 2).max(8) * count(args, 1, row)),
    ("array_to_string", |args, row| text(args, 1, row) * items(args, 0, row)),
    ("range", series),
    ("generate_series", series),
];

fn padded(args: &[Argument<'_>], row: usize) -> u128 {
    // Lengths are in characters of up to four bytes.
    let filler = if args.len() > 2 { text(args, 2, row).min(4) } else { 1 };
    count(args, 1, row) * filler
}

fn series(args: &[Argument<'_>], row: usize) -> u128 {
    let at = |index| args.get(index).map_or(0, |argument: &Argument<'_>| argument.number(row));
    let (start, stop) = if args.len() == 1 { (0, at(0)) } else { (at(0), at(1)) };
    let step = if args.len() > 2 { at(2).unsigned_abs().max(1) } else { 1 };
    start.abs_diff(stop) / step * 8
}

/// Returns the length of a text in bytes.
fn text(args: &[Argument<'_>], index: usize, row: usize) -> u128 {
    args.get(index).map_or(0, |argument| argument.text(row))
}

/// Returns a number of repetitions.
fn count(args: &[Argument<'_>], index: usize, row: usize) -> u128 {
    args.get(index).map_or(0, |argument| argument.number(row).max(0).unsigned_abs())
}

/// Returns the number of elements of a list.
fn items(args: &[Argument<'_>], index: usize, row: usize) -> u128 {
    args.get(index).map_or(0, |argument| argument.items(row))
}

/// Returns the average size of a value over the rows, in bytes.
fn element(args: &[Argument<'_>], index: usize) -> u128 {
    args.get(index).map_or(0, Argument::average)
}

/// Makes the functions of a session reserve memory in the pool of the query that calls them.
pub(super) fn register(session: &mut SessionState) -> Result<()> {
    for (name, bytes) in FUNCTIONS {
        let inner = session.udf(name)?;
        let counted = CountedFunction { inner, bytes };
        session.register_udf(Arc::new(ScalarUDF::new_from_impl(counted)))?;
    }
    Ok(())
}

/// A function that reserves memory for its result before it computes it. It does not hold the pool
/// itself, because plans hold their functions, and a prepared query has another pool in each run.
#[derive(Debug)]
struct CountedFunction {
    inner: Arc<ScalarUDF>,
    bytes: Bytes,
}

impl PartialEq for CountedFunction {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for CountedFunction {}

impl Hash for CountedFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl ScalarUDFImpl for CountedFunction {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|argument| match argument {
            ColumnarValue::Array(array) => Ok(Arc::clone(array)),
            ColumnarValue::Scalar(value) => value.to_array(),
        });
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let arguments = arrays.iter().map(Argument::of).collect::<Result<Vec<_>>>()?;
        let rows = arrays.iter().map(|array| array.len()).max().unwrap_or(0);
        let bytes =
            (0..rows).map(|row| (self.bytes)(&arguments, row)).fold(0, u128::saturating_add);
        if bytes > MAX_CALL_BYTES {
            let name = self.name();
            let message = format!("{name}() would need {bytes} bytes for a batch of rows");
            return Err(DataFusionError::ResourcesExhausted(message));
        }
        let pool = QueryMemory::of(&args.config_options);
        let held =
            pool.map(|pool| MemoryConsumer::new(format!("{}()", self.name())).register(pool));
        if let Some(held) = &held {
            held.try_grow(usize::try_from(bytes).unwrap_or(usize::MAX / 2))?;
        }
        self.inner.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// An argument of a call: a value for each row, or one for all.
struct Argument<'a> {
    array: &'a ArrayRef,
    values: Values<'a>,
}

enum Values<'a> {
    Texts(&'a StringArray),
    LargeTexts(&'a LargeStringArray),
    TextViews(&'a StringViewArray),
    Numbers(&'a Int64Array),
    /// Timestamps and intervals, in nanoseconds.
    Nanos(Vec<i128>),
    Lists(&'a ListArray),
    Others,
}

impl<'a> Argument<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self> {
        let in_nanos = |of_one: i128| -> Result<Values<'_>> {
            let numbers = cast(array, &DataType::Int64)?;
            let numbers = numbers.as_primitive::<Int64Type>();
            Ok(Values::Nanos(numbers.iter().map(|n| i128::from(n.unwrap_or(0)) * of_one).collect()))
        };
        let values = match array.data_type() {
            DataType::Utf8 => Values::Texts(array.as_string()),
            DataType::LargeUtf8 => Values::LargeTexts(array.as_string()),
            DataType::Utf8View => Values::TextViews(array.as_string_view()),
            DataType::Int64 => Values::Numbers(array.as_primitive()),
            DataType::List(_) => Values::Lists(array.as_list()),
            DataType::Date32 => in_nanos(NANOS_A_DAY)?,
            DataType::Date64 => in_nanos(1_000_000)?,
            DataType::Timestamp(unit, _) => {
                use arrow::datatypes::TimeUnit;
                in_nanos(match unit {
                    TimeUnit::Second => 1_000_000_000,
                    TimeUnit::Millisecond => 1_000_000,
                    TimeUnit::Microsecond => 1_000,
                    TimeUnit::Nanosecond => 1,
                })?
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let nanos = |span: Option<_>| {
                    let (months, days, nanos) =
                        span.map_or((0, 0, 0), IntervalMonthDayNanoType::to_parts);
                    let days = i128::from(months) * 28 + i128::from(days);
                    days * NANOS_A_DAY + i128::from(nanos)
                };
                let spans = array.as_primitive::<IntervalMonthDayNanoType>();
                Values::Nanos(spans.iter().map(nanos).collect())
            }
            _ => Values::Others,
        };
        Ok(Self { array, values })
    }

    /// Returns the index of the value for a row, unless it is NULL.
    fn at(&self, row: usize) -> Option<usize> {
        let at = if self.array.len() == 1 { 0 } else { row };
        (at < self.array.len() && self.array.is_valid(at)).then_some(at)
    }

    fn text(&self, row: usize) -> u128 {
        let Some(at) = self.at(row) else { return 0 };
        match &self.values {
            Values::Texts(texts) => texts.value(at).len() as u128,
            Values::LargeTexts(texts) => texts.value(at).len() as u128,
            Values::TextViews(texts) => texts.value(at).len() as u128,
            _ => 0,
        }
    }

    fn number(&self, row: usize) -> i128 {
        let Some(at) = self.at(row) else { return 0 };
        match &self.values {
            Values::Numbers(numbers) => i128::from(numbers.value(at)),
            Values::Nanos(nanos) => nanos.get(at).copied().unwrap_or(0),
            _ => 0,
        }
    }

    fn items(&self, row: usize) -> u128 {
        match (self.at(row), &self.values) {
            (Some(at), Values::Lists(lists)) => lists.value_length(at).unsigned_abs().into(),
            _ => 0,
        }
    }

    fn average(&self) -> u128 {
        let bytes = self.array.to_data().get_slice_memory_size().unwrap_or(0);
        bytes.div_ceil(self.array.len().max(1)) as u128
    }
}
