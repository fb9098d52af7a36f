//! SQL of other systems that has an equivalent in DataFusion's SQL.
//!
//! Each statement is rewritten once, between the parser and the planner. What has no equivalent is
//! refused by [`refused`], with a form that works.

mod asof;
mod ast;
mod calls;
mod json_rows;
mod leading_word;
mod refused;
mod select_list;
mod spelling;
mod summarize;
mod where_alias;

pub(super) use asof::mark_asof_joins;
pub(super) use leading_word::{Leading, leading_word, with_leading_word};
pub(super) use refused::refuse_tokens;
pub(super) use select_list::{ColumnNames, rename_repeated_columns};
pub(super) use spelling::{glob, rewrite};
pub(super) use summarize::{summarized, summary_sql};
pub(super) use where_alias::expand_alias;

use datafusion::sql::sqlparser::tokenizer::Span;

use crate::error::Error;
use crate::position::Position;

/// Returns an error about a construct at a place.
fn unsupported(message: impl Into<String>, hint: impl Into<String>, span: Span) -> Error {
    let start = span.start;
    let position = (start.line > 0).then(|| Position::new(start.line, start.column));
    Error::UnsupportedSql { message: message.into(), hint: hint.into(), position }
}
