//! The tokens of SQL, as far as PostgreSQL's quotes and comments go: enough to find the ends of statements, and to
//! read the statements that need no backend.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a name.
    Word,
    /// A name in double quotes.
    QuotedName,
    /// A literal of text, in any quotes.
    Text,
    Number,
    /// `$1`
    Parameter,
    /// One character.
    Symbol,
    /// A quote or comment without its end: the rest of the text.
    Unterminated,
}

/// A token, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

/// The tokens of a text, without comments and white space.
#[derive(Debug, Clone)]
pub(crate) struct Tokens<'a> {
    sql: &'a str,
    position: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn of(sql: &'a str) -> Self {
        Self { sql, position: 0 }
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a str {
        self.sql.get(self.position..).unwrap_or_default()
    }

    /// Skips white space and comments. Returns whether a comment has no end.
    fn skip(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches(is_space).len();
            let skipped = match rest.get(blank..) {
                Some(comment) if comment.starts_with("--") => {
                    comment.find(['\n', '\r']).unwrap_or(comment.len())
                }
                Some(comment) if comment.starts_with("/*") => match comment_end(comment) {
                    Some(end) => end,
                    None => {
                        self.position += blank;
                        return true;
                    }
                },
                _ => 0,
            };
            self.position += blank + skipped;
            if skipped == 0 {
                return false;
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let is_unterminated = self.skip();
        let (start, rest) = (self.position, self.rest());
        let (kind, length) = match is_unterminated {
            true => (Kind::Unterminated, rest.len()),
            false => scan(rest)?,
        };
        self.position += length;
        Some(Token { kind, text: rest.get(..length)?, start })
    }
}

/// What PostgreSQL takes for white space; others are letters.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn is_name_start(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_' || !character.is_ascii()
}

fn is_name_part(character: char) -> bool {
    is_name_start(character) || character.is_ascii_digit() || character == '$'
}

