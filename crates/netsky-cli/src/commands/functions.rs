//! `netsky functions`

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use netsky_db::{ListedFunction, functions};

use crate::failure::Failure;
use crate::output::TableOutput;

/// List the functions that SQL can call
///
/// With PATTERN, only those whose name contains it; with * or %, those whose whole name matches it. The
/// description is searched if no name is found.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky functions
  netsky functions date
  netsky functions 'json_*'
  netsky functions month --format csv"
)]
pub struct FunctionsArgs {
    /// A part of a name, or a pattern with * or %
    pub pattern: Option<String>,
    #[command(flatten)]
    pub output: TableOutput,
}

pub fn run(args: &FunctionsArgs) -> Result<(), Failure> {
    let mut found = functions()?;
    if let Some(pattern) = &args.pattern {
        let pattern = pattern.to_lowercase();
        let has = |text: &str| matches(&pattern, &text.to_lowercase());
        let is_named = found.iter().any(|function| has(function.name()));
        found.retain(|function| match is_named {
            true => has(function.name()),
            false => function.doc().to_lowercase().contains(&pattern),
        });
        if found.is_empty() {
            return Err(Failure::input(format!(
                "no function matches '{pattern}'; `netsky functions` lists all"
            )));
        }
    }
    let column = |cell: fn(&ListedFunction) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(found.iter().map(cell)))
    };
    let columns: [(&str, ArrayRef); 3] = [
        ("function", column(ListedFunction::signature)),
        ("kind", column(ListedFunction::kind)),
        ("what", column(ListedFunction::doc)),
    ];
    args.output.print(RecordBatch::try_from_iter(columns)?)
}

/// Whether the name contains the pattern, or matches it if it has wildcards.
fn matches(pattern: &str, name: &str) -> bool {
    let parts: Vec<&str> = pattern.split(['*', '%']).collect();
    let [first, between @ .., last] = parts.as_slice() else { return name.contains(pattern) };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    for part in between {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_parts_or_whole_names() {
        for (pattern, name, expected) in [
            ("date", "datediff", true),
            ("diff", "date_diff", true),
            ("json_*", "json_each", true),
            ("json_%", "to_json", false),
            ("*_diff", "date_diff", true),
            ("*a*b*", "xaxb", true),
            ("*a*b*", "xbxa", false),
            ("a*a", "a", false),
            ("", "any", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
