//! Calls of functions whose arguments other databases write without quotes or commas.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Value,
};

/// The functions whose first argument is a part of a time, and their number of arguments. With fewer,
/// some have other meanings: `datediff(day, x)` can name a column.
const TAKE_PART: [(&str, usize); 10] = [
    ("date_diff", 3),
    ("datediff", 3),
    ("datesub", 3),
    ("date_sub", 3),
    ("timestampdiff", 3),
    ("timestampadd", 3),
    ("dateadd", 3),
    ("date_add", 3),
    ("date_trunc", 2),
    ("date_part", 2),
];

const PARTS: [&str; 12] = [
    "century",
    "decade",
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "second",
    "millisecond",
    "microsecond",
];

/// Rewrites the arguments of a call.
pub(super) fn rewrite(call: &mut Function) {
    quote_part(call);
    take_separator(call);
}

/// `timestampdiff(DAY, a, b)`, as in MySQL, SQL Server and Snowflake, is `timestampdiff('day', a, b)`.
fn quote_part(call: &mut Function) {
    let name = call.name.to_string().to_lowercase();
    let FunctionArguments::List(list) = &mut call.args else { return };
    let takes_part = TAKE_PART.contains(&(name.as_str(), list.args.len()));
    if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(part))) = list.args.first_mut()
        && takes_part
        && let Expr::Identifier(word) = part
        && word.quote_style.is_none()
    {
        let lower = word.value.to_lowercase();
        if PARTS.contains(&lower.strip_suffix('s').unwrap_or(&lower)) {
            *part = Expr::value(Value::SingleQuotedString(lower));
        }
    }
}

/// `group_concat(x ORDER BY x SEPARATOR ', ')`, as in MySQL, is `group_concat(x, ', ' ORDER BY x)`.
fn take_separator(call: &mut Function) {
    let FunctionArguments::List(list) = &mut call.args else { return };
    let is_separator =
        |clause: &FunctionArgumentClause| matches!(clause, FunctionArgumentClause::Separator(_));
    if list.args.len() == 1
        && let Some(at) = list.clauses.iter().position(is_separator)
        && let FunctionArgumentClause::Separator(separator) = list.clauses.remove(at)
    {
        list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(separator))));
    }
}
