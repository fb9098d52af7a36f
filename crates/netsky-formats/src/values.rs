//! Formats single values where Arrow's own format does not suit people or other programs.

use std::fmt::{self, Write};

use arrow::array::{Array, ArrayRef, AsArray, UnionArray};
use arrow::datatypes::{
    DataType, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Field, Float32Type, Float64Type, IntervalDayTimeType,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, TimeUnit,
};
use arrow::error::ArrowError;
use arrow::util::display::{
    ArrayFormatter, ArrayFormatterFactory, DisplayIndex, FormatOptions, FormatResult,
};

/// How values are formatted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueStyle {
    /// With every digit, for programs.
    Exact,
    /// Floats rounded to seven digits, and no fractions of a second in durations of days.
    Human,
}

impl ValueStyle {
    /// The formatter of a column. Nulls are empty.
    ///
    /// # Errors
    ///
    /// If Arrow has no text for a type of the column.
    pub fn formatter(self, column: &dyn Array) -> Result<ArrayFormatter<'_>, ArrowError> {
        let options = FormatOptions::new().with_formatter_factory(Some(match self {
            Self::Exact => &Self::Exact,
            Self::Human => &Self::Human,
        }));
        formatter(column, &options)
    }
}

fn formatter<'a>(
    column: &'a dyn Array,
    options: &FormatOptions<'a>,
) -> Result<ArrayFormatter<'a>, ArrowError> {
    let ours = match options.formatter_factory() {
        Some(factory) => factory.create_array_formatter(column, options, None)?,
        None => None,
    };
    ours.map_or_else(|| ArrayFormatter::try_new(column, options), Ok)
}

impl ArrayFormatterFactory for ValueStyle {
    /// Arrow also calls this for the values inside lists and structs.
    fn create_array_formatter<'a>(
        &self,
        array: &'a dyn Array,
        options: &FormatOptions<'a>,
        _field: Option<&'a Field>,
    ) -> Result<Option<ArrayFormatter<'a>>, ArrowError> {
        let ours: Box<dyn DisplayIndex + 'a> = match array.data_type() {
            DataType::Duration(_) | DataType::Interval(_) => {
                Box::new(Spans { array, style: *self })
            }
            DataType::Float32 | DataType::Float64 if *self == Self::Human => {
                Box::new(Floats(array))
            }
            DataType::Union(..) => Box::new(Members::new(array.as_union(), options)?),
            _ => return Ok(None),
        };
        Ok(Some(ArrayFormatter::new(ours, options.safe())))
    }
}

/// A duration or interval. The months, days and nanoseconds are independent of each other, because a day
/// need not have 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    months: i64,
    days: i64,
    nanoseconds: i128,
}

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

impl Span {
    /// The value at a row of a column of durations or intervals.
    fn at(array: &dyn Array, row: usize) -> Self {
        macro_rules! value {
            ($type:ty) => {
                array.as_primitive::<$type>().value(row)
            };
        }
        let duration = |count: i64, unit: i128| {
            let nanoseconds = i128::from(count) * unit;
            // The days always fit, because a duration has at most 64 bits of seconds.
            Self { months: 0, days: (nanoseconds / DAY) as i64, nanoseconds: nanoseconds % DAY }
        };
        match array.data_type() {
            DataType::Duration(TimeUnit::Second) => duration(value!(DurationSecondType), SECOND),
            DataType::Duration(TimeUnit::Millisecond) => {
                duration(value!(DurationMillisecondType), 1_000_000)
            }
            DataType::Duration(TimeUnit::Microsecond) => {
                duration(value!(DurationMicrosecondType), 1_000)
            }
            DataType::Duration(TimeUnit::Nanosecond) => duration(value!(DurationNanosecondType), 1),
            DataType::Interval(IntervalUnit::YearMonth) => {
                let months = i64::from(value!(IntervalYearMonthType));
                Self { months, days: 0, nanoseconds: 0 }
            }
            DataType::Interval(IntervalUnit::DayTime) => {
                let span = value!(IntervalDayTimeType);
                let nanoseconds = i128::from(span.milliseconds) * 1_000_000;
                Self { months: 0, days: i64::from(span.days), nanoseconds }
            }
            _ => {
                let span = value!(IntervalMonthDayNanoType);
                let nanoseconds = i128::from(span.nanoseconds);
                Self { months: i64::from(span.months), days: i64::from(span.days), nanoseconds }
            }
        }
    }

    /// As in `2 days 03:04:05`, which PostgreSQL and DuckDB can parse. Each part has its own sign.
    fn write(self, style: ValueStyle, f: &mut dyn Write) -> fmt::Result {
        let mut before = "";
        let parts = [(self.months / 12, "year"), (self.months % 12, "month"), (self.days, "day")];
        for (count, unit) in parts.into_iter().filter(|(count, _)| *count != 0) {
            let plural = if count.abs() == 1 { "" } else { "s" };
            write!(f, "{before}{count} {unit}{plural}")?;
            before = " ";
        }
        if self.nanoseconds == 0 && !before.is_empty() {
            return Ok(());
        }
        let sign = if self.nanoseconds < 0 { "-" } else { "" };
        let nanoseconds = self.nanoseconds.unsigned_abs();
        let seconds = nanoseconds / SECOND.unsigned_abs();
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        write!(f, "{before}{sign}{hours:02}:{minutes:02}:{:02}", seconds % 60)?;
        let fraction = nanoseconds % SECOND.unsigned_abs();
        let fraction = match style {
            ValueStyle::Human if !before.is_empty() => 0,
            ValueStyle::Human if seconds > 0 => fraction / 1_000_000 * 1_000_000,
            _ => fraction,
        };
        match fraction {
            0 => Ok(()),
            n if n % 1_000_000 == 0 => write!(f, ".{:03}", n / 1_000_000),
            n if n % 1_000 == 0 => write!(f, ".{:06}", n / 1_000),
            n => write!(f, ".{n:09}"),
        }
    }
}

