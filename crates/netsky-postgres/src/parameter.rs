//! The values that clients send for parameters.

use arrow::datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use datafusion::common::ScalarValue;

use crate::interval;
use crate::request::Format;
use crate::sqlstate::Failure;
use crate::types::{PgType, ValueType};

/// From 1970 to 2000, where PostgreSQL counts from.
const DAYS_TO_2000: i64 = 10_957;
const MICROS_TO_2000: i64 = 946_684_800_000_000;

const UTC: &str = "UTC";

/// The most elements of an array: each takes at least its length.
const ELEMENT_BYTES: usize = 4;

/// Reads a value. A type of `None` is unknown to the planner, too: then the value is text.
///
/// # Errors
///
/// The bytes are no value of the type.
pub fn read(
    ty: Option<ValueType>,
    format: Format,
    bytes: Option<&[u8]>,
) -> Result<ScalarValue, Failure> {
    let Some(bytes) = bytes else { return Ok(ScalarValue::Null) };
    match (format, ty.unwrap_or(ValueType::One(PgType::Text))) {
        (Format::Text, ValueType::One(ty)) => from_text(ty, utf8(bytes)?),
        (Format::Text, ValueType::Array(ty)) => {
            let texts = elements(utf8(bytes)?)
                .ok_or_else(|| Failure::invalid_value("malformed array literal"))?;
            let one = |text: Option<String>| match text {
                Some(text) => from_text(ty, &text),
                None => Ok(ScalarValue::Null),
            };
            list(ty, texts.into_iter().map(one))
        }
        (Format::Binary, ValueType::One(ty)) => from_binary(ty, bytes),
        (Format::Binary, ValueType::Array(ty)) => from_binary_array(ty, bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Failure> {
    let message = "invalid byte sequence for encoding \"UTF8\"";
    std::str::from_utf8(bytes).map_err(|_| Failure::new("22021", message))
}

fn invalid(ty: PgType, text: &str) -> Failure {
    let name = ty.name();
    Failure::invalid_value(format!("invalid input syntax for type {name}: \"{text}\""))
}

/// Reads the text of a value. The planner casts texts to the type that it needs, so that few are read here.
fn from_text(ty: PgType, text: &str) -> Result<ScalarValue, Failure> {
    let trimmed = text.trim();
    Ok(match ty {
        PgType::Bool => match trimmed.to_ascii_lowercase().as_str() {
            "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => true.into(),
            "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => false.into(),
            _ => return Err(invalid(ty, text)),
        },
        PgType::Int2 | PgType::Int4 | PgType::Int8 => {
            let number: i64 = trimmed.parse().map_err(|_| invalid(ty, text))?;
            ScalarValue::Int64(Some(number))
        }
        PgType::Bytea => ScalarValue::Binary(Some(bytea(text).ok_or_else(|| invalid(ty, text))?)),
        PgType::Timestamp | PgType::Timestamptz if trimmed.eq_ignore_ascii_case("infinity") => {
            nanoseconds(ty, i64::MAX)
        }
        PgType::Timestamp | PgType::Timestamptz if trimmed.eq_ignore_ascii_case("-infinity") => {
            nanoseconds(ty, i64::MIN)
        }
        PgType::Interval => match interval::parse(text) {
            Some(interval) => ScalarValue::IntervalMonthDayNano(Some(interval)),
            None => ScalarValue::Utf8View(Some(text.to_owned())),
        },
        PgType::Date | PgType::Timestamp | PgType::Timestamptz => {
            ScalarValue::Utf8View(Some(midnight(ty, trimmed)))
        }
        _ => ScalarValue::Utf8View(Some(text.to_owned())),
    })
}

/// A day with a zone, as JDBC sends it, is a day, or its beginning in the zone.
fn midnight(ty: PgType, text: &str) -> String {
    match text.split_once(' ') {
        Some((day, zone)) if zone.starts_with(['+', '-']) && day.len() == 10 => match ty {
            PgType::Timestamptz => format!("{day} 00:00:00{zone}"),
            _ => day.to_owned(),
        },
        _ => text.to_owned(),
    }
}

/// Reads bytes in hexadecimal digits or with octal escapes.
pub fn bytea(text: &str) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let pair = |pair: &[u8]| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        };
        return digits.chunks(2).map(pair).collect();
    }
    let mut bytes = text.bytes();
    let mut read = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            read.push(byte);
            continue;
        }
        let first = bytes.next()?;
        if first == b'\\' {
            read.push(first);
            continue;
        }
        let octal = [first, bytes.next()?, bytes.next()?];
        read.push(u8::from_str_radix(std::str::from_utf8(&octal).ok()?, 8).ok()?);
    }
    Some(read)
}

