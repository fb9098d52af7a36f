//! JSON text that is edited in place.
//!
//! An edit changes only the bytes of what is added or removed, and follows the layout of the text around
//! it. Removing what was added restores the text byte for byte.

use std::ops::Range;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::json_tree::Node;

/// The text of a JSON object. A path consists of keys and indexes. An edit at a path that does not exist
/// does nothing.
#[derive(Debug)]
pub(super) struct JsonText {
    text: String,
    root: Node,
    style: Style,
}

/// How the text as a whole is laid out.
#[derive(Debug)]
struct Style {
    newline: &'static str,
    indent: String,
    /// Whether all of it is in one line.
    is_compact: bool,
}

/// How an item is written into a container.
struct Place {
    /// The space before the item.
    gap: String,
    /// The start of each further line of the item. `None` if it must be in one line.
    prefix: Option<String>,
}

impl JsonText {
    pub fn parse(text: &str) -> Result<Self, String> {
        let root = Node::parse(text)?;
        let style = Style::of(text, &root);
        Ok(Self { text: text.to_owned(), root, style })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn node(&self, path: &[&str]) -> Option<&Node> {
        self.root.get(path)
    }

    pub fn value(&self, path: &[&str]) -> Option<Value> {
        let span = self.node(path)?.span.clone();
        serde_json::from_str(self.text.get(span)?).ok()
    }

    /// Adds a member at the end of an object.
    pub fn insert(&mut self, object: &[&str], key: &str, value: &impl Serialize) {
        let separator = self.separator(object);
        let key = serde_json::to_string(key).unwrap_or_default();
        self.add(object, &format!("{key}{separator}"), value);
    }

    /// Adds an item at the end of an array.
    pub fn push(&mut self, array: &[&str], value: &impl Serialize) {
        self.add(array, "", value);
    }

    fn add(&mut self, container: &[&str], head: &str, value: &impl Serialize) {
        let Some(node) = self.root.get(container) else { return };
        match node.item_spans().last() {
            Some(last) => {
                let place = self.place_after(node, last);
                let item = self.render(value, place.prefix.as_deref());
                self.splice(last.end..last.end, &format!(",{}{head}{item}", place.gap));
            }
            None => {
                let end = node.span.end.saturating_sub(1);
                let newline = self.style.newline;
                let added = match self.prefix_for_empty(node) {
                    Some(outer) => {
                        let inner = format!("{outer}{}", self.style.indent);
                        let item = self.render(value, Some(&inner));
                        format!("{newline}{inner}{head}{item}{newline}{outer}")
                    }
                    None => format!("{head}{}", self.render(value, None)),
                };
                self.splice(end..end, &added);
            }
        }
    }

    /// Replaces a value.
    pub fn replace(&mut self, path: &[&str], value: &impl Serialize) {
        let Some(node) = self.root.get(path) else { return };
        let span = node.span.clone();
        let is_compact = !self.lines(&span).contains('\n');
        let prefix = (!is_compact).then(|| line_indent(&self.text, span.start).to_owned());
        let rendered = self.render(value, prefix.as_deref());
        self.splice(span, &rendered);
    }

    /// Removes a member or an item.
    pub fn remove(&mut self, path: &[&str]) {
        let Some((step, container)) = path.split_last() else { return };
        let Some(node) = self.root.get(container) else { return };
        let Some(index) = node.position(step) else { return };
        let items = node.item_spans();
        let previous = index.checked_sub(1).and_then(|previous| items.get(previous));
        let removed = match (items.get(index), previous, items.get(index + 1)) {
            (None, ..) => return,
            // With the comma and the space before it.
            (Some(item), Some(previous), _) => previous.end..item.end,
            // With the comma and the space after it.
            (Some(item), None, Some(next)) => item.start..next.start,
            (Some(item), None, None) => {
                // An item on lines of its own takes its line break and that of the bracket with it.
                let (open, close) = (node.span.start + 1, node.span.end.saturating_sub(1));
                let before = self.lines(&(open..item.start));
                let start = last_newline(before).map_or(item.start, |newline| open + newline);
                let has_break = self.lines(&(item.end..close)).contains('\n');
                start..if has_break { close } else { item.end }
            }
        };
        self.splice(removed, "");
    }

    fn splice(&mut self, span: Range<usize>, replacement: &str) {
        let mut text = self.text.clone();
        if text.get(span.clone()).is_none() {
            return;
        }
        text.replace_range(span, replacement);
        // The style stays that of the original text, also when an edit empties the object.
        if let Ok(root) = Node::parse(&text) {
            self.root = root;
            self.text = text;
        }
    }

    fn lines(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// Returns how an item is written after the last one of a container.
    fn place_after(&self, container: &Node, last: &Range<usize>) -> Place {
        let items = container.item_spans();
        let starts = items.iter().map(|item| item.start);
        let ends = items.iter().map(|item| item.end);
        // Without the comma, which belongs to the gap but stands at its start.
        let opening = std::iter::once(container.span.start + 1);
        let gaps: Vec<&str> = opening
            .chain(ends)
            .zip(starts)
            .map(|(from, to)| self.lines(&(from..to)))
            .map(|gap| {
                gap.trim_start_matches([' ', '\t', '\r', '\n']).strip_prefix(',').unwrap_or(gap)
            })
            .collect();
        if let Some(gap) = gaps.iter().rev().find(|gap| gap.contains('\n')) {
            let prefix = gap.rsplit('\n').next().unwrap_or_default();
            return Place { gap: (*gap).to_owned(), prefix: Some(prefix.to_owned()) };
        }
        let gap = match gaps.as_slice() {
            [_, .., gap] => *gap,
            _ if self.style.is_compact && !self.text.contains("\": ") => "",
            _ => " ",
        };
        let is_compact = !self.lines(&container.span).contains('\n');
        let prefix = (!is_compact).then(|| line_indent(&self.text, last.start).to_owned());
        Place { gap: gap.to_owned(), prefix }
    }

    /// The indentation of an empty container. `None` if its first item must be in the same line.
    fn prefix_for_empty(&self, container: &Node) -> Option<String> {
        (!self.style.is_compact).then(|| line_indent(&self.text, container.span.start).to_owned())
    }

    /// What stands between a key and its value.
    fn separator(&self, object: &[&str]) -> String {
        let members = self.root.get(object).map(Node::members).unwrap_or_default();
        let found = members
            .last()
            .and_then(|member| self.text.get(member.key_span.end..member.value.span.start));
        match found {
            Some(separator) if !separator.contains('\n') => separator.to_owned(),
            _ if self.style.is_compact => ":".to_owned(),
            _ => ": ".to_owned(),
        }
    }

    /// The JSON of a value, in lines that start with `prefix`, or in one line.
    fn render(&self, value: &impl Serialize, prefix: Option<&str>) -> String {
        let Some(prefix) = prefix else {
            return serde_json::to_string(value).unwrap_or_default();
        };
        let mut json = Vec::new();
        let formatter = PrettyFormatter::with_indent(self.style.indent.as_bytes());
        // Only a value without JSON fails, and none of ours is one.
        let _ = value.serialize(&mut Serializer::with_formatter(&mut json, formatter));
        // Strings have no raw line breaks, so each one belongs to the layout.
        let json = String::from_utf8(json).unwrap_or_default();
        json.replace('\n', &format!("{}{prefix}", self.style.newline))
    }
}

impl Style {
    fn of(text: &str, root: &Node) -> Self {
        let body = text.get(root.span.clone()).unwrap_or_default();
        let newline = match text.find('\n').map(|at| text.as_bytes().get(at.wrapping_sub(1))) {
            Some(Some(b'\r')) => "\r\n",
            _ => "\n",
        };
        let first = root.item_spans().into_iter().next();
        let indent = first.as_ref().and_then(|first| {
            let gap = text.get(root.span.start + 1..first.start)?;
            let own = gap.rsplit_once('\n')?.1;
            Some(own.strip_prefix(line_indent(text, root.span.start)).unwrap_or(own))
        });
        let is_compact = first.is_some() && !body.contains('\n');
        Self { newline, indent: indent.unwrap_or("  ").to_owned(), is_compact }
    }
}

/// The spaces and tabs at the start of the line that a place is in.
fn line_indent(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..).unwrap_or_default();
    line.split(|c| c != ' ' && c != '\t').next().unwrap_or_default()
}

/// Where the last line break in a text starts.
fn last_newline(text: &str) -> Option<usize> {
    let newline = text.rfind('\n')?;
    Some(match text.get(..newline) {
        Some(before) if before.ends_with('\r') => newline - 1,
        _ => newline,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edited(text: &str, edit: impl FnOnce(&mut JsonText)) -> String {
        let mut json = JsonText::parse(text).unwrap();
        edit(&mut json);
        json.text().to_owned()
    }

    #[test]
    fn a_new_member_follows_the_layout_around_it() {
        let value = json!({"x": [1]});
        for (text, expected) in [
            ("{}\n", "{\n  \"k\": {\n    \"x\": [\n      1\n    ]\n  }\n}\n"),
            ("{\"a\":1}", "{\"a\":1,\"k\":{\"x\":[1]}}"),
            ("{ \"a\": 1, \"b\": 2 }", "{ \"a\": 1, \"b\": 2, \"k\": {\"x\":[1]} }"),
            (
                "{\r\n\t\"a\" : 1\r\n}\r\n",
                "{\r\n\t\"a\" : 1,\r\n\t\"k\" : {\r\n\t\t\"x\": [\r\n\t\t\t1\r\n\t\t]\r\n\t}\r\n}\r\n",
            ),
        ] {
            let added = edited(text, |json| json.insert(&[], "k", &value));
            assert_eq!(added, expected);
            assert_eq!(edited(&added, |json| json.remove(&["k"])), text);
        }
    }

    #[test]
    fn a_removed_item_takes_its_comma_with_it() {
        let text = "{\n  \"a\": [1, 2 , 3],\n  \"b\": {\"c\": 1}\n}";
        for (path, expected) in [
            (&["a", "0"][..], "{\n  \"a\": [2 , 3],\n  \"b\": {\"c\": 1}\n}"),
            (&["a", "1"], "{\n  \"a\": [1 , 3],\n  \"b\": {\"c\": 1}\n}"),
            (&["a", "2"], "{\n  \"a\": [1, 2],\n  \"b\": {\"c\": 1}\n}"),
            (&["a"], "{\n  \"b\": {\"c\": 1}\n}"),
            (&["b", "c"], "{\n  \"a\": [1, 2 , 3],\n  \"b\": {}\n}"),
            (&["b", "d"], text),
            (&["a", "3"], text),
        ] {
            assert_eq!(edited(text, |json| json.remove(path)), expected, "{path:?}");
        }
    }

    #[test]
    fn spaces_in_an_empty_object_survive() {
        for text in ["{}", "{ }", "{\n}", "  {\n\n}\n", "{\r\n}\r\n"] {
            let added = edited(text, |json| json.insert(&[], "k", &1));
            assert_eq!(edited(&added, |json| json.remove(&["k"])), text);
        }
    }
}
