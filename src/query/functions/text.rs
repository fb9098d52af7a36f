//! Functions of texts, regular expressions and hashes.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringViewArray, StringViewBuilder,
};
use arrow::compute::cast as cast_array;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::functions::{core, regex, string, unicode};
use datafusion::functions_nested::extract::array_element_udf;
use datafusion::functions_nested::length::array_length_udf;
use datafusion::logical_expr::{Expr, cast, when};
use datafusion::prelude::lit;
use md5::Md5;
use sha2::Sha256;
use sha2::digest::Digest;

use crate::query::functions::call::Call;
use crate::query::functions::function::{Function, Make, text};
use crate::query::functions::glob;
use crate::query::functions::params::{Kind, Params};
use crate::query::functions::printf;
use crate::query::functions::regexp_extract_all::regexp_extract_all;
use crate::query::functions::scalar::{Scalar, returns};

const TEXT: Params = Params::exact(&[Kind::Text]);
const TWO_TEXTS: Params = Params::exact(&[Kind::Text, Kind::Text]);

pub(super) const FUNCTIONS: &[Function] = &[
    text(
        "len",
        "len(text or list)",
        "The number of characters or elements.",
        "SELECT len('héé')",
        "3",
        Make::Scalar(|| {
            Scalar::spelling(
                "len",
                Params::exact(&[Kind::Any]),
                returns!(DataType::Int64),
                |args, types| {
                    let [value] = args else { return Ok(None) };
                    let length = match types.first() {
                        Some(
                            DataType::List(_)
                            | DataType::LargeList(_)
                            | DataType::FixedSizeList(..),
                        ) => array_length_udf().call(vec![value.clone()]),
                        _ => unicode::character_length()
                            .call(vec![cast(value.clone(), DataType::Utf8View)]),
                    };
                    Ok(Some(cast(length, DataType::Int64)))
                },
            )
        }),
    ),
    text(
        "strlen",
        "strlen(text)",
        "The number of bytes of a text.",
        "SELECT strlen('é')",
        "2",
        Make::Alias("octet_length"),
    ),
    text(
        "ucase",
        "ucase(text)",
        "A text in capital letters.",
        "SELECT ucase('aé')",
        "AÉ",
        Make::Alias("upper"),
    ),
    text(
        "lcase",
        "lcase(text)",
        "A text in small letters.",
        "SELECT lcase('AÉ')",
        "aé",
        Make::Alias("lower"),
    ),
    text(
        "prefix",
        "prefix(text, start)",
        "Whether a text starts with another.",
        "SELECT prefix('abc', 'ab')",
        "true",
        Make::Alias("starts_with"),
    ),
    text(
        "suffix",
        "suffix(text, end)",
        "Whether a text ends with another.",
        "SELECT suffix('abc', 'bc')",
        "true",
        Make::Alias("ends_with"),
    ),
    text(
        "char",
        "char(code, ...)",
        "The characters of Unicode code points.",
        "SELECT char(72, 105)",
        "Hi",
        Make::Scalar(|| {
            let params = Params::and_more(0, &[], Kind::Int);
            Scalar::kernel("char", params, returns!(DataType::Utf8View), char)
        }),
    ),
    text(
        "unicode",
        "unicode(text)",
        "The code point of the first character.",
        "SELECT unicode('é')",
        "233",
        Make::Scalar(|| {
            Scalar::kernel("unicode", TEXT, returns!(DataType::Int64), |call| {
                let texts = call.texts(0)?;
                let first = |row| Some(i64::from(u32::from(texts.get(row)?.chars().next()?)));
                Ok(Arc::new(Int64Array::from_iter((0..call.rows()).map(first))))
            })
        }),
    ),
    text("ord", "ord(text)", "As unicode.", "SELECT ord('A')", "65", Make::Alias("ascii")),
    text(
        "hex",
        "hex(text or number)",
        "The bytes of a text, or a whole number, in hexadecimal digits.",
        "SELECT hex('abc')",
        "616263",
        Make::Scalar(|| {
            Scalar::kernel("hex", Params::exact(&[Kind::Any]), returns!(DataType::Utf8View), hex)
        }),
    ),
    text(
        "quote",
        "quote(value)",
        "A value as a literal of SQL.",
        "SELECT quote('it''s')",
        "'it''s'",
        Make::Scalar(|| {
            Scalar::kernel(
                "quote",
                Params::exact(&[Kind::Any]),
                returns!(DataType::Utf8View),
                quote,
            )
        }),
    ),
    text(
        "glob",
        "glob(pattern, text)",
        "Whether a text matches a pattern with *, ? and [a-z]; x GLOB pattern in SQLite.",
        "SELECT glob('*.t?t', 'a.txt')",
        "true",
        Make::Scalar(|| {
            Scalar::kernel("glob", TWO_TEXTS, returns!(DataType::Boolean), |call| {
                let (patterns, texts) = (call.texts(0)?, call.texts(1)?);
                let matches = |row| Some(glob::matches(patterns.get(row)?, texts.get(row)?));
                Ok(Arc::new(BooleanArray::from_iter((0..call.rows()).map(matches))))
            })
        }),
    ),
    text(
        "printf",
        "printf(format, value, ...)",
        "Values in a text, by C's format: '%5.2f %s'.",
        "SELECT printf('%d %s %.2f|%5d|%-5s|%05d %x', 1, 'a', 3.14159, 42, 'ab', 7, 255)",
        "1 a 3.14|   42|ab   |00007 ff",
        Make::Scalar(|| {
            let params = Params::and_more(1, &[Kind::Text], Kind::Any);
            Scalar::kernel("printf", params, returns!(DataType::Utf8View), |call| {
                printf::formatted(call, false)
            })
        }),
    ),
    text(
        "format",
        "format(format, value, ...)",
        "As printf if the format has a %; else by Python's: '{:.2f} {}'.",
        "SELECT format('{} {:.2f}|{:>5}', 1, 2.5, 'a')",
        "1 2.50|    a",
        Make::Scalar(|| {
            let params = Params::and_more(1, &[Kind::Text], Kind::Any);
            Scalar::kernel("format", params, returns!(DataType::Utf8View), |call| {
                printf::formatted(call, true)
            })
        }),
    ),
    text(
        "md5",
        "md5(text)",
        "The MD5 hash in hexadecimal digits.",
        "SELECT md5('a')",
        "0cc175b9c0f1b6a831c399e269772661",
        Make::Scalar(|| Scalar::kernel("md5", TEXT, returns!(DataType::Utf8View), hashed::<Md5>)),
    ),
    text(
        "sha256",
        "sha256(text)",
        "The SHA-256 hash in hexadecimal digits.",
        "SELECT sha256('a')",
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        Make::Scalar(|| {
            Scalar::kernel("sha256", TEXT, returns!(DataType::Utf8View), hashed::<Sha256>)
        }),
    ),
    text(
        "string_split",
        "string_split(text, separator)",
        "The parts of a text, as a list.",
        "SELECT len(string_split('a,b,,c', ','))",
        "4",
        Make::Alias("string_to_array"),
    ),
    text(
        "str_split",
        "str_split(text, separator)",
        "As string_split.",
        "SELECT str_split('a b', ' ')[2]",
        "b",
        Make::Alias("string_to_array"),
    ),
    text(
        "split",
        "split(text, separator)",
        "As string_split.",
        "SELECT split('a b', ' ')[1]",
        "a",
        Make::Alias("string_to_array"),
    ),
    text(
        "regexp_matches",
        "regexp_matches(text, pattern [, flags])",
        "Whether a part of a text matches a regular expression.",
        "SELECT regexp_matches('abc', 'B', 'i')",
        "true",
        Make::Alias("regexp_like"),
    ),
    text(
        "regexp_full_match",
        "regexp_full_match(text, pattern)",
        "Whether a whole text matches a regular expression.",
        "SELECT regexp_full_match('abc', 'b')",
        "false",
        Make::Scalar(|| {
            Scalar::spelling(
                "regexp_full_match",
                TWO_TEXTS,
                returns!(DataType::Boolean),
                |args, _| {
                    let [text, pattern] = args else { return Ok(None) };
                    let whole =
                        string::concat().call(vec![lit("^(?:"), as_utf8(pattern), lit(")$")]);
                    Ok(Some(regex::regexp_like().call(vec![as_utf8(text), whole])))
                },
            )
        }),
    ),
    text(
        "regexp_extract",
        "regexp_extract(text, pattern [, group [, flags]])",
        "The part of a text that matches a regular expression, or a group of it; '' if none does.",
        "SELECT regexp_extract('abc-123', '([a-z]+)-(\\d+)', 2)",
        "123",
        Make::Scalar(|| {
            let params = Params::optional(2, &[Kind::Text, Kind::Text, Kind::Int, Kind::Text]);
            Scalar::spelling("regexp_extract", params, returns!(DataType::Utf8), regexp_extract)
        }),
    ),
    text(
        "regexp_extract_all",
        "regexp_extract_all(text, pattern [, group [, flags]])",
        "All parts of a text that match a regular expression, or a group of each, as a list.",
        "SELECT regexp_extract_all('a1 b22', '([a-z])(\\d+)', 2)[2]",
        "22",
        Make::Scalar(regexp_extract_all),
    ),
];

