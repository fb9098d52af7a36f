//! `printf` with C's formats, as in SQLite, and `format` with Python's, as in DuckDB.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use crate::query::functions::call::{Call, short};
use crate::query::functions::text_builder::TextBuilder;

/// No value is made wider than this, so that a format cannot fill the memory.
const MAX_WIDTH: usize = 1_000;

/// The longest text that a format makes.
const MAX_TEXT: usize = 64 << 20;

/// A column of arguments.
struct Values {
    /// What they print as by themselves.
    texts: ArrayRef,
    ints: Option<ArrayRef>,
    floats: Option<ArrayRef>,
}

/// How a value is printed.
#[derive(Debug, Default, Clone)]
struct Spec {
    left: bool,
    centre: bool,
    right: bool,
    plus: bool,
    space: bool,
    zero: bool,
    alternate: bool,
    commas: bool,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

/// Formats the arguments after the first by the first. With `braces`, a format without `%` is
/// Python's.
pub(super) fn formatted(call: &Call<'_>, braces: bool) -> Result<ArrayRef> {
    let formats = call.texts(0)?;
    let values = (1..call.len()).map(|index| Values::of(call, index));
    let values = values.collect::<Result<Vec<_>>>()?;
    let mut builder = TextBuilder::new(call);
    for row in 0..call.rows() {
        let Some(format) = formats.get(row) else {
            builder.append_null();
            continue;
        };
        let row = Row { values: &values, row };
        let text = match braces && !format.contains('%') {
            true => row.braces(format),
            false => row.percents(format),
        };
        match text {
            Ok(text) => builder.append_value(text)?,
            Err(reason) => return exec_err!("{}(): {reason} in '{}'", call.name(), short(format)),
        }
    }
    builder.finish()
}

impl Values {
    fn of(call: &Call<'_>, index: usize) -> Result<Self> {
        let array = call.array(index)?;
        let ty = array.data_type().clone();
        let as_type = |ty: DataType| cast(&array, &ty);
        let is_int = ty.is_integer() || ty == DataType::Boolean;
        Ok(Self {
            texts: as_type(DataType::Utf8View)?,
            ints: is_int.then(|| as_type(DataType::Int64)).transpose()?,
            floats: (ty.is_numeric() && !is_int).then(|| as_type(DataType::Float64)).transpose()?,
        })
    }
}

struct Row<'a> {
    values: &'a [Values],
    row: usize,
}

