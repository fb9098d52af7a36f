//! Cuts off the long texts of a line of JSON while it is read.

/// Longer texts are cut off, in bytes of JSON. They are images, in base64, and pasted files. A line of 64 MiB
/// that is one text took 350 MiB of memory from the line to the row.
pub(crate) const MAX_TEXT_BYTES: usize = 1 << 20;

/// Takes the bytes of a line, and drops what is beyond the limit on a text. What is left is JSON if the line was.
#[derive(Debug)]
pub(crate) struct LongTexts {
    limit: usize,
    place: Place,
    /// The number of bytes of the text so far.
    length: usize,
    /// Whether the rest of the text is dropped.
    drops: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Outside of texts.
    Outside,
    /// In a text. `is_high` means after a high surrogate, which must keep its low one.
    Text { is_high: bool },
    /// After a backslash.
    Escape,
    /// After `\u` and `count` of its four digits, which make `number`.
    Digits { count: u8, number: u32 },
}

impl LongTexts {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, place: Place::Outside, length: 0, drops: false }
    }

    /// Appends the bytes that are kept.
    pub(crate) fn push(&mut self, bytes: &[u8], kept: &mut Vec<u8>) {
        kept.extend(bytes.iter().filter(|byte| self.keeps(**byte)));
    }

    fn keeps(&mut self, byte: u8) -> bool {
        let before = self.place;
        self.place = match (before, byte) {
            (Place::Outside, b'"') => {
                (self.length, self.drops) = (0, false);
                Place::Text { is_high: false }
            }
            (Place::Outside, _) | (Place::Text { .. }, b'"') => Place::Outside,
            (Place::Text { .. }, b'\\') => Place::Escape,
            (Place::Text { .. }, _) => Place::Text { is_high: false },
            (Place::Escape, b'u') => Place::Digits { count: 0, number: 0 },
            (Place::Escape, _) => Place::Text { is_high: false },
            (Place::Digits { count, number }, _) => {
                let number = number << 4 | char::from(byte).to_digit(16).unwrap_or(0);
                match count {
                    3 => Place::Text { is_high: (0xd800..0xdc00).contains(&number) },
                    _ => Place::Digits { count: count + 1, number },
                }
            }
        };
        if before == Place::Outside || self.place == Place::Outside {
            return true;
        }
        // Not within a character.
        let may_end = before == Place::Text { is_high: false } && byte & 0xc0 != 0x80;
        self.drops |= self.length >= self.limit && may_end;
        self.length += 1;
        !self.drops
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::LongTexts;

    fn cut(line: &str, limit: usize) -> String {
        let (mut texts, mut kept) = (LongTexts::new(limit), Vec::new());
        // Byte by byte, as the pieces of a line may end anywhere.
        line.as_bytes().chunks(1).for_each(|bytes| texts.push(bytes, &mut kept));
        String::from_utf8(kept).unwrap()
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut(r#"{"abcdef":["12345",12345,"1"]}"#, 4), r#"{"abcd":["1234",12345,"1"]}"#);
        assert_eq!(cut(r#"["123\"456","123\\","€€€"]"#, 4), r#"["123\"","123\\","€€"]"#);
        assert_eq!(cut(r#"["ab\u20ac\u20ac"]"#, 3), r#"["ab\u20ac"]"#);
        assert_eq!(cut(r#"["\ud83e\udd8a\ud83e\udd8a"]"#, 3), r#"["\ud83e\udd8a"]"#);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".*", inner), 0..5).prop_map(|members| json!(
                    members.into_iter().collect::<serde_json::Map<_, _>>()
                )),
            ]
        })
    }

    /// Writes all characters as escapes.
    fn escaped(line: &str) -> String {
        let unit = |unit: u16| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        };
        line.encode_utf16().map(unit).collect()
    }

    proptest! {
        #[test]
        fn what_is_kept_is_json(value in any_json(), limit in 0..40_usize) {
            for line in [value.to_string(), escaped(&value.to_string())] {
                let kept = cut(&line, limit);
                prop_assert!(serde_json::from_str::<Value>(&kept).is_ok(), "{kept}");
                prop_assert_eq!(cut(&line, line.len()), line);
            }
        }
    }
}