fn nanoseconds(ty: PgType, nanos: i64) -> ScalarValue {
    let zone = (ty == PgType::Timestamptz).then(|| UTC.into());
    ScalarValue::TimestampNanosecond(Some(nanos), zone)
}

fn from_binary(ty: PgType, bytes: &[u8]) -> Result<ScalarValue, Failure> {
    binary(ty, bytes).unwrap_or_else(|| {
        let message = format!("incorrect binary data format for type {}", ty.name());
        Err(Failure::new("22P03", message))
    })
}

fn number<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// Returns `None` if the bytes have another form.
fn binary(ty: PgType, bytes: &[u8]) -> Option<Result<ScalarValue, Failure>> {
    Some(Ok(match ty {
        PgType::Bool => match bytes {
            [byte] => ScalarValue::Boolean(Some(*byte != 0)),
            _ => return None,
        },
        PgType::Int2 => ScalarValue::Int64(Some(i16::from_be_bytes(number(bytes)?).into())),
        PgType::Int4 => ScalarValue::Int64(Some(i32::from_be_bytes(number(bytes)?).into())),
        PgType::Int8 => ScalarValue::Int64(Some(i64::from_be_bytes(number(bytes)?))),
        PgType::Oid
        | PgType::RegProc
        | PgType::Xid
        | PgType::RegProcedure
        | PgType::RegClass
        | PgType::RegType
        | PgType::RegNamespace
        | PgType::RegRole => ScalarValue::Int64(Some(u32::from_be_bytes(number(bytes)?).into())),
        PgType::Float4 => ScalarValue::Float64(Some(f32::from_be_bytes(number(bytes)?).into())),
        PgType::Float8 => ScalarValue::Float64(Some(f64::from_be_bytes(number(bytes)?))),
        PgType::Numeric => ScalarValue::Utf8View(Some(numeric(bytes)?)),
        PgType::Bytea => ScalarValue::Binary(Some(bytes.to_vec())),
        PgType::Date => {
            let days = i64::from(i32::from_be_bytes(number(bytes)?)) + DAYS_TO_2000;
            match i32::try_from(days) {
                Ok(days) => ScalarValue::Date32(Some(days)),
                Err(_) => return Some(Err(Failure::out_of_range("date"))),
            }
        }
        PgType::Time => ScalarValue::Time64Microsecond(Some(i64::from_be_bytes(number(bytes)?))),
        PgType::Timestamp | PgType::Timestamptz => match i64::from_be_bytes(number(bytes)?) {
            infinity @ (i64::MAX | i64::MIN) => nanoseconds(ty, infinity),
            micros => {
                // No row has a time outside of the range, so the nearest one compares in the same way.
                let nanos = (i128::from(micros) + i128::from(MICROS_TO_2000)) * 1_000;
                let nearest = if nanos < 0 { i64::MIN } else { i64::MAX };
                nanoseconds(ty, i64::try_from(nanos).unwrap_or(nearest))
            }
        },
        PgType::Interval => {
            let (micros, rest) = bytes.split_at_checked(8)?;
            let (days, months) = rest.split_at_checked(4)?;
            let nanos = i64::from_be_bytes(number(micros)?).checked_mul(1_000);
            let Some(nanos) = nanos else {
                return Some(Err(Failure::out_of_range("interval")));
            };
            let days = i32::from_be_bytes(number(days)?);
            let months = i32::from_be_bytes(number(months)?);
            let value = IntervalMonthDayNanoType::make_value(months, days, nanos);
            ScalarValue::IntervalMonthDayNano(Some(value))
        }
        PgType::Json => match bytes.split_first() {
            // The version of jsonb.
            Some((1, text)) => return Some(text_of(text)),
            _ => return Some(text_of(bytes)),
        },
        PgType::Text
        | PgType::Name
        | PgType::Char
        | PgType::Varchar
        | PgType::PgNodeTree
        | PgType::AclItem => return Some(text_of(bytes)),
        PgType::Int2Vector | PgType::OidVector => return None,
    }))
}

