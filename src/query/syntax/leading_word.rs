//! Statements of other systems, told by their first word.

use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

use crate::error::{Error, Result};
use crate::query::syntax::unsupported;

/// What the first word says about a statement.
pub(in crate::query) enum Leading {
    /// `SUMMARIZE t` or `SUMMARIZE SELECT ..`.
    Summarize,
    /// `TABLE t`, which is `FROM t`.
    Table,
    /// A statement for the parser.
    Other,
}

/// Returns what the statement is.
///
/// # Errors
///
/// [`Error::UnsupportedSql`] for statements that netsky has in another form.
pub(in crate::query) fn leading_word(tokens: &[TokenWithSpan]) -> Result<Leading> {
    let mut tokens = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let (Some(first), second) = (tokens.next(), tokens.next().map(|token| &token.token)) else {
        return Ok(Leading::Other);
    };
    let refuse = |what: &str, hint: &str| -> Result<Leading, Error> {
        Err(unsupported(format!("{what} is not supported"), hint, first.span))
    };
    match &first.token {
        Token::Word(Word { value, quote_style: None, .. }) => {
            match value.to_ascii_uppercase().as_str() {
                "SUMMARIZE" | "SUMMARISE" => Ok(Leading::Summarize),
                "TABLE" if matches!(second, Some(Token::Word(_))) => Ok(Leading::Table),
                "PRAGMA" => refuse(
                    "PRAGMA",
                    "DESCRIBE ticks lists the columns of a table, SHOW TABLES the tables",
                ),
                "PIVOT" | "UNPIVOT" => refuse(&value.to_ascii_uppercase(), super::refused::PIVOT),
                "USE" | "ATTACH" | "DETACH" => refuse(
                    &value.to_ascii_uppercase(),
                    "a query reads one store; name another with --db PATH",
                ),
                _ => Ok(Leading::Other),
            }
        }
        Token::Period if matches!(second, Some(Token::Word(_))) => Err(unsupported(
            "commands with a dot are not SQL",
            "they work in `netsky shell`; in SQL, SHOW TABLES lists the tables, and DESCRIBE ticks the \
             columns of one",
            first.span,
        )),
        Token::Backslash => Err(unsupported(
            "commands with a backslash are not SQL",
            "they work in `netsky shell`; in SQL, SHOW TABLES lists the tables, and DESCRIBE ticks the \
             columns of one",
            first.span,
        )),
        _ => Ok(Leading::Other),
    }
}

/// Returns the statement with another first word. Places after it are the same if it is not longer.
pub(in crate::query) fn with_leading_word(
    sql: &str,
    tokens: &[TokenWithSpan],
    word: &str,
) -> String {
    let is_word = |token: &&TokenWithSpan| matches!(token.token, Token::Word(_));
    let Some(first) = tokens.iter().find(is_word) else { return sql.to_owned() };
    let start = offset(sql, first.span.start);
    let end = offset(sql, first.span.end).max(start);
    format!("{}{word:2$}{}", &sql[..start], &sql[end..], end - start)
}

/// The place in bytes.
fn offset(sql: &str, place: Location) -> usize {
    let (mut line, mut column) = (1, 1);
    for (offset, character) in sql.char_indices() {
        if (line, column) >= (place.line, place.column) {
            return offset;
        }
        (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    sql.len()
}
