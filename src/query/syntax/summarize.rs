//! `SUMMARIZE t` and `SUMMARIZE SELECT ..`: one row for each column.

use std::fmt::Write;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::query::syntax::leading_word::with_leading_word;

/// Returns the query that `SUMMARIZE` is about. Its places are the same as in the statement: the word
/// is replaced by as many characters.
pub(in crate::query) fn summarized(sql: &str, tokens: &[TokenWithSpan]) -> String {
    let mut words = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    words.next();
    let is_query = match words.next().map(|token| &token.token) {
        Some(Token::LParen) => true,
        Some(Token::Word(word)) => matches!(
            word.keyword,
            Keyword::SELECT | Keyword::WITH | Keyword::FROM | Keyword::VALUES
        ),
        _ => false,
    };
    let query = with_leading_word(sql, tokens, if is_query { "" } else { "FROM" });
    query.trim_end().trim_end_matches(';').to_owned()
}

/// Returns the query for the summary of a query's answer: one aggregation, whose results are then
/// made rows.
pub(in crate::query) fn summary_sql(query: &str, schema: &SchemaRef) -> String {
    let mut aggregates = String::from("count(*) AS n");
    let mut lists = Lists::default();
    for (index, field) in schema.fields().iter().enumerate() {
        let column = format!("c{index}");
        let (range, average) = match Kind::of(field.data_type()) {
            Kind::Number => (true, true),
            Kind::Ordered => (true, false),
            Kind::Other => (false, false),
        };
        if range {
            let _ = write!(aggregates, ", CAST(min({column}) AS VARCHAR) AS min{index}");
            let _ = write!(aggregates, ", CAST(max({column}) AS VARCHAR) AS max{index}");
            // The sketch takes texts of any type.
            let _ =
                write!(aggregates, ", approx_distinct(CAST({column} AS VARCHAR)) AS unique{index}");
        }
        if average {
            let _ = write!(aggregates, ", avg(CAST({column} AS DOUBLE)) AS avg{index}");
        }
        let _ = write!(aggregates, ", count({column}) AS count{index}");
        let or_null = |is: bool, name: &str| match is {
            true => format!("{name}{index}"),
            false => "NULL".to_owned(),
        };
        lists.names.push(quoted(field.name()));
        lists.types.push(quoted(&type_name(field.data_type())));
        lists.min.push(or_null(range, "min"));
        lists.max.push(or_null(range, "max"));
        lists.unique.push(or_null(range, "unique"));
        lists.avg.push(or_null(average, "avg"));
        lists.nulls.push(format!("round(100.0 * (n - count{index}) / nullif(n, 0), 2)"));
    }
    let columns = (0..schema.fields().len()).map(|index| format!("c{index}")).collect::<Vec<_>>();
    format!(
        "SELECT unnest([{}]) AS column_name, unnest([{}]) AS column_type, unnest([{}]) AS min, \
         unnest([{}]) AS max, unnest([{}]) AS approx_unique, unnest([{}]) AS avg, \
         unnest([{}]) AS count, unnest([{}]) AS null_percentage \
         FROM (SELECT {aggregates} FROM (\n{query}\n) AS summarized({}))",
        lists.names.join(", "),
        lists.types.join(", "),
        cast_all(&lists.min, "VARCHAR"),
        cast_all(&lists.max, "VARCHAR"),
        cast_all(&lists.unique, "BIGINT"),
        cast_all(&lists.avg, "DOUBLE"),
        vec!["n"; columns.len()].join(", "),
        cast_all(&lists.nulls, "DOUBLE"),
        columns.join(", ")
    )
}

#[derive(Default)]
struct Lists {
    names: Vec<String>,
    types: Vec<String>,
    min: Vec<String>,
    max: Vec<String>,
    unique: Vec<String>,
    avg: Vec<String>,
    nulls: Vec<String>,
}

/// How a column is summarized.
enum Kind {
    /// It has an average.
    Number,
    /// It has a smallest and a largest value.
    Ordered,
    Other,
}

impl Kind {
    fn of(ty: &DataType) -> Self {
        match ty {
            ty if ty.is_numeric() => Self::Number,
            DataType::Boolean
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Date32
            | DataType::Date64
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Timestamp(..)
            | DataType::Duration(_) => Self::Ordered,
            _ => Self::Other,
        }
    }
}

/// The name of a type as in `netsky schema`, or Arrow's if a table cannot have it.
fn type_name(ty: &DataType) -> String {
    match ty {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        ty if ty.is_integer() => "int".to_owned(),
        ty if ty.is_floating() => "float".to_owned(),
        DataType::Boolean => "bool".to_owned(),
        DataType::Timestamp(..) => "time".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        ty => ty.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The values with a cast, because the type of a list of NULLs is unknown.
fn cast_all(values: &[String], ty: &str) -> String {
    values.iter().map(|value| format!("CAST({value} AS {ty})")).collect::<Vec<_>>().join(", ")
}