fn text_of(bytes: &[u8]) -> Result<ScalarValue, Failure> {
    Ok(ScalarValue::Utf8View(Some(utf8(bytes)?.to_owned())))
}

/// Returns the digits of a number.
fn numeric(bytes: &[u8]) -> Option<String> {
    let shorts: Vec<[u8; 2]> = bytes.chunks(2).map(number).collect::<Option<_>>()?;
    let [count, weight, sign, scale, groups @ ..] = shorts.as_slice() else { return None };
    let (count, scale) = (u16::from_be_bytes(*count), u16::from_be_bytes(*scale));
    let weight = i32::from(i16::from_be_bytes(*weight));
    let sign = match u16::from_be_bytes(*sign) {
        0 => "",
        0x4000 => "-",
        0xc000 => return Some("NaN".to_owned()),
        0xd000 => return Some("Infinity".to_owned()),
        0xf000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    if groups.len() != usize::from(count) || scale > 0x3fff {
        return None;
    }
    let groups: Vec<u16> = groups.iter().map(|group| u16::from_be_bytes(*group)).collect();
    if groups.iter().any(|group| *group > 9_999) {
        return None;
    }
    let group = |place: i32| {
        let index = usize::try_from(weight - place).ok();
        index.and_then(|index| groups.get(index)).copied().unwrap_or_default()
    };
    let digits = |place| format!("{:04}", group(place));
    let whole: String = (0..=weight.max(0)).rev().map(digits).collect();
    let scale = usize::from(scale);
    let places = i32::try_from(scale.div_ceil(4)).ok()?;
    let mut part: String = (1..=places).map(|place| digits(-place)).collect();
    part.truncate(scale);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let point = if scale > 0 { "." } else { "" };
    Some(format!("{sign}{whole}{point}{part}"))
}

fn from_binary_array(ty: PgType, bytes: &[u8]) -> Result<ScalarValue, Failure> {
    let read = || {
        let (dimensions, rest) = bytes.split_first_chunk::<4>()?;
        // Whether there are NULLs, and the type of the elements.
        let (_, mut rest) = rest.split_first_chunk::<8>()?;
        match i32::from_be_bytes(*dimensions) {
            0 => return Some(Vec::new()),
            1 => {}
            _ => return None,
        }
        let (count, elements) = rest.split_first_chunk::<4>()?;
        (_, rest) = elements.split_first_chunk::<4>()?;
        let count = usize::try_from(i32::from_be_bytes(*count)).ok()?;
        if count > rest.len() / ELEMENT_BYTES {
            return None;
        }
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            let (length, after) = rest.split_first_chunk::<4>()?;
            rest = after;
            match i32::from_be_bytes(*length) {
                -1 => values.push(None),
                length => {
                    let (value, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                    rest = after;
                    values.push(Some(value));
                }
            }
        }
        rest.is_empty().then_some(values)
    };
    let values = read()
        .ok_or_else(|| Failure::new("22P03", "an array parameter must have one dimension"))?;
    let one = |value: Option<&[u8]>| match value {
        Some(value) => from_binary(ty, value),
        None => Ok(ScalarValue::Null),
    };
    list(ty, values.into_iter().map(one))
}

/// Returns a list of values of a type.
fn list(
    ty: PgType,
    values: impl Iterator<Item = Result<ScalarValue, Failure>>,
) -> Result<ScalarValue, Failure> {
    let element = ty.arrow();
    let cast = |value: Result<ScalarValue, Failure>| {
        let value = value?;
        value.cast_to(&element).map_err(|_| invalid(ty, &value.to_string()))
    };
    let values: Vec<ScalarValue> = values.map(cast).collect::<Result<_, _>>()?;
    Ok(ScalarValue::List(ScalarValue::new_list_nullable(&values, &element)))
}

/// Reads the text of an array of one dimension. Returns `None` if it has another form.
fn elements(text: &str) -> Option<Vec<Option<String>>> {
    let text = text.trim();
    // The bounds of the index, as in `[0:1]={a,b}`.
    let text = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]=")?.1,
        None => text,
    };
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut characters = inner.chars().peekable();
    let mut elements = Vec::new();
    if inner.trim().is_empty() {
        return Some(elements);
    }
    loop {
        while characters.next_if(|character| character.is_whitespace()).is_some() {}
        let mut element = String::new();
        let is_quoted = characters.next_if_eq(&'"').is_some();
        loop {
            match characters.peek() {
                Some('"') if is_quoted => break,
                Some(',') if !is_quoted => break,
                None if !is_quoted => break,
                None => return None,
                Some('{' | '}' | '"') if !is_quoted => return None,
                Some('\\') => {
                    characters.next();
                    element.push(characters.next()?);
                }
                Some(character) => {
                    element.push(*character);
                    characters.next();
                }
            }
        }
        if is_quoted {
            characters.next();
            while characters.next_if(|character| character.is_whitespace()).is_some() {}
            elements.push(Some(element));
        } else {
            let element = element.trim_end();
            if element.is_empty() {
                return None;
            }
            let is_null = element.eq_ignore_ascii_case("null");
            elements.push((!is_null).then(|| element.to_owned()));
        }
        match characters.next() {
            Some(',') => {}
            None => return Some(elements),
            Some(_) => return None,
        }
    }
}

