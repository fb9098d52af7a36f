//! Parses lines into records.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::record::Record;
use crate::reader::SkippedLine;

/// Parses a line and passes its record on.
///
/// # Errors
///
/// Why the line is no record.
pub(super) fn parse(line: &[u8], read: impl FnOnce(&Record<'_>)) -> Result<(), SkippedLine> {
    if line.first() != Some(&b'{') {
        return Err(match serde_json::from_slice::<IgnoredAny>(line) {
            Ok(_) => SkippedLine::NotObject,
            Err(_) => SkippedLine::NotJson,
        });
    }
    if let Ok(record) = serde_json::from_slice(line) {
        read(&record);
        return Ok(());
    }
    // JSON that JavaScript writes and reads, but not this parser: halves of surrogate pairs, where a text was
    // cut, and a key that is there twice.
    let repaired = with_whole_characters(line);
    let Ok(value) = serde_json::from_str::<Value>(&repaired) else {
        return Err(SkippedLine::NotJson);
    };
    if let Ok(record) = Record::deserialize(&value) {
        read(&record);
    }
    Ok(())
}

/// Replaces halves of surrogate pairs, and bytes that are no UTF-8.
fn with_whole_characters(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let mut repaired = String::with_capacity(line.len());
    let mut rest = line.as_ref();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        repaired.push_str(before);
        let length = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                repaired.push_str("\\uFFFD");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            // A backslash and what it escapes. What is no ASCII is no escape.
            _ => 2,
        };
        let Some((kept, after)) = escape.split_at_checked(length) else {
            repaired.push('\\');
            rest = escape.get(1..).unwrap_or_default();
            continue;
        };
        repaired.push_str(kept);
        rest = after;
    }
    repaired + rest
}

/// Returns the UTF-16 unit of an escape at the start of a text.
fn unit(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::claude::record::Usage;

    fn body(line: &str) -> Option<String> {
        let mut found = None;
        parse(line.as_bytes(), |record| {
            let content = record.message.fields().and_then(|message| message.content.get());
            found = content.and_then(|content| content.prose("|")).map(Cow::into_owned);
        })
        .unwrap();
        found
    }

    #[test]
    fn fields_of_other_types_are_missing() {
        let line = r#"{"type":1,"timestamp":{},"message":{"id":[],"usage":7,"content":"x"},"data":[1,"x"],"isMeta":"yes","error":3}"#;
        parse(line.as_bytes(), |record| {
            assert!(record.kind.text().is_none() && record.data.get().is_none());
            assert!(!record.is_meta.is_true() && record.error.get().is_none());
            let message = record.message.fields().unwrap();
            assert!(message.id.text().is_none() && message.usage.get().is_none());
        })
        .unwrap();
        assert_eq!(body(line).as_deref(), Some("x"));
    }

    #[test]
    fn counts_are_integers_from_zero() {
        let count = |json: &str| {
            serde_json::from_str::<Usage<'_>>(&format!("{{\"input_tokens\":{json}}}"))
                .unwrap()
                .input_tokens
                .0
        };
        assert_eq!(count("7"), Some(7));
        assert_eq!(count("7.0"), Some(7));
        for json in ["-1", "7.5", "1e300", "18446744073709551615", "\"7\"", "null", "[7]", "{}"] {
            assert_eq!(count(json), None, "{json}");
        }
    }

    #[test]
    fn only_the_texts_of_blocks_are_prose() {
        let line = r#"{"message":{"content":[{"type":"text","text":"a"},7,{"type":"thinking","text":"b"},{"type":"text","text":"c"},{"type":"text"}]}}"#;
        assert_eq!(body(line).as_deref(), Some("a|c"));
        assert_eq!(body(r#"{"message":{"content":[{"type":"image"}]}}"#), None);
    }

    #[test]
    fn halves_of_characters_are_replaced() {
        let line = |text: &str| format!("{{\"message\":{{\"content\":\"{text}\"}}}}");
        for (text, expected) in [
            (r"a\ud83d", "a\u{FFFD}"),
            (r"\ude00b", "\u{FFFD}b"),
            (r"\ud83d\ud83d\ude00", "\u{FFFD}\u{1F600}"),
            (r"\\ud83d\ud83d\n", "\\ud83d\u{FFFD}\n"),
            (r"é\ud83d\\", "é\u{FFFD}\\"),
        ] {
            assert_eq!(body(&line(text)).as_deref(), Some(expected), "{text}");
        }
        let mut bytes = line("a?b").into_bytes();
        let at = bytes.iter().position(|byte| *byte == b'?').unwrap();
        bytes[at] = 0xFF;
        assert_eq!(parse(&bytes, |_| ()), Ok(()));
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        assert_eq!(body(r#"{"message":{"content":"a","content":"b"}}"#).as_deref(), Some("b"));
    }

    #[test]
    fn lines_that_are_no_records_are_told_apart() {
        let deep = format!("{{\"message\":{}1{}}}", "[".repeat(9_000), "]".repeat(9_000));
        for line in ["", "x", "{", "{\"a\":1}}", "{\"a\":01}", "[1", "\"x", &deep] {
            let kind = if line == deep { Ok(()) } else { Err(SkippedLine::NotJson) };
            assert_eq!(parse(line.as_bytes(), |_| ()), kind, "{:.20}", line);
        }
        for line in ["1", "[]", "null", "[{\"type\":\"user\"}]", "\"x\""] {
            assert_eq!(parse(line.as_bytes(), |_| ()), Err(SkippedLine::NotObject), "{line}");
        }
    }
}
