//! Finds parts of JSON text, without parsing the rest into values.

use jiter::{Jiter, Peek};

use crate::query::json_path::JsonStep;

/// A part of a JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonPart<'j> {
    pub(super) kind: Kind,
    /// The part as it is written.
    pub(super) text: &'j str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Integer,
    Real,
    Text,
    Array,
    Object,
}

/// Whether a text is JSON.
pub(super) fn is_valid(json: &str) -> bool {
    let mut jiter = Jiter::new(json.as_bytes());
    jiter.next_skip().is_ok() && jiter.finish().is_ok()
}

/// Returns the part at the end of a path. `None` if there is none, or if the text is not JSON.
pub(super) fn find<'j>(json: &'j str, steps: &[JsonStep]) -> Option<JsonPart<'j>> {
    let mut jiter = Jiter::new(json.as_bytes());
    let mut peek = jiter.peek().ok()?;
    for step in steps {
        match (step, peek) {
            (JsonStep::Key(key), Peek::Object) => {
                let mut found = jiter.known_object().ok()?? == key;
                while !found {
                    jiter.next_skip().ok()?;
                    found = jiter.next_key().ok()?? == key;
                }
                peek = jiter.peek().ok()?;
            }
            (JsonStep::Index(index), Peek::Array) => {
                let index = match usize::try_from(*index) {
                    Ok(index) => index,
                    Err(_) => {
                        let length = length(&mut jiter.clone())?;
                        length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
                    }
                };
                let mut element = jiter.known_array().ok()??;
                for _ in 0..index {
                    jiter.known_skip(element).ok()?;
                    element = jiter.array_step().ok()??;
                }
                peek = element;
            }
            _ => return None,
        }
    }
    part(json, &mut jiter, peek)
}

/// Counts the elements of the array that comes next.
fn length(jiter: &mut Jiter<'_>) -> Option<usize> {
    let mut element = jiter.known_array().ok()?;
    let mut length = 0;
    while let Some(peek) = element {
        jiter.known_skip(peek).ok()?;
        length += 1;
        element = jiter.array_step().ok()?;
    }
    Some(length)
}

/// Takes the value that comes next.
fn part<'j>(json: &'j str, jiter: &mut Jiter<'_>, peek: Peek) -> Option<JsonPart<'j>> {
    let start = jiter.current_index();
    jiter.known_skip(peek).ok()?;
    let text = json.get(start..jiter.current_index())?.trim();
    let kind = match peek {
        Peek::Null => Kind::Null,
        Peek::True | Peek::False => Kind::Bool,
        Peek::String => Kind::Text,
        Peek::Array => Kind::Array,
        Peek::Object => Kind::Object,
        _ if text.contains(['.', 'e', 'E']) => Kind::Real,
        _ => Kind::Integer,
    };
    Some(JsonPart { kind, text })
}

/// An element of an array or a member of an object.
pub(super) struct Entry<'j> {
    /// `None` for an element of an array.
    pub(super) key: Option<String>,
    pub(super) value: JsonPart<'j>,
}

impl<'j> JsonPart<'j> {
    /// The value as text: a string without quotes, and others as they are written. `None` for null.
    pub(super) fn as_text(&self) -> Option<String> {
        match self.kind {
            Kind::Null => None,
            Kind::Text => serde_json::from_str(self.text).ok(),
            _ => Some(self.text.to_owned()),
        }
    }

    /// The elements or members. A scalar value has none.
    pub(super) fn entries(&self) -> Vec<Entry<'j>> {
        let mut entries = Vec::new();
        let mut jiter = Jiter::new(self.text.as_bytes());
        match self.kind {
            Kind::Array => {
                let mut next = jiter.next_array().ok().flatten();
                while let Some(peek) = next {
                    let Some(value) = part(self.text, &mut jiter, peek) else { break };
                    entries.push(Entry { key: None, value });
                    next = jiter.array_step().ok().flatten();
                }
            }
            Kind::Object => {
                let mut key = jiter.next_object().ok().flatten().map(str::to_owned);
                while let Some(name) = key {
                    let Ok(peek) = jiter.peek() else { break };
                    let Some(value) = part(self.text, &mut jiter, peek) else { break };
                    entries.push(Entry { key: Some(name), value });
                    key = jiter.next_key().ok().flatten().map(str::to_owned);
                }
            }
            _ => {}
        }
        entries
    }

    /// The number of elements of an array, and 0 for other values.
    pub(super) fn array_length(&self) -> usize {
        match self.kind {
            Kind::Array => length(&mut Jiter::new(self.text.as_bytes())).unwrap_or(0),
            _ => 0,
        }
    }

    /// The name of the type, as SQLite gives it.
    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool if self.text == "true" => "true",
            Kind::Bool => "false",
            Kind::Integer => "integer",
            Kind::Real => "real",
            Kind::Text => "text",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }
}

/// Returns JSON without white space between its parts.
pub(super) fn minified(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for char in json.chars() {
        if in_string {
            in_string = escaped || char != '"';
            escaped = !escaped && char == '\\';
        } else if char == '"' {
            in_string = true;
        } else if char.is_ascii_whitespace() {
            continue;
        }
        text.push(char);
    }
    text
}