impl<'a> Row<'a> {
    fn text(&self, index: usize) -> Option<&'a str> {
        let texts = self.values.get(index)?.texts.as_string_view_opt()?;
        texts.is_valid(self.row).then(|| texts.value(self.row))
    }

    fn int(&self, index: usize) -> Option<i64> {
        let values = self.values.get(index)?;
        if let Some(ints) = &values.ints {
            let ints = ints.as_primitive_opt::<arrow::datatypes::Int64Type>()?;
            return ints.is_valid(self.row).then(|| ints.value(self.row));
        }
        if values.floats.is_some() {
            return self.float(index).map(|float| float as i64);
        }
        // SQLite reads the number at the beginning of a text.
        let text = self.text(index)?.trim_start();
        let sign = usize::from(text.starts_with(['+', '-']));
        let digits = text.get(sign..)?;
        let end = digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
        Some(text.get(..sign + end)?.parse().unwrap_or(0))
    }

    fn float(&self, index: usize) -> Option<f64> {
        let values = self.values.get(index)?;
        if let Some(floats) = &values.floats {
            let floats = floats.as_primitive_opt::<arrow::datatypes::Float64Type>()?;
            return floats.is_valid(self.row).then(|| floats.value(self.row));
        }
        if values.ints.is_some() {
            return self.int(index).map(|int| int as f64);
        }
        Some(self.text(index)?.trim().parse().unwrap_or(0.0))
    }

    /// `%[flags][width][.precision]conversion`
    fn percents(&self, format: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut next = 0;
        let mut rest = format;
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                out.push('%');
                rest = after;
                continue;
            }
            let (mut spec, after) = self.percent_spec(after, &mut next)?;
            if spec.conversion == 'i' || spec.conversion == 'u' {
                spec.conversion = 'd';
            }
            self.write(&spec, next, &mut out)?;
            check_length(&out)?;
            next += 1;
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn percent_spec<'f>(
        &self,
        format: &'f str,
        next: &mut usize,
    ) -> Result<(Spec, &'f str), String> {
        let mut spec = Spec::default();
        let mut rest = format;
        while let Some(flag) = rest.chars().next() {
            match flag {
                '-' => spec.left = true,
                '+' => spec.plus = true,
                ' ' => spec.space = true,
                '0' => spec.zero = true,
                '#' => spec.alternate = true,
                ',' => spec.commas = true,
                '!' => {}
                _ => break,
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        let mut star = |rest: &mut &'f str| {
            let after = rest.strip_prefix('*')?;
            *rest = after;
            let width = self.int(*next).unwrap_or(0);
            *next += 1;
            Some(width)
        };
        if let Some(width) = star(&mut rest) {
            spec.left |= width < 0;
            spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(MAX_WIDTH);
        } else {
            (spec.width, rest) = digits(rest).map_or((0, rest), |found| found);
        }
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            let precision = match star(&mut rest) {
                Some(precision) => usize::try_from(precision).unwrap_or(0),
                None => {
                    let (precision, after) = digits(rest).unwrap_or((0, rest));
                    rest = after;
                    precision
                }
            };
            spec.precision = Some(precision.min(MAX_WIDTH));
        }
        spec.width = spec.width.min(MAX_WIDTH);
        // The sizes of C's types.
        rest = rest.trim_start_matches('l');
        let Some(conversion) = rest.chars().next() else {
            return Err("the last % has no conversion".to_owned());
        };
        spec.conversion = conversion;
        Ok((spec, rest.get(conversion.len_utf8()..).unwrap_or_default()))
    }

    /// `{[index][:[fill][align][sign][#][0][width][,][.precision][conversion]]}`
    fn braces(&self, format: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut next = 0;
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, found) = rest.split_at(at);
            out.push_str(before);
            if let Some(after) = found.strip_prefix("{{").or_else(|| found.strip_prefix("}}")) {
                out.push_str(found.get(..1).unwrap_or_default());
                rest = after;
                continue;
            }
            let Some((field, after)) = found.strip_prefix('{').and_then(|f| f.split_once('}'))
            else {
                return Err("a { or } has no other".to_owned());
            };
            let (index, spec) = field.split_once(':').unwrap_or((field, ""));
            let index = match index.trim() {
                "" => {
                    next += 1;
                    next - 1
                }
                index => index.parse().map_err(|_| format!("'{index}' is no number of a value"))?,
            };
            let mut spec = brace_spec(spec)?;
            if spec.conversion == ' ' {
                spec.conversion = self.default_conversion(index, &spec);
            }
            if index >= self.values.len() {
                return Err(format!("there is no value {index}"));
            }
            // Numbers are on the right, and texts on the left.
            if !spec.right && !spec.centre && spec.conversion == 's' {
                spec.left = true;
            }
            self.write(&spec, index, &mut out)?;
            check_length(&out)?;
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn default_conversion(&self, index: usize, spec: &Spec) -> char {
        match self.values.get(index) {
            Some(values) if values.ints.is_some() => 'd',
            Some(values) if values.floats.is_some() && spec.precision.is_some() => 'g',
            Some(values) if values.floats.is_some() => 'r',
            _ => 's',
        }
    }

    fn write(&self, spec: &Spec, index: usize, out: &mut String) -> Result<(), String> {
        let signed = |negative: bool| match (negative, spec.plus, spec.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        let (sign, body) = match spec.conversion {
            'd' => {
                let number = self.int(index).unwrap_or(0);
                let mut digits = number.unsigned_abs().to_string();
                if let Some(least) = spec.precision {
                    digits = format!("{digits:0>least$}");
                }
                let digits = if spec.commas { grouped(&digits) } else { digits };
                (signed(number < 0), digits)
            }
            'x' | 'X' | 'o' | 'b' => {
                let number = self.int(index).unwrap_or(0);
                let (prefix, digits) = match spec.conversion {
                    'x' => ("0x", format!("{number:x}")),
                    'X' => ("0X", format!("{number:X}")),
                    'o' => ("0", format!("{number:o}")),
                    _ => ("0b", format!("{number:b}")),
                };
                (if spec.alternate { prefix } else { "" }, digits)
            }
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' | 'r' => {
                let number = self.float(index).unwrap_or(0.0);
                let digits = float(number.abs(), spec);
                let digits = if spec.commas { grouped(&digits) } else { digits };
                (signed(number.is_sign_negative() && !number.is_nan()), digits)
            }
            's' | 'z' => {
                let text = self.text(index).unwrap_or_default();
                let text = match spec.precision {
                    Some(most) => text.chars().take(most).collect(),
                    None => text.to_owned(),
                };
                ("", text)
            }
            'c' => {
                let text = self.text(index).unwrap_or_default();
                ("", text.chars().next().map(String::from).unwrap_or_default())
            }
            'q' => ("", self.text(index).unwrap_or_default().replace('\'', "''")),
            'Q' => match self.text(index) {
                Some(text) => ("", format!("'{}'", text.replace('\'', "''"))),
                None => ("", "NULL".to_owned()),
            },
            'w' => ("", self.text(index).unwrap_or_default().replace('"', "\"\"")),
            other => return Err(format!("'{other}' is no conversion, such as d, f or s")),
        };
        let is_number = !matches!(spec.conversion, 's' | 'z' | 'c' | 'q' | 'Q' | 'w');
        let fill = spec.width.saturating_sub(sign.chars().count() + body.chars().count());
        let spaces = |count: usize| " ".repeat(count);
        if spec.zero && is_number && !spec.left && !spec.centre {
            out.push_str(sign);
            out.push_str(&"0".repeat(fill));
            out.push_str(&body);
            return Ok(());
        }
        let before = match (spec.left, spec.centre) {
            (true, _) => 0,
            (_, true) => fill / 2,
            _ => fill,
        };
        out.push_str(&spaces(before));
        out.push_str(sign);
        out.push_str(&body);
        out.push_str(&spaces(fill - before));
        Ok(())
    }
}

