//! The prompts, which say what an unfinished statement lacks.

use crate::commands::shell::lexer::{Open, open_at_end};

pub const FIRST: &str = "netsky> ";

/// The prompt of a line that continues a statement. It is as wide as the first, so that lines align.
pub fn continuation(open: Option<Open>) -> &'static str {
    match open {
        None => "     -> ",
        Some(Open::Text) => "     '> ",
        Some(Open::Name) => "     \"> ",
        Some(Open::Comment) => "    /*> ",
        Some(Open::Parenthesis) => "     (> ",
    }
}

/// What keeps a line from being a command. `None` if it is one.
pub fn why_not_a_command(unfinished: &str) -> Option<&'static str> {
    match open_at_end(unfinished) {
        Some(Open::Text) => Some("this line is inside a string; end it with ' or press Ctrl-C"),
        Some(Open::Name) => {
            Some("this line is inside a quoted name; end it with \" or press Ctrl-C")
        }
        Some(Open::Comment) => {
            Some("this line is inside a comment; end it with */ or press Ctrl-C")
        }
        Some(Open::Parenthesis) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_as_wide_as_the_first_and_show_what_is_open() {
        for (text, prompt) in [
            ("SELECT 1\n", "     -> "),
            ("SELECT 'a\n", "     '> "),
            ("SELECT \"a\n", "     \"> "),
            ("SELECT 1 /* a\n", "    /*> "),
            ("SELECT (1 + (2)\n", "     (> "),
            ("SELECT ('a)\n", "     '> "),
            ("SELECT ')' -- (\n", "     -> "),
        ] {
            assert_eq!(continuation(open_at_end(text)), prompt, "{text}");
            assert_eq!(prompt.len(), FIRST.len());
        }
    }
}
