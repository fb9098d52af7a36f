//! JSON in the columns of text whose names end with `_json`.

use serde::de::IgnoredAny;

use crate::row::time::excerpt;
use crate::table::Column;

/// Checks that a text is JSON. A text that fills its column may have been truncated, so it need not be.
///
/// # Errors
///
/// A message that says what the column takes.
pub(super) fn check(column: &Column, text: &str) -> Result<(), String> {
    let is_truncated = |max| text.len() >= max && text.chars().count() == max;
    // Nearly half of all details are empty.
    if text == "{}" || column.max_chars.is_some_and(is_truncated) {
        return Ok(());
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "{} should be JSON, such as {{\"a\":1}}, found '{}' ({error})",
            column.name,
            excerpt(text)
        )),
    }
}

/// Returns the value of a member of an object as it is in the text, but without white space between its
/// tokens. So numbers keep all of their digits, and members their order. `None` if the object, which must
/// be valid JSON, does not have the member.
pub(super) fn member(object: &[u8], name: &str) -> Option<String> {
    let mut at = skip(object, 0, is_space);
    at += usize::from(object.get(at) == Some(&b'{'));
    loop {
        at = skip(object, at, |byte| is_space(byte) || byte == b',');
        let key_end = string_end(object, at)?;
        let is_wanted = is_key(object.get(at..key_end)?, name);
        at = skip(object, key_end, |byte| is_space(byte) || byte == b':');
        let end = value_end(object, at)?;
        if is_wanted {
            return String::from_utf8(compact(object.get(at..end)?)).ok();
        }
        at = end;
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn skip(json: &[u8], at: usize, skipped: impl Fn(u8) -> bool) -> usize {
    let rest = json.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| skipped(**byte)).count()
}

fn is_key(quoted: &[u8], name: &str) -> bool {
    match quoted.contains(&b'\\') {
        true => serde_json::from_slice::<String>(quoted).is_ok_and(|key| key == name),
        false => quoted.get(1..quoted.len().saturating_sub(1)) == Some(name.as_bytes()),
    }
}

/// Returns the position after a string.
fn string_end(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match json.get(at)? {
            b'"' => return (json.get(start) == Some(&b'"')).then_some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Returns the position after a value.
fn value_end(json: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match json.get(at)? {
            b'"' => at = string_end(json, at)?,
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            b'}' | b']' if depth > 0 => (at, depth) = (at + 1, depth - 1),
            b'}' | b']' | b',' if depth == 0 => return Some(at),
            _ => at += 1,
        }
        if depth == 0 && matches!(json.get(at.checked_sub(1)?)?, b'"' | b'}' | b']') {
            return Some(at);
        }
    }
}

fn compact(json: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(json.len());
    let (mut in_string, mut is_escaped) = (false, false);
    for &byte in json {
        if in_string || !is_space(byte) {
            text.push(byte);
        }
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_digits_order_and_strings() {
        let object = r#" { "a" : "x\"}" , "detail_json" : { "b" : 1.0000000000000000001 , "a" : [ 1 , " \" ] " ] ,
            "c" : { } } , "n" : 12, "z_json": [ [ ], { "k" : "\\" } ] , "w\u005fjson" : [1, 2] } "#;
        let object = object.as_bytes();
        let nested = r#"{"b":1.0000000000000000001,"a":[1," \" ] "],"c":{}}"#;
        assert_eq!(member(object, "detail_json").as_deref(), Some(nested));
        assert_eq!(member(object, "z_json").as_deref(), Some(r#"[[],{"k":"\\"}]"#));
        assert_eq!(member(object, "w_json").as_deref(), Some("[1,2]"));
        assert_eq!(member(object, "n").as_deref(), Some("12"));
        assert_eq!(member(object, "a").as_deref(), Some(r#""x\"}""#));
        assert_eq!(member(object, "missing"), None);
        for end in 0..object.len() {
            member(&object[..end], "missing");
        }
    }
}