fn as_utf8(text: &Expr) -> Expr {
    cast(text.clone(), DataType::Utf8)
}

/// The whole match becomes the first group, so that group 0 exists.
fn regexp_extract(args: &[Expr], _: &[DataType]) -> Result<Option<Expr>> {
    let [text, pattern, rest @ ..] = args else { return Ok(None) };
    let whole = string::concat().call(vec![lit("("), as_utf8(pattern), lit(")")]);
    let mut matched = vec![as_utf8(text), whole];
    matched.extend(rest.get(1).map(as_utf8));
    let group = rest.first().cloned().unwrap_or_else(|| lit(0_i64));
    let found = regex::regexp_match().call(matched);
    let part = array_element_udf().call(vec![found, group + lit(1_i64)]);
    let part = core::coalesce().call(vec![part, lit("")]);
    let is_known = text.clone().is_not_null().and(pattern.clone().is_not_null());
    Ok(Some(when(is_known, part).end()?))
}

fn char(call: &Call<'_>) -> Result<ArrayRef> {
    let codes = (0..call.len()).map(|index| call.ints(index)).collect::<Result<Vec<_>>>()?;
    let char = |code: i64| {
        u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    let text = |row| codes.iter().filter_map(|codes| codes.get(row)).map(char).collect::<String>();
    Ok(Arc::new(StringViewArray::from_iter_values((0..call.rows()).map(text))))
}

fn hex(call: &Call<'_>) -> Result<ArrayRef> {
    if call.data_type(0).is_some_and(|ty| ty.is_integer()) {
        let numbers = call.ints(0)?;
        let digits = |row| Some(format!("{:X}", numbers.get(row)?));
        return Ok(Arc::new(StringViewArray::from_iter((0..call.rows()).map(digits))));
    }
    let texts = call.texts(0)?;
    let digits = |row| Some(hex_of(texts.get(row)?.as_bytes()).to_uppercase());
    Ok(Arc::new(StringViewArray::from_iter((0..call.rows()).map(digits))))
}

fn hex_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn hashed<D: Digest>(call: &Call<'_>) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let hash = |row| Some(hex_of(&D::digest(texts.get(row)?)));
    Ok(Arc::new(StringViewArray::from_iter((0..call.rows()).map(hash))))
}

fn quote(call: &Call<'_>) -> Result<ArrayRef> {
    let values = call.array(0)?;
    let is_plain = values.data_type().is_numeric() || *values.data_type() == DataType::Boolean;
    let texts = cast_array(&values, &DataType::Utf8View)?;
    let Some(texts) = texts.as_string_view_opt() else {
        return exec_err!("quote() takes a number or a text");
    };
    let mut builder = StringViewBuilder::with_capacity(texts.len());
    for text in texts {
        match text {
            None => builder.append_value("NULL"),
            Some(text) if is_plain => builder.append_value(text),
            Some(text) => builder.append_value(format!("'{}'", text.replace('\'', "''"))),
        }
    }
    Ok(Arc::new(builder.finish()))
}
