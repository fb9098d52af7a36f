//! The limits on the size of a statement.
//!
//! The parser limits the nesting of brackets. It does not limit nesting without brackets: each
//! operator of `a OR b OR c`, each `UNION` and each use of a `WITH` query is a level of the tree.
//! Such trees are traversed by recursion, here and in DataFusion, and some steps of planning take
//! time or memory that is quadratic in their size. So the tokens are counted before a tree is
//! built. A statement within the limits fits the stack of the threads in `runtime.rs`.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Error, Result};

/// Enough for a list of a million numbers, or a table of 100,000 rows in `VALUES`.
const MAX_BYTES: usize = 16 << 20;

/// The maximum number of tokens between brackets, commas and the parts of a `CASE`, which also limits
/// the operators of an expression. Enough for 5,000 comparisons with `OR` between them.
const MAX_TOKENS_IN_A_ROW: usize = 20_000;

/// Enough for 1,000 queries with `UNION` between them, or 1,000 that each select from the previous
/// one; planning those takes 400 MB.
const MAX_RELATIONS: usize = 2_000;

/// Fails if the statement is too long.
pub(super) fn check_length(sql: &str) -> Result<()> {
    check(sql.len(), MAX_BYTES, "bytes")
}

/// Fails if the statement's tree would be too deep.
pub(super) fn check_depth(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut relations = 0;
    // The open brackets around a token; the first level is the statement.
    let mut levels = vec![Level::default()];
    for token in tokens {
        let mut here = Level::default();
        match &token.token {
            Token::Whitespace(_) | Token::EOF => continue,
            Token::LParen | Token::LBracket | Token::LBrace => {
                levels.push(here);
                continue;
            }
            // The parser reports brackets that do not match.
            Token::RParen | Token::RBracket | Token::RBrace if levels.len() > 1 => {
                levels.pop();
            }
            _ => {}
        }
        let Some(level) = levels.last_mut() else { continue };
        here.tokens = level.tokens + 1;
        here.lists_tables = level.lists_tables;
        match &token.token {
            Token::Comma => {
                here.tokens = 0;
                relations += usize::from(here.lists_tables);
            }
            Token::Word(word) => match word.keyword {
                Keyword::FROM => {
                    here.lists_tables = true;
                    relations += 1;
                }
                Keyword::WHERE
                | Keyword::GROUP
                | Keyword::HAVING
                | Keyword::ORDER
                | Keyword::WINDOW
                | Keyword::LIMIT => here.lists_tables = false,
                Keyword::SELECT | Keyword::VALUES | Keyword::TABLE => {
                    here.lists_tables = false;
                    relations += 1;
                }
                Keyword::JOIN => relations += 1,
                Keyword::WHEN | Keyword::THEN | Keyword::ELSE | Keyword::END => here.tokens = 0,
                _ => {}
            },
            _ => {}
        }
        *level = here;
        check(level.tokens, MAX_TOKENS_IN_A_ROW, "operators and operands in one expression")?;
        check(relations, MAX_RELATIONS, "queries, tables and joins")?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// The number of tokens since the last separator of expressions.
    tokens: usize,
    /// Whether a comma separates tables.
    lists_tables: bool,
}

fn check(found: usize, allowed: usize, of: &str) -> Result<()> {
    match found > allowed {
        true => Err(Error::Syntax {
            message: format!("the statement is too large: it has more than {allowed} {of}"),
            position: None,
        }),
        false => Ok(()),
    }
}
