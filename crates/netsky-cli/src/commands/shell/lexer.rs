//! SQL text cut into tokens, and input into statements.
//!
//! The tokens are those of the parser's own tokenizer, so the shell and the parser agree on where a
//! string or a comment ends. At the prompt, the last token is open most of the time: the tokenizer then
//! fails, but returns the tokens before it.

use std::ops::Range;

use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect};
use datafusion::sql::sqlparser::tokenizer::{
    Location, Token as SqlToken, Tokenizer, TokenizerError, Whitespace,
};

use crate::commands::shell::find::BARE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Space,
    Comment,
    /// A keyword or an identifier.
    Word,
    /// A quoted identifier.
    Quoted,
    /// A string.
    Text,
    Number,
    Semicolon,
    /// As in psql, a command begins there.
    Backslash,
    Other,
    /// The rest of a text from where the parser will report an error.
    Invalid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
    /// Whether its closing quote or comment delimiter was found.
    pub finished: bool,
}

/// The tokens of a text. Their ranges cover all of it.
pub fn tokens(text: &str) -> Vec<Token> {
    // A comment such as /*! .. */ is a hint, which the tokenizer replaces by the tokens in it.
    let without_hints = text.replace("/*!", "/* ");
    let mut found = Vec::new();
    let error =
        Tokenizer::new(&GenericDialect, &without_hints).tokenize_with_location_into_buf(&mut found);
    let mut places = Places { text, byte: 0, place: Location::new(1, 1) };
    let mut tokens = Vec::with_capacity(found.len() + 1);
    for token in &found {
        let range = places.byte..places.byte_of(token.span.end);
        let kind = kind_of(&token.token, &text[range.clone()]);
        tokens.push(Token { kind, range, finished: true });
    }
    let rest = places.byte..text.len();
    match error {
        _ if rest.is_empty() => {}
        Err(error) if is_open(&error) => {
            let kind = match text[rest.clone()].chars().next() {
                Some('/') => Kind::Comment,
                Some('"' | '`') => Kind::Quoted,
                _ => Kind::Text,
            };
            tokens.push(Token { kind, range: rest, finished: false });
        }
        _ => tokens.push(Token { kind: Kind::Invalid, range: rest, finished: true }),
    }
    tokens
}

/// Whether more text could complete the token. The tokenizer's error has no code for that, only a message.
fn is_open(error: &TokenizerError) -> bool {
    let is = |begin| error.message.starts_with(begin);
    !is("Invalid") && !is("Unexpected character")
}

fn kind_of(token: &SqlToken, text: &str) -> Kind {
    match token {
        SqlToken::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) => Kind::Comment,
        SqlToken::Whitespace(_) => Kind::Space,
        SqlToken::Word(word) if word.quote_style.is_some() => Kind::Quoted,
        SqlToken::Word(_) => Kind::Word,
        SqlToken::Number(..) => Kind::Number,
        SqlToken::SemiColon => Kind::Semicolon,
        SqlToken::Backslash => Kind::Backslash,
        SqlToken::DollarQuotedString(_) => Kind::Text,
        // The other strings, such as E'..' and X'..'; no operator ends with a quote.
        _ if text.ends_with('\'') => Kind::Text,
        _ => Kind::Other,
    }
}

/// Converts the tokenizer's lines and columns, which count characters, to bytes. They only increase.
struct Places<'a> {
    text: &'a str,
    byte: usize,
    place: Location,
}

impl Places<'_> {
    fn byte_of(&mut self, place: Location) -> usize {
        let mut chars = self.text[self.byte..].chars();
        while self.place < place
            && let Some(char) = chars.next()
        {
            self.byte += char.len_utf8();
            match char {
                '\n' => self.place = Location::new(self.place.line + 1, 1),
                _ => self.place.column += 1,
            }
        }
        self.byte
    }
}

/// What a text leaves open at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    Text,
    /// A quoted identifier.
    Name,
    Comment,
    Parenthesis,
}

