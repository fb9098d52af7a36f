//! Syntax highlighting.

use std::fmt::Write;

use crate::commands::shell::find::is_meant;
use crate::commands::shell::keywords::is_keyword;
use crate::commands::shell::lexer::{Kind, Piece, piece, tokens};

const BLUE: &str = "34";
const GREEN: &str = "32";
const MAGENTA: &str = "35";
const DIM: &str = "2";

/// The line with escape sequences for colours. The width must not change, as the editor requires.
/// `before` is what comes before the line, if a string or comment that begins there is open.
pub fn highlight(before: &str, line: &str) -> String {
    let text = format!("{before}{line}");
    // The argument of a command may be a path, which is not SQL.
    if is_meant(line) || matches!(piece(&text, 0), Some((Piece::Command(_), _))) {
        return line.to_owned();
    }
    let mut coloured = String::with_capacity(2 * line.len());
    for token in tokens(&text).into_iter().filter(|token| token.range.end > before.len()) {
        let shown = &text[token.range.start.max(before.len())..token.range.end];
        let colour = match token.kind {
            Kind::Word if is_keyword(shown) => BLUE,
            Kind::Text => GREEN,
            Kind::Number => MAGENTA,
            Kind::Comment => DIM,
            _ => {
                coloured += shown;
                continue;
            }
        };
        let _ = write!(coloured, "\x1b[{colour}m{shown}\x1b[0m");
    }
    coloured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_nothing_but_colours() {
        for text in ["SELECT 1, 'ü' FROM t -- 日本", ".mode csv", "select 'open\n1", "/* a", ""]
        {
            assert_eq!(console::strip_ansi_codes(&highlight("", text)), text);
        }
        assert_eq!(highlight("", "select x"), "\x1b[34mselect\x1b[0m x");
        assert_eq!(highlight("select 'a\n", "b' from"), "\x1b[32mb'\x1b[0m \x1b[34mfrom\x1b[0m");
    }
}
