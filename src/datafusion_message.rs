//! DataFusion's messages in words of SQL.
//!
//! Its messages are written for its developers: they name its layers, ask for a bug report, list every
//! signature of a function, and print syntax trees.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;

/// Returns the message of the error's cause.
pub(crate) fn message(error: &DataFusionError) -> String {
    let root = error.find_root();
    if let DataFusionError::SchemaError(schema, _) = root
        && let SchemaError::AmbiguousReference { field } = schema.as_ref()
    {
        return format!("the column '{}' is in several tables", field.name);
    }
    let text = root.strip_backtrace();
    let text = without_boilerplate(&text);
    if text.contains("Cannot access field at argument") {
        return "a text has no fields".to_owned();
    }
    signature(&text)
        .or_else(|| comparison(&text))
        .or_else(|| grouping(&text))
        .or_else(|| correlation(&text))
        .or_else(|| syntax_tree(&text))
        .unwrap_or(text)
}

/// Returns what to do about the error, if there is more to say than to look at the columns.
pub(crate) fn hint(error: &DataFusionError) -> Option<&'static str> {
    let root = error.find_root();
    if let DataFusionError::SchemaError(schema, _) = root
        && matches!(schema.as_ref(), SchemaError::AmbiguousReference { .. })
    {
        return Some("write the table before the column, as in ticks.id");
    }
    let text = root.to_string();
    let is_in = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    Some(if is_in(&["must appear in the GROUP BY", "must be in GROUP BY"]) {
        "add it to GROUP BY, or take one value of each group with any_value(..) or max(..)"
    } else if is_in(&["Aggregate functions are not allowed in the WHERE"]) {
        "write the condition in HAVING, after GROUP BY"
    } else if is_in(&["must be aggregated to return at most one row"]) {
        "add LIMIT 1, with ORDER BY to choose the row, or an aggregate such as max(..)"
    } else if is_correlation(&text) {
        "compare an inner column with an outer one in WHERE, and return an aggregate or one row with LIMIT; \
         otherwise use a join and GROUP BY"
    } else if is_in(&["Cannot access field at argument"]) {
        "read a key of JSON with ->>, as in detail_json->>'key'"
    } else if is_in(&["Candidate functions", "Failed to coerce arguments"]) {
        "cast the argument, as in x::bigint or x::text"
    } else if is_in(&["Cannot coerce arithmetic expression Timestamp"]) {
        "write an interval, as in ts_utc - INTERVAL '7 days'"
    } else if is_in(&["operation Timestamp", "= Timestamp", "> Timestamp", "< Timestamp"]) {
        "write a time as '2026-04-15 10:00', or as to_timestamp(1776247200) from seconds since 1970"
    } else if is_in(&["Cannot infer common argument type", "Cannot coerce arithmetic"]) {
        "cast one side, as in x::bigint or x::text"
    } else {
        return None;
    })
}

/// Returns the name of the function that does not take its arguments.
pub(crate) fn refused_function(error: &DataFusionError) -> Option<String> {
    let text = signature(&without_boilerplate(&error.find_root().strip_backtrace()))?;
    text.split_once(' ').map(|(name, _)| name.to_owned())
}

/// Removes the names of layers and the request for a bug report.
fn without_boilerplate(text: &str) -> String {
    const LAYERS: [&str; 9] = [
        "Error during planning: ",
        "This feature is not implemented: ",
        "Internal error: ",
        "Execution error: ",
        "Schema error: ",
        "Arrow error: ",
        "External error: ",
        "Parser error: ",
        "Cast error: ",
    ];
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    // The request stands in the middle if one error contains another.
    while let Some((before, after)) = rest.split_once(".\nThis issue was likely caused by a bug") {
        clean.push_str(before);
        rest = after.split_once("/datafusion/issues").map_or("", |(_, after)| after);
    }
    clean.push_str(rest);
    for layer in LAYERS {
        clean = clean.replace(layer, "");
    }
    clean.trim().to_owned()
}

/// A call whose arguments fit no signature: what was given, and what the function takes.
fn signature(text: &str) -> Option<String> {
    let call = match text.split_once("argument types '") {
        Some((_, after)) => after.split_once("'. You might")?.0.to_owned(),
        None => {
            let (_, after) = text.split_once("satisfy a call to '")?;
            let (name, after) = after.split_once("' function")?;
            let (_, given) = after.split_once("coercion from ")?;
            format!("{name}({})", given.split_once(" to the signature")?.0)
        }
    };
    let (name, _) = call.split_once('(')?;
    let mut takes: Vec<String> = Vec::new();
    let candidates = text.split_once("Candidate functions:").map_or("", |(_, after)| after);
    for candidate in candidates.lines().map(str::trim) {
        let Some(arguments) = candidate.strip_prefix(name) else { continue };
        let arguments = in_brackets(arguments);
        if !arguments.is_empty() && arguments != "UserDefined" {
            let arguments = sql_types(arguments);
            if !takes.contains(&arguments) {
                takes.push(arguments);
            }
        }
    }
    let given = sql_types(in_brackets(&call[name.len()..]));
    let given = if given.is_empty() { "no arguments".to_owned() } else { given };
    takes.truncate(4);
    Some(match takes.split_last() {
        Some((last, [])) => format!("{name} takes {last}, not {given}"),
        Some((last, others)) => {
            format!("{name} takes {} or {last}, not {given}", others.join("; "))
        }
        None => format!("{name} does not take {given}"),
    })
}

/// The text without the brackets around it.
fn in_brackets(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inner.unwrap_or(text)
}