/// What a text leaves open at its end, if anything.
pub fn open_at_end(text: &str) -> Option<Open> {
    let tokens = tokens(text);
    if let Some(last) = tokens.last().filter(|last| !last.finished) {
        return Some(match last.kind {
            Kind::Comment => Open::Comment,
            Kind::Quoted => Open::Name,
            _ => Open::Text,
        });
    }
    let depth = tokens.iter().fold(0_usize, |depth, token| match &text[token.range.clone()] {
        "(" => depth + 1,
        ")" => depth.saturating_sub(1),
        _ => depth,
    });
    (depth > 0).then_some(Open::Parenthesis)
}

pub fn continues_word(char: char) -> bool {
    GenericDialect.is_identifier_part(char)
}

/// What input has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A command of the shell's own.
    Command(Range<usize>),
    /// A statement, without its semicolon.
    Statement(Range<usize>),
    /// A statement, and a command behind it, which decides what becomes of the statement.
    WithCommand { statement: Range<usize>, command: Range<usize> },
    /// The beginning of a statement.
    Unfinished(Range<usize>),
}

impl Piece {
    pub fn range(&self) -> &Range<usize> {
        match self {
            Self::Command(range) | Self::Statement(range) | Self::Unfinished(range) => range,
            Self::WithCommand { statement, .. } => statement,
        }
    }
}

/// The first piece at or after a byte of the text, and where to look for the next. `None` if only blanks
/// and comments are left.
pub fn piece(text: &str, from: usize) -> Option<(Piece, usize)> {
    let start = start_of_piece(text, from)?;
    let rest = &text[start..];
    let line = rest.lines().next().unwrap_or_default().trim_end();
    let bare = line.trim_end_matches([';', ' ']);
    if line.starts_with(['.', '\\']) {
        return Some((Piece::Command(start..start + line.len()), start + line.len()));
    }
    if BARE.iter().any(|command| bare.eq_ignore_ascii_case(command)) {
        return Some((Piece::Command(start..start + bare.len()), start + line.len()));
    }
    let last = tokens_of_statement(rest).pop()?;
    let at = start + last.range.start;
    let end = match last.kind {
        Kind::Semicolon => Some(at),
        // The parser reports the error, if the statement ends at all.
        Kind::Invalid => text[at..].find(';').map(|end| at + end),
        Kind::Backslash => {
            let command = at..at + text[at..].lines().next().unwrap_or_default().trim_end().len();
            let (statement, end) = (start..text[..at].trim_end().len(), command.end);
            return Some((Piece::WithCommand { statement, command }, end));
        }
        _ => None,
    };
    Some(match end {
        Some(end) => (Piece::Statement(start..end), end + 1),
        None => (Piece::Unfinished(start..text.trim_end().len()), text.len()),
    })
}

fn start_of_piece(text: &str, from: usize) -> Option<usize> {
    let is_blank = |kind: Kind| matches!(kind, Kind::Space | Kind::Comment | Kind::Semicolon);
    let mut from = from;
    while from < text.len() {
        let found = tokens_of_statement(&text[from..]);
        match found.iter().find(|token| !is_blank(token.kind) || !token.finished) {
            Some(token) => return Some(from + token.range.start),
            None => from += found.last().map_or(text.len(), |token| token.range.end),
        }
    }
    None
}