fn check_length(text: &str) -> Result<(), String> {
    match text.len() > MAX_TEXT {
        true => Err(format!("the text is longer than {MAX_TEXT} bytes")),
        false => Ok(()),
    }
}

fn digits(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    (!digits.is_empty()).then(|| (digits.parse().unwrap_or(MAX_WIDTH).min(MAX_WIDTH), rest))
}

fn brace_spec(text: &str) -> Result<Spec, String> {
    let mut spec = Spec { conversion: ' ', ..Spec::default() };
    let mut rest = text;
    let mut chars = rest.chars();
    let (first, second) = (chars.next(), chars.next());
    let is_align = |char: Option<char>| matches!(char, Some('<' | '>' | '^'));
    if is_align(second) && first.is_some_and(|fill| fill != ' ') {
        return Err("only spaces fill up".to_owned());
    }
    if is_align(second) {
        rest = rest.get(1..).unwrap_or_default();
    }
    let take = |rest: &mut &str, flag: char| {
        let found = rest.strip_prefix(flag);
        *rest = found.unwrap_or(rest);
        found.is_some()
    };
    spec.left = take(&mut rest, '<');
    spec.right = take(&mut rest, '>');
    spec.centre = take(&mut rest, '^');
    spec.plus = take(&mut rest, '+');
    spec.space = take(&mut rest, ' ');
    spec.alternate = take(&mut rest, '#');
    spec.zero = take(&mut rest, '0');
    if let Some((width, after)) = digits(rest) {
        (spec.width, rest) = (width, after);
    }
    spec.commas = take(&mut rest, ',');
    if let Some(after) = rest.strip_prefix('.') {
        let Some((precision, after)) = digits(after) else {
            return Err("a precision is missing".to_owned());
        };
        (spec.precision, rest) = (Some(precision), after);
    }
    let mut conversion = rest.chars();
    spec.conversion = conversion.next().unwrap_or(' ');
    match conversion.next() {
        None => Ok(spec),
        Some(_) => Err(format!("'{text}' is no format of a value")),
    }
}

fn float(number: f64, spec: &Spec) -> String {
    if !number.is_finite() {
        return if number.is_nan() { "nan" } else { "inf" }.to_owned();
    }
    let precision = spec.precision.unwrap_or(6);
    let text = match spec.conversion {
        'f' | 'F' => format!("{number:.precision$}"),
        'e' | 'E' => exponent(number, precision),
        'r' => format!("{number:?}"),
        _ => shortest(number, precision.max(1), spec.alternate),
    };
    if matches!(spec.conversion, 'E' | 'G') { text.to_uppercase() } else { text }
}

/// C writes at least two digits of an exponent, and its sign.
fn exponent(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// C's `%g`: that many significant digits, without zeros at the end.
fn shortest(number: f64, digits: usize, keeps_zeros: bool) -> String {
    let scientific = exponent(number, digits - 1);
    let power = scientific.split_once('e').and_then(|(_, power)| power.parse::<i64>().ok());
    let power = power.unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') && !keeps_zeros {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if power < -4 || power >= digits as i64 {
        let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
        return format!("{}e{power}", trimmed(mantissa));
    }
    let decimals = usize::try_from(digits as i64 - 1 - power).unwrap_or(0);
    trimmed(&format!("{number:.decimals$}"))
}

/// Puts a comma between thousands.
fn grouped(digits: &str) -> String {
    let end = digits.find('.').unwrap_or(digits.len());
    let (whole, fraction) = digits.split_at(end);
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}