/// Operands that have no common type.
fn comparison(text: &str) -> Option<String> {
    if let Some(rest) =
        text.strip_prefix("Cannot infer common argument type for comparison operation ")
    {
        return Some(format!("cannot compare {}", sql_types(rest)));
    }
    let rest = text.strip_prefix("Cannot coerce arithmetic expression ")?;
    Some(format!("cannot compute {}", sql_types(rest.strip_suffix(" to valid types")?)))
}

/// A column that is neither grouped nor aggregated.
fn grouping(text: &str) -> Option<String> {
    let (_, after) = text.split_once("While expanding wildcard, column \"")?;
    let (column, _) = after.split_once('"')?;
    Some(format!("the column '{column}' must be in GROUP BY or in an aggregate function"))
}

fn is_correlation(text: &str) -> bool {
    text.contains("logical expression ScalarSubquery")
        || text.contains("logical expression OuterReferenceColumn")
        || text.contains("logical expression Exists")
        || text.contains("logical expression InSubquery")
        || text.contains("Correlated scalar subquery can only be used")
        || text.contains("Correlated column is not allowed")
        || text.contains("Accessing outer reference column")
}

fn correlation(text: &str) -> Option<String> {
    is_correlation(text)
        .then(|| "this use of outer columns in a subquery is not supported".to_owned())
}

/// A construct that the planner does not know: only its name.
fn syntax_tree(text: &str) -> Option<String> {
    const MARKS: [&str; 4] = [
        "Unsupported ast node in sqltorel: ",
        "Unsupported ast node ",
        "Unsupported JOIN operator ",
        "Unsupported SQL type ",
    ];
    for mark in MARKS {
        if let Some((_, tree)) = text.split_once(mark) {
            let end = tree.find(|char: char| !char.is_alphanumeric()).unwrap_or(tree.len());
            return Some(format!("{} is not supported", spaced(&tree[..end])));
        }
    }
    // A tree in another message.
    let at = text.find(" { ").filter(|_| text.contains("span: ") || text.contains("Ident {"))?;
    Some(format!("{} ..", text[..at].trim()))
}

/// `NaturalJoin` as `NATURAL JOIN`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    let mut was_lower = false;
    for char in name.chars() {
        if char.is_uppercase() && was_lower {
            words.push(' ');
        }
        was_lower = char.is_lowercase();
        words.extend(char.to_uppercase());
    }
    words
}

/// Replaces Arrow's and DataFusion's names of types by those of SQL.
fn sql_types(text: &str) -> String {
    let mut named = text.replace("Timestamp(ns, \"UTC\")", "time");
    for (type_name, name) in [
        ("Utf8View", "text"),
        ("LargeUtf8", "text"),
        ("Utf8", "text"),
        ("String", "text"),
        ("UInt64", "integer"),
        ("Int64", "integer"),
        ("UInt32", "integer"),
        ("Int32", "integer"),
        ("Float64", "float"),
        ("Float32", "float"),
        ("Boolean", "boolean"),
        ("Date32", "date"),
        ("Decimal128", "decimal"),
        ("Decimal", "decimal"),
        ("Timestamp(ns)", "time without zone"),
        ("Timestamp", "time"),
        ("Duration(ns)", "duration"),
        ("Duration", "duration"),
        ("Interval(MonthDayNano)", "interval"),
        ("Numeric(1)", "a number"),
        ("Numeric", "number"),
    ] {
        named = named.replace(type_name, name);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> String {
        message(&DataFusionError::Plan(text.to_owned()))
    }

    #[test]
    fn no_message_asks_for_a_bug_report() {
        let internal = DataFusionError::Internal("it broke".to_owned());
        assert_eq!(message(&internal), "it broke");
        let nested = format!(
            "Internal error: a{}. No function",
            internal.message().trim_start_matches("it broke")
        );
        assert_eq!(plan(&nested), "a. No function");
    }

    #[test]
    fn a_signature_says_what_was_given_and_what_is_taken() {
        let text = "Internal error: Function 'sum' failed to match any signature. No function matches the \
                    given name and argument types 'sum(Utf8View)'. You might need to add explicit type \
                    casts.\n\tCandidate functions:\n\tsum(Decimal)\n\tsum(UInt64)\n\tsum(Int64)\n\tsum(Float64)\n\t\
                    sum(Duration)";
        assert_eq!(plan(text), "sum takes decimal; integer; float or duration, not text");
        let text = "Failed to coerce arguments to satisfy a call to 'string_agg' function: coercion from \
                    Utf8View to the signature OneOf(..) failed No function matches\n\tCandidate functions:\n\t\
                    string_agg(LargeUtf8, Utf8)\n\tstring_agg(LargeUtf8, Null)";
        assert_eq!(plan(text), "string_agg takes text, text or text, Null, not text");
    }

    #[test]
    fn no_message_prints_a_syntax_tree() {
        let tree =
            "Unsupported ast node in sqltorel: RLike { negated: false, expr: Identifier(..) }";
        assert_eq!(plan(tree), "RLIKE is not supported");
        assert_eq!(plan("Unsupported JOIN operator AsOf { match"), "AS OF is not supported");
    }

    #[test]
    fn operands_are_named_as_in_sql() {
        let text = "Cannot infer common argument type for comparison operation Boolean = Int64";
        assert_eq!(plan(text), "cannot compare boolean = integer");
        let text = "Cannot coerce arithmetic expression Utf8View + Int64 to valid types";
        assert_eq!(plan(text), "cannot compute text + integer");
    }
}
