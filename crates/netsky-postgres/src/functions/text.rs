//! Functions of texts and arrays that DataFusion lacks.

use datafusion::common::Result;

use super::function::{Call, Declaration};
use super::identifier::{parse_identifiers, quote_identifier};
use crate::catalog::types::Type;
use crate::catalog::value::Value;
use crate::sqlstate::Failure;

pub const FUNCTIONS: &[Declaration] = &[
    Declaration::new("quote_ident", (1, 1), "text", |call| {
        Ok(call.argument(0).printed().map(|text| quote_identifier(&text)).into())
    }),
    Declaration::new("quote_literal", (1, 1), "text", |call| {
        Ok(call.argument(0).printed().map(|text| quote_literal(&text)).into())
    }),
    Declaration::new("quote_nullable", (1, 1), "text", |call| {
        let text = call.argument(0).printed();
        Ok(text.map_or_else(|| "NULL".to_owned(), |text| quote_literal(&text)).into())
    })
    .taking_nulls(),
    Declaration::new("parse_ident", (1, 2), "_text", |call| {
        let text = call.text(0).unwrap_or_default();
        match parse_identifiers(text) {
            Some(parts) => Ok(parts.into()),
            None => {
                Err(Failure::new("22023", format!("string is not a valid identifier: \"{text}\""))
                    .into())
            }
        }
    }),
    Declaration::new("format", (1, 100), "text", format).taking_nulls(),
    // Called by pgcli, for the sources of functions, of which there are none.
    Declaration::new("regexp_split_to_array", (2, 3), "_text", |_| {
        Err(Failure::unsupported("regexp_split_to_array() is not supported")
            .with_hint("use string_to_array() or regexp_extract_all()")
            .into())
    }),
    Declaration::new("array_upper", (2, 2), "int4", |call| bound(call, Bound::Upper)),
    Declaration::new("array_lower", (2, 2), "int4", |call| bound(call, Bound::Lower)),
    Declaration::new("generate_subscripts_list", (2, 3), "_int4", |call| {
        let Value::List(elements) = call.argument(0) else { return Ok(Value::Null) };
        let first = first_index(call);
        let count = if call.argument(1).as_int() == Some(1) { elements.len() as i64 } else { 0 };
        let mut indices = (first..first + count).collect::<Vec<_>>();
        if call.argument(2).as_bool() == Some(true) {
            indices.reverse();
        }
        Ok(indices.into())
    }),
    // `x IN (..)` of the array of a subquery.
    Declaration::new("pg_in", (2, 2), "bool", |call| {
        let Value::List(elements) = call.argument(1) else { return Ok(Value::Null) };
        let value = call.argument(0);
        let is_found = !value.is_null() && elements.contains(value);
        let is_unknown =
            !elements.is_empty() && value.is_null() || elements.iter().any(Value::is_null);
        Ok(match (is_found, is_unknown) {
            (true, _) => true.into(),
            (false, true) => Value::Null,
            (false, false) => false.into(),
        })
    })
    .taking_nulls(),
    // The pattern with a backslash as its escape, which is the only one that DataFusion knows.
    Declaration::new("like_pattern", (2, 2), "text", |call| {
        let pattern = call.text(0).unwrap_or_default();
        Ok(like_pattern(pattern, call.text(1).unwrap_or_default())?.into())
    }),
    Declaration::new("oidvectortypes", (1, 1), "text", |call| {
        let Value::List(oids) = call.argument(0) else { return Ok(Value::Null) };
        let names = oids.iter().map(|oid| {
            let name = oid.as_oid().and_then(|oid| call.catalog.type_name(oid));
            name.unwrap_or_else(|| "???".to_owned())
        });
        Ok(names.collect::<Vec<_>>().join(", ").into())
    }),
];

pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match text.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

enum Bound {
    Lower,
    Upper,
}

/// The index of an array's first element: 0 in `int2vector` and `oidvector`, 1 in others.
fn first_index(call: &Call<'_>) -> i64 {
    let ty = call.types.first().and_then(|oid| Type::of_oid(*oid));
    i64::from(ty.is_none_or(Type::is_array))
}

fn bound(call: &Call<'_>, bound: Bound) -> Result<Value> {
    let Value::List(elements) = call.argument(0) else { return Ok(Value::Null) };
    if call.argument(1).as_int() != Some(1) || elements.is_empty() {
        return Ok(Value::Null);
    }
    let first = first_index(call);
    Ok(match bound {
        Bound::Lower => first,
        Bound::Upper => first + elements.len() as i64 - 1,
    }
    .into())
}

/// `format('%I.%I', a, b)`, without widths.
fn format(call: &Call<'_>) -> Result<Value> {
    let Some(pattern) = call.text(0) else { return Ok(Value::Null) };
    let wrong = |message: String| Failure::new("22023", message);
    let (mut text, mut next) = (String::new(), 1);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut number = String::new();
        while let Some(digit) = chars.next_if(char::is_ascii_digit) {
            number.push(digit);
        }
        if !number.is_empty() && chars.next_if_eq(&'$').is_none() {
            return Err(Failure::unsupported("a width in format() is not supported").into());
        }
        let kind = chars.next();
        if kind == Some('%') {
            text.push('%');
            continue;
        }
        let index = number.parse().unwrap_or(next);
        next = index + 1;
        if index >= call.arguments.len() {
            return Err(wrong("too few arguments for format()".to_owned()).into());
        }
        let value = call.argument(index).printed();
        match (kind, value) {
            (Some('s'), value) => text.push_str(&value.unwrap_or_default()),
            (Some('I'), Some(value)) => text.push_str(&quote_identifier(&value)),
            (Some('L'), Some(value)) => text.push_str(&quote_literal(&value)),
            (Some('L'), None) => text.push_str("NULL"),
            (Some('I'), None) => {
                return Err(wrong(
                    "null values cannot be formatted as an SQL identifier".to_owned(),
                )
                .into());
            }
            (Some(kind), _) => {
                return Err(
                    wrong(format!("unrecognized format() type specifier \"{kind}\"")).into()
                );
            }
            (None, _) => {
                return Err(wrong("unterminated format() type specifier".to_owned()).into());
            }
        }
    }
    Ok(text.into())
}

/// Returns the pattern of `LIKE pattern ESCAPE escape` with a backslash as its escape.
pub fn like_pattern(pattern: &str, escape: &str) -> Result<String, Failure> {
    let mut escapes = escape.chars();
    let (escape, more) = (escapes.next(), escapes.next());
    if more.is_some() {
        return Err(Failure::new("22025", "invalid escape string"));
    }
    let mut text = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let literal = match Some(c) == escape {
            false => c,
            true => match chars.next() {
                Some(next) => {
                    text.push('\\');
                    text.push(next);
                    continue;
                }
                None => {
                    let message = "LIKE pattern must not end with escape character";
                    return Err(Failure::new("22025", message));
                }
            },
        };
        if literal == '\\' {
            text.push('\\');
        }
        text.push(literal);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_patterns_keep_their_meaning() {
        for (pattern, escape, expected) in [
            ("a/_b%", "/", "a\\_b%"),
            ("a//b", "/", "a\\/b"),
            ("a\\b", "/", "a\\\\b"),
            ("a\\_b", "", "a\\\\_b"),
            ("a\\_b", "\\", "a\\_b"),
        ] {
            assert_eq!(like_pattern(pattern, escape).unwrap(), expected);
        }
        assert!(like_pattern("a/", "/").is_err());
        assert!(like_pattern("a", "//").is_err());
    }
}
