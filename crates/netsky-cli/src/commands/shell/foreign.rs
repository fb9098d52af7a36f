//! What hands know from sqlite3, duckdb and psql, and the shell does otherwise.

use crate::output::Format;
use netsky_formats::Format as File;

/// Names of output formats, beside those of `--format`.
pub const MODES: [(&str, Format); 16] = [
    ("box", Format::Table),
    ("column", Format::Table),
    ("columns", Format::Table),
    ("duckbox", Format::Table),
    ("aligned", Format::Table),
    ("psql", Format::Table),
    ("line", Format::Vertical),
    ("lines", Format::Vertical),
    ("expanded", Format::Vertical),
    ("jsonlines", Format::File(File::Ndjson)),
    ("jsonl", Format::File(File::Ndjson)),
    ("md", Format::File(File::Markdown)),
    ("tabs", Format::File(File::Tsv)),
    // sqlite3 separates these by a bar, which a value may contain.
    ("list", Format::File(File::Tsv)),
    ("ascii", Format::File(File::Tsv)),
    ("unaligned", Format::File(File::Tsv)),
];

/// Commands of other shells, and what to do instead.
const COMMANDS: [(&[&str], &str); 19] = [
    (&[".headers", ".header"], "names of columns are always shown, except in json"),
    (&[".nullvalue"], "NULL is shown as NULL in tables, and as an empty field in csv"),
    (&[".width"], "tables fit the terminal; \\x shows long values whole"),
    (&[".separator"], ".mode csv and .mode tsv choose one"),
    (&[".open", "\\c", "\\connect"], "leave with Ctrl-D, and run `netsky FILE.db`"),
    (&[".import"], "leave with Ctrl-D, and run `netsky import TABLE FILE`"),
    (
        &["\\copy"],
        "leave with Ctrl-D, and run `netsky export TABLE FILE` or `netsky import TABLE FILE`",
    ),
    (&[".dump", ".export"], "leave with Ctrl-D, and run `netsky export DIR`"),
    (&[".backup", ".save", ".clone"], "leave with Ctrl-D, and run `netsky backup FILE`"),
    (
        &[".databases", ".dbinfo", "\\l", "\\conninfo"],
        "a shell has one store; `netsky stats` describes it",
    ),
    (
        &[".indexes", ".indices", "\\di"],
        "there are no indexes; EXPLAIN ANALYZE shows the blocks that a query skips",
    ),
    (&[".explain", ".eqp", ".scanstats"], "put EXPLAIN or EXPLAIN ANALYZE before the query"),
    (&[".shell", ".system", "\\!"], "Ctrl-Z suspends the shell, and `fg` continues it"),
    (
        &[".echo", ".bail", ".log", ".changes", ".stats"],
        ".read FILE stops at the first statement that fails",
    ),
    (
        &["\\pset", "\\set", "\\a", "\\t", "\\f", "\\H", ".maxrows"],
        ".mode, .chart, .all, .timer and .tz set what is shown",
    ),
    (&["\\p", "\\r", "\\reset"], "Up shows the statement, Ctrl-C clears it"),
    (&["\\s", ".history"], "Ctrl-R searches the history, which is in ~/.netsky/history"),
    (&["\\h", "\\help"], "the SQL is described at https://datafusion.apache.org/user-guide/sql/"),
    (&["\\du", "\\dn", "\\ds", "\\dp", "\\z"], "a store has tables and views; \\d lists them"),
];

/// What to do instead of a command of another shell.
pub fn instead_of(name: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(names, _)| names.contains(&name)).map(|(_, instead)| *instead)
}
