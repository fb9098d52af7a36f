//! Syntax highlighting.

use std::fmt::Write;

use crate::commands::shell::keywords::is_keyword;
use crate::commands::shell::lexer::{Kind, Piece, piece, tokens};

const BLUE: &str = "34";
const GREEN: &str = "32";
const MAGENTA: &str = "35";
const DIM: &str = "2";

/// The input with escape sequences for colours. The width must not change, as the editor requires.
pub fn highlight(text: &str) -> String {
    // The argument of a command may be a path, which is not SQL.
    if let Some((Piece::Command(_), _)) = piece(text, 0) {
        return text.to_owned();
    }
    let mut coloured = String::with_capacity(2 * text.len());
    for token in tokens(text) {
        let shown = &text[token.range.clone()];
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
            assert_eq!(console::strip_ansi_codes(&highlight(text)), text);
        }
        assert_eq!(highlight("select x"), "\x1b[34mselect\x1b[0m x");
    }
}
