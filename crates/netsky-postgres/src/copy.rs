//! `COPY (query) TO STDOUT`

use datafusion::sql::sqlparser::ast::{
    CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, CopyTarget, Ident, Statement,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::copy_format::CopyFormat;
use crate::sqlstate::Failure;

/// A statement that copies the rows of a query to the client.
#[derive(Debug, PartialEq, Eq)]
pub struct Copy {
    /// The query, as it was written.
    pub query: String,
    pub format: CopyFormat,
}

impl Copy {
    /// Reads a statement. Returns `None` if it is another one.
    ///
    /// # Errors
    ///
    /// It is a COPY that writes, or whose options are unknown.
    pub fn parse(sql: &str) -> Result<Option<Self>, Failure> {
        let dialect = PostgreSqlDialect {};
        let is_copy = first_word(sql).is_some_and(|word| word.eq_ignore_ascii_case("copy"));
        if !is_copy {
            return Ok(None);
        }
        let tokens = Tokenizer::new(&dialect, sql).tokenize_with_location();
        let tokens = tokens.map_err(ParserError::from)?;
        let (query, tokens) = cut_query(sql, tokens)?;
        let tokens = quote_stars(tokens);
        let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
        let statement = parser.parse_statement()?;
        let _ = parser.consume_token(&Token::SemiColon);
        parser.expect_token(&Token::EOF)?;
        let Statement::Copy { source, to, target, options, legacy_options, .. } = statement else {
            return Err(Failure::syntax("expected COPY (query) TO STDOUT"));
        };
        if !to {
            let message = "cannot execute COPY FROM in a read-only transaction";
            return Err(Failure::new("25006", message)
                .with_hint("`netsky import` stores the rows of a file"));
        }
        if target != CopyTarget::Stdout {
            let message = "COPY can only write to STDOUT";
            return Err(Failure::new("42501", message)
                .with_hint("in psql, \\copy writes to a file of the client"));
        }
        let query = match (query, source) {
            (Some(query), _) => query,
            (None, CopySource::Table { table_name, columns }) => {
                let columns: Vec<String> = columns.iter().map(Ident::to_string).collect();
                let columns = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
                format!("SELECT {columns} FROM {table_name}")
            }
            (None, CopySource::Query(query)) => query.to_string(),
        };
        Ok(Some(Self { query, format: format(&options, &legacy_options)? }))
    }
}

fn first_word(sql: &str) -> Option<String> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().ok()?;
    tokens.into_iter().find_map(|token| match token {
        Token::Whitespace(_) => None,
        Token::Word(word) => Some(Some(word.value)),
        _ => Some(None),
    })?
}

/// Cuts the query out of `COPY (query) ..`, and puts a name in its place: it is parsed in the dialect of queries,
/// from the text, because a query that is printed from its tree may not be the same.
fn cut_query(
    sql: &str,
    tokens: Vec<TokenWithSpan>,
) -> Result<(Option<String>, Vec<TokenWithSpan>), Failure> {
    let is_blank = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let mut written = tokens.iter().enumerate().filter(|(_, token)| !is_blank(token));
    let open = match written.nth(1) {
        Some((open, token)) if token.token == Token::LParen => open,
        _ => return Ok((None, tokens)),
    };
    let mut depth = 0_usize;
    let close = tokens.iter().enumerate().skip(open).find_map(|(index, token)| {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(index)
    });
    let Some(close) = close else { return Err(Failure::syntax("expected ) after the query")) };
    let place = |index: usize| tokens.get(index).map(|token| token.span.start);
    let (Some(start), Some(end)) = (place(open + 1), place(close)) else {
        return Err(Failure::syntax("expected a query"));
    };
    let offset = |line: u64, column: u64| offset(sql, line, column);
    let query = sql.get(offset(start.line, start.column)..offset(end.line, end.column));
    let query = query.unwrap_or_default().to_owned();
    let mut tokens = tokens;
    let name = Token::make_word("query", None);
    tokens.splice(open..=close, [TokenWithSpan::wrap(name)]);
    Ok((Some(query), tokens))
}

/// Writes `FORCE_QUOTE *` as `FORCE_QUOTE ("*")`, which the parser knows.
fn quote_stars(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut follows_quote = false;
    let mut written = Vec::with_capacity(tokens.len());
    for token in tokens {
        match &token.token {
            Token::Mul if follows_quote => {
                let name = Token::make_word("*", Some('"'));
                written.extend([Token::LParen, name, Token::RParen].map(TokenWithSpan::wrap));
                continue;
            }
            Token::Whitespace(_) => {}
            Token::Word(word) => {
                let name = word.value.to_ascii_uppercase();
                follows_quote = ["FORCE_QUOTE", "QUOTE"].contains(&name.as_str());
            }
            _ => follows_quote = false,
        }
        written.push(token);
    }
    written
}

