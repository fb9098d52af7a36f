//! The line of SQL that an error is about, with a caret under the place.

use std::fmt;

use netsky_db::Position;
use unicode_width::UnicodeWidthStr;

use crate::output::visible;

/// The maximum width of the shown part of a line, so that it fits a terminal of 80 columns.
const WIDTH: usize = 76;

/// A line of SQL and the place in it. Its text is two lines, indented like the hint of a failure.
#[derive(Debug)]
pub struct Excerpt {
    /// The number of the line in its text, counted from 1, if the text has other lines.
    pub line: Option<usize>,
    before: String,
    after: String,
}

impl Excerpt {
    /// `None` if the text does not contain the place.
    pub fn new(sql: &str, position: Position) -> Option<Self> {
        let line = usize::try_from(position.line).ok()?;
        let column = usize::try_from(position.column).ok()?.checked_sub(1)?;
        let text = sql.split('\n').nth(line.checked_sub(1)?)?.trim_end_matches('\r');
        // The place can be just after the last character.
        let at = match text.char_indices().nth(column) {
            Some((at, _)) => at,
            None if text.chars().count() == column => text.len(),
            None => return None,
        };
        let (before, after) = text.split_at(at);
        let shown = |part: &str| visible(&part.replace('\t', " ")).into_owned();
        let (before, after) = (shown(before.trim_start()), shown(after));
        // Most of the width is for what comes before the place, because that is what the reader knows.
        let after = cut_end(&after, WIDTH - WIDTH.min(before.width()).min(WIDTH * 2 / 3));
        let before = cut_start(&before, WIDTH - after.width());
        let line = sql.trim().contains('\n').then_some(line);
        Some(Self { line, before, after })
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, after, .. } = self;
        write!(f, "  {before}{after}\n  {:1$}^", "", before.width())
    }
}

/// The start of the text, with two dots in place of the rest if it is too wide.
fn cut_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.trim_end().to_owned();
    }
    let mut cut = String::new();
    for char in text.chars() {
        if cut.width() + 4 > width {
            break;
        }
        cut.push(char);
    }
    cut + ".."
}

/// The end of the text, with two dots in place of the rest if it is too wide.
fn cut_start(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let is_kept = |&(at, _): &(usize, char)| text[at..].width() + 2 <= width;
    let start = text.char_indices().find(is_kept).map_or(text.len(), |(at, _)| at);
    format!("..{}", &text[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sql: &str, line: u64, column: u64) -> String {
        Excerpt::new(sql, Position::new(line, column)).unwrap().to_string()
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(shown("SELECT x", 1, 8), "  SELECT x\n         ^");
        assert_eq!(shown("SELECT x\n  FROM\ty \r\n", 2, 8), "  FROM y\n       ^");
        // At the end of the text.
        assert_eq!(shown("SELECT", 1, 7), "  SELECT\n        ^");
        // Wide characters, and escaped ones.
        assert_eq!(shown("'日本\u{1b}' x", 1, 7), "  '日本\\u{1b}' x\n               ^");
    }

    #[test]
    fn a_place_outside_the_text_has_no_excerpt() {
        for (line, column) in [(0, 1), (1, 0), (1, 5), (2, 1), (u64::MAX, u64::MAX)] {
            assert!(Excerpt::new("abc", Position::new(line, column)).is_none());
        }
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let sql = format!("{}!{}", "a".repeat(200), "日".repeat(200));
        let shown = shown(&sql, 1, 201);
        let (text, caret) = shown.split_once('\n').unwrap();
        assert!(text.width() <= WIDTH + 2 && text.starts_with("  ..a") && text.ends_with("日.."));
        assert_eq!(text[..text.find('!').unwrap()].width() + 1, caret.width());
    }
}