struct Spans<'a> {
    array: &'a dyn Array,
    style: ValueStyle,
}

impl DisplayIndex for Spans<'_> {
    fn write(&self, row: usize, f: &mut dyn Write) -> FormatResult {
        if self.array.is_valid(row) {
            Span::at(self.array, row).write(self.style, f)?;
        }
        Ok(())
    }
}

struct Floats<'a>(&'a dyn Array);

impl DisplayIndex for Floats<'_> {
    fn write(&self, row: usize, f: &mut dyn Write) -> FormatResult {
        if self.0.is_valid(row) {
            let float = match self.0.data_type() {
                DataType::Float32 => f64::from(self.0.as_primitive::<Float32Type>().value(row)),
                _ => self.0.as_primitive::<Float64Type>().value(row),
            };
            f.write_str(&rounded(float))?;
        }
        Ok(())
    }
}

/// Rounds to seven digits, with at least three and at most six decimals, and without trailing zeros.
fn rounded(float: f64) -> String {
    /// From here on, floats have no fractions.
    const WHOLE: f64 = 1e15;
    let size = float.abs();
    if !float.is_finite() {
        return float.to_string();
    }
    if size == size.trunc() && size < WHOLE {
        return format!("{float:.1}");
    }
    if !(1e-4..WHOLE).contains(&size) {
        let text = format!("{float:.6e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let most = if size < 1e-2 { 10.0 } else { 6.0 };
    let decimals = (6.0 - size.log10().floor()).clamp(3.0, most);
    let text = format!("{float:.*}", decimals as usize);
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}

/// The values of a union, each formatted by its variant's formatter.
struct Members<'a> {
    array: &'a UnionArray,
    /// Indexed by type id, which is never negative.
    formatters: Vec<Option<ArrayFormatter<'a>>>,
}

impl<'a> Members<'a> {
    fn new(array: &'a UnionArray, options: &FormatOptions<'a>) -> Result<Self, ArrowError> {
        let mut formatters = Vec::new();
        for (id, _) in array.fields().iter() {
            let at = usize::from(id.unsigned_abs());
            formatters.resize_with(formatters.len().max(at + 1), || None);
            formatters[at] = Some(formatter(array.child(id), options)?);
        }
        Ok(Self { array, formatters })
    }
}

impl DisplayIndex for Members<'_> {
    fn write(&self, row: usize, f: &mut dyn Write) -> FormatResult {
        let member = usize::from(self.array.type_id(row).unsigned_abs());
        if let Some(Some(formatter)) = self.formatters.get(member) {
            write!(f, "{}", formatter.value(self.array.value_offset(row)))?;
        }
        Ok(())
    }
}

/// Which rows of a column are null, including types without a validity bitmap, such as a union of JSON
/// values.
pub fn is_null(column: &ArrayRef) -> impl Fn(usize) -> bool + use<> {
    let nulls = column.logical_nulls();
    move |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_the_digits_that_a_person_reads() {
        for (float, text) in [
            (0.0, "0.0"),
            (-3.0, "-3.0"),
            (0.1 + 0.2, "0.3"),
            (0.07725, "0.07725"),
            (0.044_178_611_111, "0.044179"),
            (0.004_417_861_111, "0.004417861"),
            (1_234.567_891_234, "1234.568"),
            (12_345_678.912_345, "12345678.912"),
            (9_999.999_999_9, "10000.0"),
            (1e22, "1e22"),
            (0.000_012_345_678_9, "1.234568e-5"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(rounded(float), text);
        }
    }

    #[test]
    fn spans_of_time_are_written_as_people_write_them() {
        let span = |months, days, nanoseconds| {
            let mut texts = [String::new(), String::new()];
            let span = Span { months, days, nanoseconds };
            span.write(ValueStyle::Exact, &mut texts[0]).unwrap();
            span.write(ValueStyle::Human, &mut texts[1]).unwrap();
            texts
        };
        let time = (3 * 3_600 + 4 * 60 + 5) * SECOND;
        assert_eq!(span(0, 0, 0), ["00:00:00"; 2]);
        assert_eq!(span(0, 2, time), ["2 days 03:04:05"; 2]);
        assert_eq!(span(0, 1, 0), ["1 day"; 2]);
        assert_eq!(
            span(14, -1, -time),
            ["1 year 2 months -1 days -03:04:05"; 2].map(|text| text.replace("-1 days", "-1 day"))
        );
        assert_eq!(span(0, 2, time + 1), ["2 days 03:04:05.000000001", "2 days 03:04:05"]);
        assert_eq!(span(0, 0, time + 1_500_000), ["03:04:05.001500", "03:04:05.001"]);
        assert_eq!(span(0, 0, 12_000), ["00:00:00.000012"; 2]);
        assert_eq!(span(0, 0, 100 * 3_600 * SECOND), ["100:00:00"; 2]);
    }
}
