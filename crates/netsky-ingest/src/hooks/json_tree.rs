//! The places of values in JSON text.
//!
//! `serde_json` reads values but not where they are. Its feature `preserve_order` would keep the order of
//! keys, but not the spaces, line breaks and spellings of numbers and strings around them.

use std::ops::Range;

use serde_json::Value;

/// A value in a text.
#[derive(Debug)]
pub(super) struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Scalar,
}

#[derive(Debug)]
pub(super) struct Member {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

impl Node {
    /// Parses a text that is one JSON value.
    pub fn parse(text: &str) -> Result<Self, String> {
        // Checks the syntax and limits the depth to 128, so that the scanner can be simple and recursive.
        serde_json::from_str::<Value>(text).map_err(|error| error.to_string())?;
        Scanner { text, at: 0 }.value().ok_or_else(|| "it cannot be scanned".to_owned())
    }

    /// The value at a path of keys and indexes. Of members with the same key, the last one counts, as for
    /// all programs that read the file.
    pub fn get(&self, path: &[&str]) -> Option<&Self> {
        let Some((step, rest)) = path.split_first() else { return Some(self) };
        let child = match &self.kind {
            Kind::Object(members) => {
                &members.iter().rev().find(|member| member.key == *step)?.value
            }
            Kind::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            Kind::Scalar => return None,
        };
        child.get(rest)
    }

    /// The spans of the items of an array, or of the members of an object with their keys.
    pub fn item_spans(&self) -> Vec<Range<usize>> {
        match &self.kind {
            Kind::Object(members) => {
                members.iter().map(|member| member.key_span.start..member.value.span.end).collect()
            }
            Kind::Array(items) => items.iter().map(|item| item.span.clone()).collect(),
            Kind::Scalar => Vec::new(),
        }
    }

    /// The index of an item in [`item_spans`](Self::item_spans).
    pub fn position(&self, step: &str) -> Option<usize> {
        match &self.kind {
            Kind::Object(members) => members.iter().rposition(|member| member.key == step),
            Kind::Array(items) => step.parse().ok().filter(|index| *index < items.len()),
            Kind::Scalar => None,
        }
    }

    pub fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }
}

/// Finds the places in a text that is known to be JSON.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn skip(&mut self, expected: u8) -> Option<()> {
        (self.peek()? == expected).then(|| self.at += 1)
    }

    /// Parses the value at or after this place.
    fn value(&mut self) -> Option<Node> {
        self.skip_space();
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => Kind::Object(self.items(b'}', Self::member)?),
            b'[' => Kind::Array(self.items(b']', Self::value)?),
            b'"' => {
                self.string()?;
                Kind::Scalar
            }
            _ => {
                while matches!(
                    self.peek(),
                    Some(b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.')
                ) {
                    self.at += 1;
                }
                Kind::Scalar
            }
        };
        Some(Node { span: start..self.at, kind })
    }

    fn items<T>(&mut self, close: u8, item: fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        while self.peek()? != close {
            items.push(item(self)?);
            self.skip_space();
            if self.peek()? != close {
                self.skip(b',')?;
                self.skip_space();
            }
        }
        self.at += 1;
        Some(items)
    }

    fn member(&mut self) -> Option<Member> {
        self.skip_space();
        let key_span = self.string()?;
        let key = serde_json::from_str(self.text.get(key_span.clone())?).ok()?;
        self.skip_space();
        self.skip(b':')?;
        Some(Member { key, key_span, value: self.value()? })
    }

    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.skip(b'"')?;
        loop {
            match self.peek()? {
                b'"' => break,
                // Skips the escaped character, which may be a quotation mark.
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_where_it_is() {
        let text = " { \"a\\\"}\" : [1, {\"é\": \"]\\\\\"} ,-1.5e+3], \"b\":null,\"b\": true }\r\n";
        let root = Node::parse(text).unwrap();
        let at = |path: &[&str]| root.get(path).map(|node| &text[node.span.clone()]);
        assert_eq!(at(&["a\"}", "1", "é"]), Some("\"]\\\\\""));
        assert_eq!(at(&["a\"}", "2"]), Some("-1.5e+3"));
        assert_eq!(at(&["b"]), Some("true"));
        assert_eq!((at(&["a\"}", "3"]), at(&["a\"}", "x"]), at(&["b", "x"])), (None, None, None));
    }

    #[test]
    fn what_is_no_json_has_no_places() {
        for text in ["", "{", "{\"a\": 1,}", "{} // why", "[1 2]", "\u{feff}{}", "{\"a\": 01}"] {
            assert!(Node::parse(text).is_err(), "{text}");
        }
        assert!(Node::parse(&"[".repeat(100_000)).is_err());
    }
}
