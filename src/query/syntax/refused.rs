//! Constructs that are refused with a form that works, because the planner would ignore them, or
//! print its syntax tree.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, JoinOperator, Select, SelectItem, Spanned, Statement, TableFactor,
    TableSample, TableSampleKind, TableSampleUnit,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Error, Result};
use crate::query::syntax::unsupported;

pub(super) const PIVOT: &str = "write an aggregate with FILTER for each column, as in count(*) FILTER \
                                (WHERE source = 'cron') AS cron";

const SAMPLE: &str = "WHERE random() < 0.01 keeps about 1 % of the rows; ORDER BY random() LIMIT 100 keeps \
                      100 of them";

/// Refuses what the parser would reject without saying what to write.
pub(in crate::query) fn refuse_tokens(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut before: Option<&TokenWithSpan> = None;
    for token in tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))) {
        if let (Some(using), Token::Word(sample)) = (before, &token.token)
            && matches!(&using.token, Token::Word(using) if using.keyword == Keyword::USING)
            && sample.quote_style.is_none()
            && sample.value.eq_ignore_ascii_case("sample")
        {
            return Err(unsupported("USING SAMPLE is not supported", SAMPLE, using.span));
        }
        before = Some(token);
    }
    Ok(())
}

/// A statement that writes, as part of a query.
pub(super) fn writes(statement: &Statement) -> Error {
    let text = statement.to_string();
    let word = text.split_whitespace().next().unwrap_or_default();
    Error::ReadOnlySql { statement: word.to_owned() }
}

pub(super) fn check_select(select: &Select) -> Result<()> {
    let span = select.select_token.0.span;
    if select.projection.is_empty() {
        return Err(unsupported(
            "the list of columns is empty",
            "write SELECT * for all columns, or count(*) for the number of rows",
            span,
        ));
    }
    if select.top.is_some() {
        // One of a single query is a limit by now.
        let hint = "write LIMIT 5 at the end of the query, or of a query in brackets";
        return Err(unsupported("TOP is not supported in a part of a UNION", hint, span));
    }
    if select.prewhere.is_some() {
        return Err(unsupported("PREWHERE is not supported", "write WHERE", span));
    }
    for item in &select.projection {
        if let SelectItem::UnnamedExpr(Expr::Function(function)) = item
            && function.name.to_string().eq_ignore_ascii_case("columns")
        {
            let hint = "name the columns, or leave some out with SELECT * EXCLUDE (raw_json)";
            return Err(unsupported("COLUMNS() is not supported", hint, function.name.span()));
        }
    }
    for join in select.from.iter().flat_map(|from| &from.joins) {
        let what = match &join.join_operator {
            JoinOperator::CrossApply => "CROSS APPLY",
            JoinOperator::OuterApply => "OUTER APPLY",
            _ => continue,
        };
        return Err(unsupported(
            format!("{what} is not supported"),
            "write CROSS JOIN LATERAL (..) or LEFT JOIN LATERAL (..) ON true",
            join.relation.span(),
        ));
    }
    Ok(())
}

pub(super) fn check_table(factor: &TableFactor) -> Result<()> {
    let sample = match factor {
        TableFactor::Table { sample, .. } | TableFactor::Derived { sample, .. } => sample,
        TableFactor::Pivot { table, .. } => {
            return Err(unsupported("PIVOT is not supported", PIVOT, table.span()));
        }
        TableFactor::Unpivot { table, .. } => {
            let hint = "SELECT each column in its own query, with UNION ALL between them";
            return Err(unsupported("UNPIVOT is not supported", hint, table.span()));
        }
        _ => return Ok(()),
    };
    let Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) =
        sample
    else {
        return Ok(());
    };
    // The planner ignores it and reads all rows.
    Err(unsupported(
        format!("{} is not supported", sample.modifier),
        sample_hint(sample),
        factor.span(),
    ))
}

/// The form that works for the given share of the rows.
fn sample_hint(sample: &TableSample) -> String {
    let quantity = sample.quantity.as_ref().and_then(|quantity| {
        let number: f64 = quantity.value.to_string().parse().ok()?;
        Some((number, &quantity.unit)).filter(|(number, _)| (0.0..1e15).contains(number))
    });
    match quantity {
        Some((rows, Some(TableSampleUnit::Rows))) => {
            format!("ORDER BY random() LIMIT {rows} keeps as many rows")
        }
        Some((percent, _)) if percent <= 100.0 => {
            format!("WHERE random() < {} keeps about {percent} % of the rows", percent / 100.0)
        }
        _ => SAMPLE.to_owned(),
    }
}

pub(super) fn check_expr(expr: &Expr) -> Result<()> {
    match expr {
        Expr::Like { negated, any: true, expr: text, pattern, .. }
        | Expr::ILike { negated, any: true, expr: text, pattern, .. } => {
            let not = if *negated { "NOT " } else { "" };
            let hint = match pattern.as_ref() {
                Expr::Tuple(patterns) if patterns.len() <= 4 => {
                    let likes: Vec<_> =
                        patterns.iter().map(|one| format!("{text} {not}LIKE {one}")).collect();
                    format!("write {}", likes.join(if *negated { " AND " } else { " OR " }))
                }
                _ => format!("write {text} {not}LIKE 'a%' for each pattern, with OR between them"),
            };
            Err(unsupported("LIKE ANY is not supported", hint, text.span()))
        }
        Expr::BinaryOp { left, op, right } => {
            let hint = match op {
                BinaryOperator::AtArrow => format!("compare one key: {left}->>'key' = 'value'"),
                BinaryOperator::ArrowAt => format!("compare one key: {right}->>'key' = 'value'"),
                BinaryOperator::HashArrow => format!("write {left}->'{}'", json_path(right)),
                BinaryOperator::HashLongArrow => format!("write {left}->>'{}'", json_path(right)),
                _ => return Ok(()),
            };
            Err(unsupported(format!("the operator {op} is not supported"), hint, expr.span()))
        }
        _ => Ok(()),
    }
}

/// The path of PostgreSQL's `'{a,b}'`.
fn json_path(path: &Expr) -> String {
    let path = path.to_string();
    let keys = path.trim_matches('\'').strip_prefix('{').and_then(|path| path.strip_suffix('}'));
    match keys {
        Some(keys) => format!("$.{}", keys.replace(", ", ".").replace(',', ".")),
        None => "$.a.b".to_owned(),
    }
}