/// The tokens up to the first semicolon or backslash that is not in a string or a comment, or all of
/// them.
///
/// The tokenizer has no way to stop there, and a text may hold many statements. So it gets the text up to
/// the first semicolon, and if that is in a string, more; at least twice as much, so that the work
/// stays linear.
fn tokens_of_statement(text: &str) -> Vec<Token> {
    let mut end = 0;
    loop {
        let from = (2 * end).min(text.len());
        let semicolon = text.bytes().skip(from).position(|byte| byte == b';');
        end = semicolon.map_or(text.len(), |at| from + at + 1);
        let mut found = tokens(&text[..end]);
        let ends =
            |token: &Token| matches!(token.kind, Kind::Semicolon | Kind::Backslash | Kind::Invalid);
        if let Some(last) = found.iter().position(ends) {
            found.truncate(last + 1);
            return found;
        }
        if end == text.len() {
            return found;
        }
    }
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
    use super::*;

    fn cut(text: &str) -> Vec<(&str, &str)> {
        let cut = |piece: Piece| {
            let kind = match piece {
                Piece::Command(_) => "command",
                Piece::Statement(_) => "statement",
                Piece::Unfinished(_) => "unfinished",
                Piece::WithCommand { statement, command } => {
                    return (&text[statement.clone()], &text[command.clone()]);
                }
            };
            (kind, &text[piece.range().clone()])
        };
        pieces(text).map(cut).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_end_nothing() {
        for sql in [
            "SELECT ';'",
            "SELECT 'it''s;'",
            "SELECT E'it\\'s;'",
            "SELECT q'[it's;]'",
            "SELECT \"a;b\" FROM t",
            "SELECT `a;b` FROM t",
            "SELECT 1 -- one;\n + 1",
            "SELECT 1 /* a; /* b; */ c; */ + 1",
            "SELECT /*! 1; */ 2",
            "SELECT $$a;b$$",
            "SELECT $tag$a;$$;b$tag$",
            "SELECT a$b, 1.5e3, x'00', '日本;語', é FROM t",
        ] {
            assert_eq!(
                cut(&format!("{sql}; {sql} ;")),
                [("statement", sql), ("statement", format!("{sql} ").as_str())]
            );
        }
    }

    #[test]
    fn open_quotes_and_comments_are_unfinished() {
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
            "SELECT U&';",
            "SELECT U&'\\00",
            "SELECT N';",
            "/* ;",
            "SELECT 1 --;",
        ] {
            assert_eq!(cut(sql), [("unfinished", sql)]);
        }
        assert_eq!(cut("SELECT 1; SELECT"), [("statement", "SELECT 1"), ("unfinished", "SELECT")]);
    }

    #[test]
    fn invalid_tokens_end_with_their_statement() {
        for sql in ["SELECT U&'\\zz'", "SELECT (a)._b", "SELECT q' a '"] {
            assert_eq!(
                cut(&format!("{sql}; SELECT 1;")),
                [("statement", sql), ("statement", "SELECT 1")]
            );
            assert_eq!(cut(sql), [("unfinished", sql)]);
        }
    }

    #[test]
    fn a_command_can_stand_behind_a_statement() {
        assert_eq!(
            cut("SELECT 1\n \\gx\nSELECT '\\d' \\watch 2;\n"),
            [("SELECT 1", "\\gx"), ("SELECT '\\d'", "\\watch 2;")]
        );
        for sql in ["SELECT 'a\\d", "SELECT 1 -- \\d", "SELECT \"a\\b\""] {
            assert_eq!(cut(sql), [("unfinished", sql)]);
        }
    }

    #[test]
    fn many_statements_are_cut_in_linear_time() {
        let text = "SELECT ';;;;;;;;'; ".repeat(20_000);
        assert_eq!(pieces(&text).count(), 20_000);
    }

    #[test]
    fn commands_are_lines_between_statements() {
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
    fn blanks_and_comments_are_no_piece() {
        for nothing in ["", " \n\t", ";", " ; ;\n", "-- nothing", "/* nothing */;"] {
            assert_eq!(cut(nothing), [], "{nothing}");
        }
    }

    #[test]
    fn tokens_cover_all_of_the_text() {
        let text = "sélect 'ü', $1 $ 日本 \"x\" /* */ -- \u{0}\r\n E' \\";
        let mut end = 0;
        for token in tokens(text) {
            assert!(token.range.start == end && token.range.end > end);
            end = token.range.end;
        }
        assert_eq!(end, text.len());
    }
}