/// The length of a comment, in which others may be.
fn comment_end(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = text.as_bytes();
    while let Some(pair) = bytes.get(at..at + 2) {
        match pair {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The kind and length of the first token. `None` if there is none.
fn scan(text: &str) -> Option<(Kind, usize)> {
    let first = text.chars().next()?;
    let quoted = |prefix: usize, escapes: bool| match quote_end(text, prefix, '\'', escapes) {
        Some(end) => (Kind::Text, end),
        None => (Kind::Unterminated, text.len()),
    };
    let named = |prefix: usize| match quote_end(text, prefix, '"', false) {
        Some(end) => (Kind::QuotedName, end),
        None => (Kind::Unterminated, text.len()),
    };
    Some(match first {
        '\'' => quoted(0, false),
        '"' => named(0),
        '$' => return Some(dollar(text)),
        _ if is_name_start(first) => {
            let lower = |at: usize| text.as_bytes().get(at).map(u8::to_ascii_lowercase);
            match (lower(0), lower(1), lower(2)) {
                (Some(b'e'), Some(b'\''), _) => quoted(1, true),
                (Some(b'b' | b'x' | b'n'), Some(b'\''), _) => quoted(1, false),
                (Some(b'u'), Some(b'&'), Some(b'\'')) => quoted(2, false),
                (Some(b'u'), Some(b'&'), Some(b'"')) => named(2),
                _ => (Kind::Word, text.find(|it| !is_name_part(it)).unwrap_or(text.len())),
            }
        }
        _ if first.is_ascii_digit() => {
            let part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_');
            (Kind::Number, text.find(|it| !part(it)).unwrap_or(text.len()))
        }
        _ => (Kind::Symbol, first.len_utf8()),
    })
}

/// Where a quoted text ends. The quote begins after `prefix` bytes; a doubled one stands for itself.
fn quote_end(text: &str, prefix: usize, quote: char, escapes: bool) -> Option<usize> {
    let start = prefix + 1;
    let mut characters = text.get(start..)?.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && escapes {
            characters.next();
        } else if character == quote {
            match characters.peek() {
                Some((_, next)) if *next == quote => drop(characters.next()),
                _ => return Some(start + at + 1),
            }
        }
    }
    None
}

/// `$1`, or a text such as `$tag$it's$tag$`.
fn dollar(text: &str) -> (Kind, usize) {
    let rest = text.get(1..).unwrap_or_default();
    let digits = rest.len() - rest.trim_start_matches(|it: char| it.is_ascii_digit()).len();
    if digits > 0 {
        return (Kind::Parameter, 1 + digits);
    }
    let tag = rest.find(|it| !is_name_part(it) || it == '$').unwrap_or(rest.len());
    if !rest.get(tag..).is_some_and(|rest| rest.starts_with('$')) {
        return (Kind::Symbol, 1);
    }
    let tag = text.get(..tag + 2).unwrap_or_default();
    let body = text.get(tag.len()..).unwrap_or_default();
    match body.find(tag) {
        Some(end) => (Kind::Text, tag.len() + end + tag.len()),
        None => (Kind::Unterminated, text.len()),
    }
}

/// A statement's text, without what stands around it, and the number of characters before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) sql: &'a str,
    pub(crate) characters_before: usize,
    /// It ends in a quote or comment that has no end.
    pub(crate) is_unterminated: bool,
}

/// Splits a text into its statements. Empty ones are left out.
pub(crate) fn split(sql: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut counted, mut characters) = (0, 0);
    let mut piece = None;
    let mut is_unterminated = false;
    let mut end = |piece: &mut Option<(usize, usize)>, is_unterminated: bool| {
        if let Some((start, end)) = piece.take()
            && let (Some(before), Some(text)) = (sql.get(counted..start), sql.get(start..end))
        {
            characters += before.chars().count();
            counted = start;
            pieces.push(Piece { sql: text, characters_before: characters, is_unterminated });
        }
    };
    for token in Tokens::of(sql) {
        if token.kind == Kind::Symbol && token.text == ";" {
            end(&mut piece, false);
        } else {
            is_unterminated = token.kind == Kind::Unterminated;
            let (start, _) = piece.unwrap_or((token.start, 0));
            piece = Some((start, token.start + token.text.len()));
        }
    }
    end(&mut piece, is_unterminated);
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(sql: &str) -> Vec<&str> {
        split(sql).iter().map(|piece| piece.sql).collect()
    }

    #[test]
    fn statements_end_at_semicolons() {
        assert_eq!(pieces("SELECT 1; SELECT 2 ;;"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(pieces(" -- nothing\n ; /* ; */ "), Vec::<&str>::new());
        assert_eq!(pieces("a--;\nb;c"), ["a--;\nb", "c"]);
        let second = split("SELECT 'ü'; SELECT 2")[1];
        let (sql, characters_before, is_unterminated) = ("SELECT 2", 12, false);
        assert_eq!(second, Piece { sql, characters_before, is_unterminated });
        assert!(split("SELECT 1; SELECT '")[1].is_unterminated);
    }

    #[test]
    fn quotes_and_comments_hide_semicolons() {
        for one in [
            "SELECT ';'",
            "SELECT 'it''s;'",
            r"SELECT E'\';'",
            r"SELECT e'\\', ''';'",
            r#"SELECT 1 AS "a;""b;""#,
            r#"SELECT U&"a;", U&'b;'"#,
            "SELECT $$it's;$$",
            "SELECT $tag$;$$;$tag$",
            "SELECT 1 /* ; /* ; */ ; */ + 1",
            "SELECT 1 -- ;\n + 1",
            "SELECT 'no end;",
            "SELECT $a$no end;$b$",
            "SELECT /* no end;",
        ] {
            assert_eq!(pieces(one), [one]);
        }
        // A backslash is nothing special, and a name may have a dollar.
        assert_eq!(pieces(r"SELECT '\'; SELECT 1"), [r"SELECT '\'", "SELECT 1"]);
        assert_eq!(pieces("SELECT a$b$; SELECT $1;"), ["SELECT a$b$", "SELECT $1"]);
    }

    fn token() -> impl Strategy<Value = String> {
        let quoted = "[a-z;$ü '\"\n-]{0,9}";
        prop_oneof![
            "[a-zü_][a-z0-9$]{0,5}",
            "[0-9.]{1,4}"
                .prop_filter("a number", |text| text.starts_with(|c: char| c.is_ascii_digit())),
            "[-+*/(),=<>:.]",
            quoted.prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
            quoted.prop_map(|text| format!("E'{}'", text.replace('\'', "\\'"))),
            quoted.prop_map(|text| format!("\"{}\"", text.replace('"', "\"\""))),
            "[a-z;' \"\n]{0,9}".prop_map(|text| format!("$tag${text}$tag$")),
            "[a-z;' \"]{0,9}".prop_map(|text| format!("/*{text}/*{text}*/*/")),
            "[a-z;' \"]{0,9}".prop_map(|text| format!("--{text}\n")),
        ]
    }

    proptest! {
        #[test]
        fn joined_statements_are_split_again(
            statements in prop::collection::vec(prop::collection::vec(token(), 1..8), 0..5)
        ) {
            // A word first and last, so that no statement is empty or begins or ends with a comment.
            let statements: Vec<String> =
                statements.iter().map(|tokens| format!("a {} z", tokens.join(" "))).collect();
            for between in [";", " ;\n;--;\n"] {
                let sql = statements.join(between);
                prop_assert_eq!(pieces(&sql), statements.clone());
            }
        }

        #[test]
        fn any_text_is_split(sql in "\\PC*|[a-z'\";$/*\\\\ \n-]*") {
            let mut last = 0;
            for piece in split(&sql) {
                let start = piece.sql.as_ptr() as usize - sql.as_ptr() as usize;
                prop_assert!(start >= last && !piece.sql.is_empty());
                prop_assert_eq!(sql[..start].chars().count(), piece.characters_before);
                last = start + piece.sql.len();
            }
        }
    }
}
