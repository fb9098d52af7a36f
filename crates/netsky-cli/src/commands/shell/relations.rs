//! `\d` and `.tables`: the tables and views of a store.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use netsky_db::nearest;

use crate::commands::tables::{self, SchemaArgs};
use crate::failure::Failure;
use crate::output::TableOutput;
use crate::store::StoreArgs;

/// Lists the tables and views, or describes the columns of one. `more` adds the rows of tables.
pub fn describe(
    store: &StoreArgs,
    name: Option<&str>,
    more: bool,
    output: TableOutput,
) -> Result<(), Failure> {
    match name {
        Some(name) if !is_pattern(name) => tables::schema(
            store,
            &SchemaArgs {
                table: Some(name.to_owned()),
                format: output.format.into(),
                json: output.json,
            },
        ),
        _ if more => list_tables(store, name, output),
        _ => list_relations(store, name, output),
    }
}

fn list_relations(
    store: &StoreArgs,
    pattern: Option<&str>,
    output: TableOutput,
) -> Result<(), Failure> {
    let tables = store.tables().iter().map(|table| (table.name(), "table", table.doc()));
    let views = store.views().into_iter().map(|view| (view.name(), "view", view.doc()));
    let all: Vec<_> = tables.chain(views).collect();
    let column = |cell: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
        Arc::new(StringArray::from_iter_values(all.iter().map(cell))) as ArrayRef
    };
    let batch = RecordBatch::try_from_iter([
        ("name", column(|row| row.0)),
        ("kind", column(|row| row.1)),
        ("rows are", column(|row| row.2)),
    ])?;
    output.print(matching(&batch, pattern)?)
}

/// Lists the tables whose names match a pattern, with their row counts.
pub fn list_tables(
    store: &StoreArgs,
    pattern: Option<&str>,
    output: TableOutput,
) -> Result<(), Failure> {
    output.print(matching(&tables::list(store)?, pattern)?)
}

/// The rows whose first column matches the pattern.
fn matching(batch: &RecordBatch, pattern: Option<&str>) -> Result<RecordBatch, Failure> {
    let Some(pattern) = pattern else { return Ok(batch.clone()) };
    let names: Vec<&str> = batch.column(0).as_string::<i32>().iter().flatten().collect();
    let found: BooleanArray = names.iter().map(|name| Some(matches(pattern, name))).collect();
    if found.true_count() == 0 {
        let near = nearest(pattern, names);
        return Err(Failure::input(format!("no table is named '{pattern}'{near}")));
    }
    Ok(filter_record_batch(batch, &found)?)
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '%', '?'])
}

/// Whether a name matches a pattern of psql (`*`, `?`) or of sqlite3 (`%`). Case is ignored. An underscore
/// is itself, because names contain it.
fn matches(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' | '%' => {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| matches(rest, &name[at..]))
        }
        _ => name.chars().next().is_some_and(|char| {
            (first == '?' || first.eq_ignore_ascii_case(&char))
                && matches(rest, &name[char.len_utf8()..])
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_psql_and_sqlite() {
        for (pattern, name, expected) in [
            ("ticks", "ticks", true),
            ("TICKS", "ticks", true),
            ("tick", "ticks", false),
            ("tok*", "token_usage", true),
            ("%usage", "token_usage", true),
            ("token?usage", "token_usage", true),
            ("*", "", true),
            ("", "ticks", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern}");
        }
    }
}
