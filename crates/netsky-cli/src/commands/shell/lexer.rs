//! SQL text cut into tokens, and input into statements.
//!
//! The parser's own tokenizer gives up at a text that is not closed, and that is what stands at the
//! prompt most of the time.

use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Space,
    Comment,
    /// A keyword or a name.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string.
    Text,
    Number,
    Semicolon,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
    /// Whether what it opened is closed.
    pub finished: bool,
}

/// The tokens of a text; together they are all of it.
pub fn tokens(text: &str) -> impl Iterator<Item = Token> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let token = token(text, at)?;
        at = token.range.end;
        Some(token)
    })
}

fn token(text: &str, start: usize) -> Option<Token> {
    let rest = &text[start..];
    let first = rest.chars().next()?;
    let second = rest[first.len_utf8()..].chars().next();
    let run = |same: fn(char) -> bool| rest.find(|char| !same(char)).or(Some(rest.len()));
    let (kind, length) = match (first, second) {
        (char, _) if char.is_whitespace() => (Kind::Space, run(char::is_whitespace)),
        (';', _) => (Kind::Semicolon, Some(1)),
        ('-', Some('-')) => (Kind::Comment, rest.find('\n').or(Some(rest.len()))),
        ('/', Some('*')) => (Kind::Comment, comment(rest)),
        ('\'', _) => (Kind::Text, closed(rest, 1, "'")),
        ('"', _) => (Kind::Quoted, closed(rest, 1, "\"")),
        ('`', _) => (Kind::Quoted, closed(rest, 1, "`")),
        ('e' | 'E', Some('\'')) => (Kind::Text, escaped(rest)),
        ('q' | 'Q', Some('\'')) => (Kind::Text, delimited(rest)),
        ('$', _) => dollar(rest),
        (char, _) if char.is_ascii_digit() => {
            (Kind::Number, run(|char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_')))
        }
        (char, _) if starts_word(char) => (Kind::Word, run(continues_word)),
        _ => (Kind::Other, Some(first.len_utf8())),
    };
    let end = start + length.unwrap_or(rest.len());
    Some(Token { kind, range: start..end, finished: length.is_some() })
}

fn starts_word(char: char) -> bool {
    char.is_alphabetic() || matches!(char, '_' | '#' | '@')
}

pub fn continues_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '#' | '@' | '$')
}

/// The length of what ends at the first `end`, searched from a byte on.
fn closed(rest: &str, from: usize, end: &str) -> Option<usize> {
    Some(from + rest.get(from..)?.find(end)? + end.len())
}

/// `/* .. */`, which can hold others.
fn comment(rest: &str) -> Option<usize> {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let opens = rest[at..].find("/*");
        let closes = rest[at..].find("*/")?;
        match opens {
            Some(opens) if opens < closes => (at, depth) = (at + opens + 2, depth + 1),
            _ => (at, depth) = (at + closes + 2, depth - 1),
        }
    }
    Some(at)
}

/// `E'..'`, where a backslash keeps a quote from closing.
fn escaped(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(2);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => {
                chars.next();
            }
            '\'' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `Q'[..]'`, with any character in place of the brackets.
fn delimited(rest: &str) -> Option<usize> {
    let open = rest[2..].chars().next()?;
    let close = match open {
        '[' => ']',
        '{' => '}',
        '<' => '>',
        '(' => ')',
        other => other,
    };
    closed(rest, 2 + open.len_utf8(), &format!("{close}'"))
}

/// `$tag$..$tag$`, or a `$` that stands for something else.
fn dollar(rest: &str) -> (Kind, Option<usize>) {
    let tag = rest[1..].find(|char: char| !char.is_alphanumeric() && char != '_');
    match tag.map(|tag| tag + 1).filter(|&tag| rest[tag..].starts_with('$')) {
        Some(tag) => (Kind::Text, closed(rest, tag + 1, &rest[..=tag])),
        None => (Kind::Other, Some(1)),
    }
}

/// What input has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A command of the shell's own.
    Command(Range<usize>),
    /// A statement, without its semicolon.
    Statement(Range<usize>),
    /// The beginning of a statement.
    Unfinished(Range<usize>),
}

impl Piece {
    pub fn range(&self) -> &Range<usize> {
        match self {
            Self::Command(range) | Self::Statement(range) | Self::Unfinished(range) => range,
        }
    }
}

/// Commands that are also understood without a dot, as the whole of a line.
const BARE_COMMANDS: [&str; 3] = ["exit", "help", "quit"];

