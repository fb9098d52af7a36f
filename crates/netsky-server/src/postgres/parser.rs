//! Reads the statements that need no backend, token by token.

use super::sql_error::SqlError;
use super::token::{Kind, Token, Tokens};

/// The tokens of a statement that are left.
#[derive(Debug, Clone)]
pub(crate) struct Parser<'a> {
    sql: &'a str,
    tokens: Tokens<'a>,
}

impl<'a> Parser<'a> {
    pub(crate) fn of(sql: &'a str) -> Self {
        Self { sql, tokens: Tokens::of(sql) }
    }

    pub(crate) fn peek(&self) -> Option<Token<'a>> {
        self.tokens.clone().next()
    }

    pub(crate) fn next(&mut self) -> Option<Token<'a>> {
        self.tokens.next()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.peek().is_none()
    }

    /// The text of the tokens that are left.
    pub(crate) fn rest(&self) -> &'a str {
        let start = self.peek().map_or(self.sql.len(), |token| token.start);
        self.sql.get(start..).unwrap_or_default()
    }

    /// What stands before the tokens that are left.
    pub(crate) fn before(&self) -> &'a str {
        let end = self.sql.len() - self.rest().len();
        self.sql.get(..end).unwrap_or_default()
    }

    /// Whether the next token is a keyword.
    pub(crate) fn sees(&self, keyword: &str) -> bool {
        self.peek().is_some_and(|token| is(token, keyword))
    }

    /// Takes a keyword, if it is next.
    pub(crate) fn takes(&mut self, keyword: &str) -> bool {
        let sees = self.sees(keyword);
        if sees {
            self.next();
        }
        sees
    }

    /// Takes keywords, if all of them are next.
    pub(crate) fn takes_all(&mut self, keywords: &[&str]) -> bool {
        let mut ahead = self.clone();
        let all = keywords.iter().all(|keyword| ahead.takes(keyword));
        if all {
            *self = ahead;
        }
        all
    }

    pub(crate) fn takes_symbol(&mut self, symbol: &str) -> bool {
        let sees = self.peek().is_some_and(|it| it.kind == Kind::Symbol && it.text == symbol);
        if sees {
            self.next();
        }
        sees
    }

    /// Takes a name, folded to lower case if it has no quotes.
    pub(crate) fn name(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token { kind: Kind::Word, text, .. }) => {
                self.next();
                Ok(text.to_ascii_lowercase())
            }
            Some(Token { kind: Kind::QuotedName, text, .. }) if text.starts_with('"') => {
                self.next();
                Ok(unquoted(text))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Takes a name with dots.
    pub(crate) fn dotted_name(&mut self) -> Result<String, SqlError> {
        let mut name = self.name()?;
        while self.takes_symbol(".") {
            name.push('.');
            name.push_str(&self.name()?);
        }
        Ok(name)
    }

    /// Takes a text, a number or a word, as the value of a setting.
    pub(crate) fn value(&mut self) -> Result<String, SqlError> {
        let sign = if self.takes_symbol("-") {
            "-"
        } else {
            self.takes_symbol("+");
            ""
        };
        match self.peek() {
            Some(Token { kind: Kind::Number, text, .. }) => {
                self.next();
                Ok(format!("{sign}{text}"))
            }
            Some(Token { kind: Kind::Text, text, .. }) if sign.is_empty() => {
                let Some(value) = text_value(text) else { return Err(self.unexpected()) };
                self.next();
                Ok(value)
            }
            Some(Token { kind: Kind::Word | Kind::QuotedName, .. }) if sign.is_empty() => {
                self.name()
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Takes an integer, which may be negative.
    pub(crate) fn integer(&mut self) -> Option<i64> {
        let mut ahead = self.clone();
        let sign = if ahead.takes_symbol("-") { -1 } else { 1 };
        let token = ahead.next().filter(|token| token.kind == Kind::Number)?;
        let number = token.text.parse::<i64>().ok()?;
        *self = ahead;
        Some(sign * number)
    }

    /// Checks that nothing is left.
    pub(crate) fn end(&self) -> Result<(), SqlError> {
        if self.is_at_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The error that a quote or comment has no end.
    pub(crate) fn unterminated(mut self) -> SqlError {
        while self.peek().is_some_and(|token| token.kind != Kind::Unterminated) {
            self.next();
        }
        self.unexpected()
    }

    /// The error that the next token should not be there.
    pub(crate) fn unexpected(&self) -> SqlError {
        let Some(token) = self.peek() else {
            let position = self.sql.chars().count() + 1;
            return SqlError::new("42601", "syntax error at end of input").at(position);
        };
        let before = self.sql.get(..token.start).unwrap_or_default();
        let shown: String = token.text.chars().take(100).collect();
        let message = match token.kind {
            Kind::Unterminated if shown.starts_with("/*") => "unterminated comment",
            Kind::Unterminated => "unterminated quoted string",
            _ => "syntax error",
        };
        SqlError::new("42601", format!("{message} at or near \"{shown}\""))
            .at(before.chars().count() + 1)
    }
}

pub(crate) fn is(token: Token<'_>, keyword: &str) -> bool {
    token.kind == Kind::Word && token.text.eq_ignore_ascii_case(keyword)
}

/// What stands in double quotes.
fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or(text).replace("\"\"", "\"")
}

/// The value of a literal. `None` if it is a kind that no setting needs, such as bits.
fn text_value(literal: &str) -> Option<String> {
    if let Some(inner) = literal.strip_prefix('\'') {
        return Some(inner.strip_suffix('\'')?.replace("''", "'"));
    }
    if literal.starts_with('$') {
        let tag = literal.get(..literal.get(1..)?.find('$')? + 2)?;
        return Some(literal.strip_prefix(tag)?.strip_suffix(tag)?.to_owned());
    }
    let inner = literal.strip_prefix(['e', 'E'])?.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut value = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => value.push(match characters.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            '\'' => {
                characters.next();
                value.push('\'');
            }
            other => value.push(other),
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let value = |sql| Parser::of(sql).value().unwrap();
        assert_eq!(value("'it''s'"), "it's");
        assert_eq!(value(r"E'a\'b\n'''"), "a'b\n'");
        assert_eq!(value("$x$it's$x$"), "it's");
        assert_eq!(value("- 5"), "-5");
        assert_eq!(value("ON"), "on");
        assert_eq!(value("\"A\"\"b\""), "A\"b");
        for broken in ["", "-x", "(", "b'1'", "'a"] {
            assert_eq!(Parser::of(broken).value().unwrap_err().code(), "42601", "{broken}");
        }
    }
}
