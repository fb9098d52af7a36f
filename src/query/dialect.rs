//! The SQL dialect of queries.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::query::syntax::glob;

/// Just below `::` and above all other operators.
const ARROW_PRECEDENCE: u8 = 45;

/// DataFusion's default dialect with some differences. `->` and `->>` bind tightly, so that
/// `detail_json->>'hook' = 'x'` compares the arrow's result, as in PostgreSQL. By default it would
/// look up the key `'hook' = 'x'`. `IS DISTINCT FROM` binds like other comparisons. There is `GLOB`, and
/// `#` is no part of a name, so that `#>>` is an operator.
/// PostgreSQL's dialect would do, but lacks `SELECT * EXCLUDE` and other syntax that analysts use.
#[derive(Debug)]
pub(super) struct SqlDialect;

macro_rules! as_the_generic_dialect {
    ($($method:ident)*) => {$(
        fn $method(&self) -> bool {
            GenericDialect.$method()
        }
    )*};
}

impl Dialect for SqlDialect {
    /// The parser compares a dialect's type id for differences that have no method.
    fn dialect(&self) -> TypeId {
        GenericDialect.dialect()
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        match parser.peek_token_ref().token {
            Token::Arrow | Token::LongArrow => Some(Ok(ARROW_PRECEDENCE)),
            _ if glob_operator(parser).is_some() => Some(Ok(self.prec_value(Precedence::Like))),
            _ => None,
        }
    }

    /// Reads `-1` in `x->-1->>'a'`, where the parser would take `1->>'a'` for the operand of the minus.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let is_index = parser.peek_token_ref().token == Token::Minus
            && matches!(parser.peek_nth_token_ref(1).token, Token::Number(..))
            && matches!(parser.peek_nth_token_ref(2).token, Token::Arrow | Token::LongArrow);
        if !is_index {
            return None;
        }
        parser.next_token();
        let index = parser.parse_value();
        Some(index.map(|index| Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: Box::new(Expr::Value(index)),
        }))
    }

    /// sqlparser 0.62 parses everything that follows as the right side, so that `a IS DISTINCT FROM
    /// b AND c` compares `a` with `b AND c` (fixed later, apache/datafusion-sqlparser-rs#2436).
    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        left: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        if let Some(Glob { tokens, is_negated }) = glob_operator(parser) {
            for _ in 0..tokens {
                parser.next_token();
            }
            let pattern = parser.parse_subexpr(precedence);
            return Some(pattern.map(|pattern| glob(left.clone(), is_negated, pattern)));
        }
        let distinct = if parser.parse_keywords(&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM]) {
            Expr::IsDistinctFrom
        } else if parser.parse_keywords(&[
            Keyword::IS,
            Keyword::NOT,
            Keyword::DISTINCT,
            Keyword::FROM,
        ]) {
            Expr::IsNotDistinctFrom
        } else {
            return None;
        };
        let right = parser.parse_subexpr(precedence);
        Some(right.map(|right| distinct(Box::new(left.clone()), Box::new(right))))
    }

    /// As in DuckDB. [`spelling`](crate::query::syntax) numbers the columns.
    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch != '#' && GenericDialect.is_identifier_part(ch)
    }

    as_the_generic_dialect! {
        supports_unicode_string_literal
        supports_partition_by_after_order_by
        supports_array_join_syntax
        supports_group_by_expr
        supports_group_by_with_modifier
        supports_left_associative_joins_without_parens
        supports_connect_by
        supports_match_recognize
        supports_pipe_operator
        supports_start_transaction_modifier
        supports_window_function_null_treatment_arg
        supports_dictionary_syntax
        supports_window_clause_named_window_reference
        supports_parenthesized_set_variables
        supports_select_wildcard_except
        support_map_literal_syntax
        allow_extract_custom
        allow_extract_single_quotes
        supports_extract_comma_syntax
        supports_create_view_comment_syntax
        supports_parens_around_table_factor
        supports_values_as_table_factor
        supports_create_index_with_clause
        supports_explain_with_utility_options
        supports_limit_comma
        supports_update_order_by
        supports_from_first_select
        supports_projection_trailing_commas
        supports_asc_desc_in_column_definition
        supports_try_convert
        supports_bitwise_shift_operators
        supports_comment_on
        supports_load_extension
        supports_named_fn_args_with_assignment_operator
        supports_struct_literal
        supports_empty_projections
        supports_nested_comments
        supports_multiline_comment_hints
        supports_user_host_grantee
        supports_string_escape_constant
        supports_array_typedef_with_brackets
        supports_match_against
        supports_set_names
        supports_comma_separated_set_assignments
        supports_filter_during_aggregation
        supports_select_wildcard_exclude
        supports_data_type_signed_suffix
        supports_interval_options
        supports_quote_delimited_string
        supports_select_wildcard_replace
        supports_select_wildcard_ilike
        supports_select_wildcard_rename
        supports_optimize_table
        supports_install
        supports_detach
        supports_prewhere
        supports_with_fill
        supports_limit_by
        supports_interpolate
        supports_settings
        supports_select_format
        supports_comment_optimizer_hint
        supports_constraint_keyword_without_name
        supports_key_column_option
        supports_comma_separated_trim
        supports_cte_without_as
        supports_select_item_multi_column_alias
        supports_xml_expressions
    }
}

/// `GLOB` or `NOT GLOB` before an operand.
struct Glob {
    tokens: usize,
    is_negated: bool,
}

/// Returns the operator if it is next. `glob` can also be a name, as in `SELECT path glob FROM t`.
fn glob_operator(parser: &Parser<'_>) -> Option<Glob> {
    let word = |index: usize| match &parser.peek_nth_token_ref(index).token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.clone()),
        _ => None,
    };
    let is_negated = word(0)?.keyword == Keyword::NOT;
    let tokens = if is_negated { 2 } else { 1 };
    if !word(tokens - 1)?.value.eq_ignore_ascii_case("glob") {
        return None;
    }
    let is_operand = match &parser.peek_nth_token_ref(tokens).token {
        Token::Word(word) => word.keyword == Keyword::NoKeyword,
        Token::SingleQuotedString(_) | Token::Placeholder(_) | Token::LParen => true,
        _ => false,
    };
    is_operand.then_some(Glob { tokens, is_negated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlparser_still_misparses_is_distinct_from() {
        let parsed = |dialect: &dyn Dialect| {
            let mut parser =
                Parser::new(dialect).try_with_sql("a IS DISTINCT FROM b AND c").unwrap();
            parser.parse_expr().unwrap()
        };
        assert!(matches!(parsed(&SqlDialect), Expr::BinaryOp { .. }));
        let generic = parsed(&GenericDialect);
        let still_wrong = matches!(generic, Expr::IsDistinctFrom(..));
        assert!(still_wrong, "sqlparser is fixed, so parse_infix can be removed: {generic}");
    }

    /// A method added by a new version would use sqlparser's default here, and the compiler would
    /// not report it.
    #[test]
    fn dialect_methods_match_this_sqlparser() {
        let lock = include_str!("../../Cargo.lock");
        assert!(
            lock.contains("name = \"sqlparser\"\nversion = \"0.62."),
            "compare the methods of this dialect with sqlparser's src/dialect/generic.rs, then change \
             the version here"
        );
    }
}