/// The first piece at or after a byte of the text, and where to look for the next. `None` if only blanks
/// and comments are left.
pub fn piece(text: &str, from: usize) -> Option<(Piece, usize)> {
    let blank = |token: &Token| {
        matches!(token.kind, Kind::Space | Kind::Comment | Kind::Semicolon) && token.finished
    };
    let shifted = |token: Token| from + token.range.start;
    let start = tokens(&text[from..]).find(|token| !blank(token)).map(shifted)?;
    let rest = &text[start..];
    let line = rest.lines().next().unwrap_or_default().trim_end();
    let bare = line.trim_end_matches([';', ' ']);
    if line.starts_with(['.', '\\']) {
        return Some((Piece::Command(start..start + line.len()), start + line.len()));
    }
    if BARE_COMMANDS.iter().any(|command| bare.eq_ignore_ascii_case(command)) {
        return Some((Piece::Command(start..start + bare.len()), start + line.len()));
    }
    let end = tokens(rest).find(|token| token.kind == Kind::Semicolon);
    Some(match end {
        Some(end) => (Piece::Statement(start..start + end.range.start), start + end.range.end),
        None => (Piece::Unfinished(start..text.trim_end().len()), text.len()),
    })
}

/// All pieces of a text.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let (piece, next) = piece(text, from)?;
        from = next;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::{Token as ParserToken, Tokenizer};

    use super::*;

    fn cut(text: &str) -> Vec<(&'static str, &str)> {
        let cut = |piece: Piece| {
            let kind = match piece {
                Piece::Command(_) => "command",
                Piece::Statement(_) => "statement",
                Piece::Unfinished(_) => "unfinished",
            };
            (kind, &text[piece.range().clone()])
        };
        pieces(text).map(cut).collect()
    }

    #[test]
    fn a_semicolon_ends_a_statement_only_outside_of_quotes_and_comments() {
        for sql in [
            "SELECT ';'",
            "SELECT 'it''s;'",
            "SELECT E'it\\'s;'",
            "SELECT q'[it's;]'",
            "SELECT \"a;b\" FROM t",
            "SELECT `a;b` FROM t",
            "SELECT 1 -- one;\n + 1",
            "SELECT 1 /* a; /* b; */ c; */ + 1",
            "SELECT $$a;b$$",
            "SELECT $tag$a;$$;b$tag$",
            "SELECT a$b, 1.5e3, x'00', '日本;語', é FROM t",
        ] {
            assert_eq!(
                cut(&format!("{sql}; {sql} ;")),
                [("statement", sql), ("statement", format!("{sql} ").as_str())]
            );
            let tokens = Tokenizer::new(&GenericDialect, &format!("{sql};")).tokenize().unwrap();
            let semicolons = tokens.iter().filter(|token| **token == ParserToken::SemiColon);
            assert_eq!(semicolons.count(), 1, "the parser sees it so too: {sql}");
        }
    }

    #[test]
    fn what_is_open_is_unfinished() {
        for sql in [
            "SELECT 1",
            "SELECT ';",
            "SELECT E'\\';",
            "SELECT \"a;",
            "SELECT /* ;",
            "SELECT /* /* */ ;",
            "SELECT $$;",
            "SELECT $a$;$$",
            "SELECT q'[;'",
            "/* ;",
            "SELECT 1 --;",
        ] {
            assert_eq!(cut(sql), [("unfinished", sql)]);
        }
        assert_eq!(cut("SELECT 1; SELECT"), [("statement", "SELECT 1"), ("unfinished", "SELECT")]);
    }

    #[test]
    fn commands_are_lines_and_stand_where_a_statement_can_begin() {
        assert_eq!(
            cut(".mode csv\n\\d ticks;\nSELECT\n.5; quit;\n -- done;\nEXIT"),
            [
                ("command", ".mode csv"),
                ("command", "\\d ticks;"),
                ("statement", "SELECT\n.5"),
                ("command", "quit"),
                ("command", "EXIT"),
            ]
        );
        assert_eq!(cut("help me"), [("unfinished", "help me")]);
    }

    #[test]
    fn blanks_and_comments_are_nothing() {
        for nothing in ["", " \n\t", ";", " ; ;\n", "-- nothing", "/* nothing */;"] {
            assert_eq!(cut(nothing), [], "{nothing}");
        }
    }

    #[test]
    fn tokens_are_all_of_the_text() {
        let text = "sélect 'ü', $1 $ 日本 \"x\" /* */ -- \u{0}\r\n E' \\";
        let mut end = 0;
        for token in tokens(text) {
            assert!(token.range.start == end && token.range.end > end);
            end = token.range.end;
        }
        assert_eq!(end, text.len());
    }
}
