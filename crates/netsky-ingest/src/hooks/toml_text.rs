//! TOML text that is edited in place. `toml_edit` finds the places; when it writes a document, it turns `\r\n`
//! into `\n`, and so would change every line of a file from Windows.

use std::ops::Range;
use std::path::Path;

use toml::Table as Values;
use toml_edit::{Item, Table};

use super::error::HookError;

/// Parses a file.
pub(super) fn parse(path: &Path, text: &str) -> Result<Values, HookError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default());
        let line = line.map(|before| format!(" at line {}", before.matches('\n').count() + 1));
        HookError::invalid(path, format!("{}{}", error.message(), line.unwrap_or_default()))
    })
}

/// The line break of a text.
pub(super) fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The text with a table at its end. Without a line break at the end if the text has none, so that removing the
/// table restores the text.
pub(super) fn with_table(text: &str, lines: &[String]) -> String {
    let newline = newline(text);
    let table = lines.join(newline);
    match text {
        "" => format!("{table}{newline}"),
        text if text.ends_with('\n') => format!("{text}{newline}{table}{newline}"),
        text => format!("{text}{newline}{newline}{table}"),
    }
}

/// The text without a span and the rest of its last line, which can be a comment on it. With `blank_line`, the
/// blank line before the span goes, too.
pub(super) fn without(text: &str, span: &Range<usize>, blank_line: bool) -> Option<String> {
    let (before, after) = (text.get(..span.start)?, text.get(span.end..)?);
    let before = before.trim_end_matches([' ', '\t']);
    let (before, after) = match after.split_once('\n') {
        Some((_, after)) => (before, after),
        None => (without_newline(before), ""),
    };
    let before = if blank_line { without_newline(before) } else { before };
    Some(match blank_line && before.trim().is_empty() && span.start == 0 {
        true => after.to_owned(),
        false => format!("{before}{after}"),
    })
}

/// A table that is written with a header of its own.
pub(super) fn explicit(item: &Item) -> Option<&Table> {
    item.as_table().filter(|table| !table.is_implicit() && !table.is_dotted())
}

fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