/// The place of a character in bytes. Lines and columns are counted from 1.
fn offset(sql: &str, line: u64, column: u64) -> usize {
    let mut at = (1, 1);
    for (offset, character) in sql.char_indices() {
        if at == (line, column) {
            return offset;
        }
        at = if character == '\n' { (at.0 + 1, 1) } else { (at.0, at.1 + 1) };
    }
    sql.len()
}

fn format(
    options: &[CopyOption],
    legacy_options: &[CopyLegacyOption],
) -> Result<CopyFormat, Failure> {
    let mut named = "text".to_owned();
    for option in options {
        if let CopyOption::Format(name) = option {
            named = name.value.to_lowercase();
        }
    }
    for option in legacy_options {
        match option {
            CopyLegacyOption::Binary => named = "binary".to_owned(),
            CopyLegacyOption::Csv(_) => named = "csv".to_owned(),
            _ => {}
        }
    }
    let mut format = CopyFormat::named(&named)?;
    for option in options {
        match option {
            CopyOption::Format(_) | CopyOption::Freeze(false) => {}
            CopyOption::Delimiter(delimiter) => format.set_delimiter(*delimiter)?,
            CopyOption::Null(null) => format.set_null(null)?,
            CopyOption::Header(header) => format.set_header(*header)?,
            CopyOption::Quote(quote) => format.set_quote(*quote)?,
            CopyOption::Escape(escape) => format.set_escape(*escape)?,
            CopyOption::ForceQuote(columns) => format.set_forced(names(columns))?,
            CopyOption::Encoding(encoding) => {
                let known = ["utf8", "utf-8", "unicode", "sql_ascii"];
                if !known.contains(&encoding.to_lowercase().as_str()) {
                    let message = format!("the encoding {encoding} is not supported");
                    return Err(Failure::unsupported(message).with_hint("use UTF8"));
                }
            }
            other => return Err(unknown(other)),
        }
    }
    for option in legacy_options {
        match option {
            CopyLegacyOption::Binary => {}
            CopyLegacyOption::Delimiter(delimiter) => format.set_delimiter(*delimiter)?,
            CopyLegacyOption::Null(null) => format.set_null(null)?,
            CopyLegacyOption::Header => format.set_header(true)?,
            CopyLegacyOption::Csv(options) => {
                for option in options {
                    match option {
                        CopyLegacyCsvOption::Header => format.set_header(true)?,
                        CopyLegacyCsvOption::Quote(quote) => format.set_quote(*quote)?,
                        CopyLegacyCsvOption::Escape(escape) => format.set_escape(*escape)?,
                        CopyLegacyCsvOption::ForceQuote(columns) => {
                            format.set_forced(names(columns))?;
                        }
                        other => return Err(unknown(other)),
                    }
                }
            }
            other => return Err(unknown(other)),
        }
    }
    Ok(format)
}

fn names(columns: &[Ident]) -> Vec<String> {
    columns.iter().map(|column| column.value.clone()).collect()
}

fn unknown(option: &impl std::fmt::Display) -> Failure {
    Failure::unsupported(format!("COPY TO has no option {option}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_copied_as_they_were_written() {
        for (sql, query) in [
            ("COPY (SELECT 1) TO STDOUT", "SELECT 1"),
            (
                "copy ( SELECT a->>'b' = 'é)', (2) -- )\n) to stdout;",
                " SELECT a->>'b' = 'é)', (2) -- )\n",
            ),
            ("/* x */ COPY messages TO STDOUT", "SELECT * FROM messages"),
            ("COPY messages (id, \"text\") TO STDOUT", "SELECT id, \"text\" FROM messages"),
        ] {
            let copy = Copy::parse(sql).unwrap().unwrap();
            assert_eq!(copy.query.trim_start(), query.trim_start(), "{sql}");
        }
        assert_eq!(Copy::parse("SELECT 1").unwrap(), None);
        assert_eq!(Copy::parse("").unwrap(), None);
    }

    #[test]
    fn copies_that_write_are_refused() {
        for (sql, code) in [
            ("COPY messages FROM STDIN", "25006"),
            ("COPY messages TO '/tmp/x'", "42501"),
            ("COPY messages TO PROGRAM 'cat'", "42501"),
            ("COPY (SELECT 1", "42601"),
            ("COPY (SELECT 1) TO STDOUT WITH (FORMAT xml)", "22023"),
            ("COPY (SELECT 1) TO STDOUT (FORMAT csv, DELIMITER '\"')", "22023"),
            ("COPY (SELECT 1) TO STDOUT (FORMAT binary, NULL 'x')", "22023"),
            ("COPY (SELECT 1) TO STDOUT; DROP TABLE messages", "42601"),
            ("COPY", "42601"),
        ] {
            assert_eq!(Copy::parse(sql).unwrap_err().code, code, "{sql}");
        }
    }
}