impl PgType {
    /// The Arrow type that has its values.
    fn arrow(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Bytea => DataType::Binary,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8
            | Self::Oid
            | Self::RegProc
            | Self::Xid
            | Self::RegProcedure
            | Self::RegClass
            | Self::RegType
            | Self::RegNamespace
            | Self::RegRole => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Nanosecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            // Numbers of any length: the planner casts them.
            Self::Numeric
            | Self::Text
            | Self::Name
            | Self::Char
            | Self::Varchar
            | Self::PgNodeTree
            | Self::AclItem
            | Self::Json => DataType::Utf8View,
            Self::Int2Vector | Self::OidVector => DataType::new_list(DataType::Int64, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arrays_are_read_as_postgresql_does() {
        let texts = |texts: &[Option<&str>]| {
            Some(texts.iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>())
        };
        for (text, expected) in [
            ("{}", texts(&[])),
            ("{a,b}", texts(&[Some("a"), Some("b")])),
            (
                r#"{"a,b", null ,"NULL","\"\\"}"#,
                texts(&[Some("a,b"), None, Some("NULL"), Some(r#""\"#)]),
            ),
            ("[0:1]={1,2}", texts(&[Some("1"), Some("2")])),
            ("{{1},{2}}", None),
            ("{a,}", None),
            ("{\"a}", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(elements(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimals_are_read_as_they_are_written(number in any::<i128>(), scale in 0_usize..=38) {
            let digits = format!("{:0>1$}", number.unsigned_abs(), scale + 1);
            let (whole, part) = digits.split_at(digits.len() - scale);
            let sign = if number < 0 { "-" } else { "" };
            let point = if scale > 0 { "." } else { "" };
            let text = format!("{sign}{whole}{point}{part}");
            let mut bytes = Vec::new();
            crate::binary::numeric(&text, &mut bytes).unwrap();
            prop_assert_eq!(numeric(&bytes), Some(text));
        }

        #[test]
        fn any_bytes_are_a_value_or_refused(
            oid in prop::sample::select(vec![
                0_u32, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 30, 114, 700, 701, 1000, 1001, 1007, 1009,
                1016, 1082, 1083, 1114, 1115, 1182, 1184, 1186, 1187, 1231, 1700, 2950, 3802,
            ]),
            is_binary in any::<bool>(),
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let format = if is_binary { Format::Binary } else { Format::Text };
            let _ = read(ValueType::of_parameter(oid), format, Some(&bytes));
        }
    }
}
