//! Calls of functions whose arguments other databases write without quotes or commas.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Value,
};

/// The functions whose first argument is a part of a time.
const TAKE_PART: [&str; 10] = [
    "date_diff",
    "datediff",
    "datesub",
    "date_sub",
    "timestampdiff",
    "timestampadd",
    "dateadd",
    "date_add",
    "date_trunc",
    "date_part",
];

/// Those that have another meaning with two arguments: `datediff(day, x)` can name a column.
const OTHER_WITH_TWO: [&str; 3] = ["datediff", "date_sub", "date_add"];

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
    // With a wrong number of arguments, too: the error is about the number then, and not about a column.
    let takes_part = TAKE_PART.contains(&name.as_str())
        && !(list.args.len() == 2 && OTHER_WITH_TWO.contains(&name.as_str()));
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
