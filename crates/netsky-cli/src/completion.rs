//! What TAB offers behind `netsky` in a shell, besides commands, options and files: the names of tables,
//! views, agents, models, saved queries and time zones.
//!
//! The script of `netsky completions` runs `netsky` with [`VARIABLE`] set at each TAB. It must answer
//! quickly, and never print an error into the line that is being typed.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use arrow::array::AsArray;
use chrono_tz::TZ_VARIANTS;
use clap::{Arg, Command};
use clap_complete::CompleteEnv;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use netsky_db::{Db, OpenOptions, QueryOptions, TABLES, VIEWS};

use crate::commands::query::rows;
use crate::commands::saved;

/// Names the shell that asks for completions.
pub const VARIABLE: &str = "NETSKY_COMPLETE";

/// Nobody waits longer for a TAB.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many of the newest rows of a large table are searched for names.
const NEWEST: usize = 20_000;

pub type Names = fn() -> Vec<String>;

/// The commands whose argument `target` is a table, a file or a directory.
pub const TABLE_OR_PATH: [&str; 2] = ["import", "export"];

/// The names that an argument of a command takes.
pub const NAMES: [(&str, &str, Names); 9] = [
    ("record", "table", tables),
    ("schema", "table", relations),
    ("views", "view", views),
    ("tail", "table", tables),
    ("prune", "table", tables),
    ("timeline", "agent", agents),
    ("cost", "agent", agents),
    ("cost", "model", models),
    ("q", "name", queries),
];

/// Answers a shell that asks for completions, and exits. Otherwise it returns.
pub fn answer(netsky: fn() -> Command) {
    CompleteEnv::with_factory(move || with_names(netsky())).var(VARIABLE).complete();
}

pub fn with_names(netsky: Command) -> Command {
    let commands: Vec<String> =
        netsky.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let with_zones = |arg: Arg| match arg.get_id() == "tz" {
        true => {
            arg.add(candidates(|| TZ_VARIANTS.iter().map(|zone| zone.name().to_owned()).collect()))
        }
        false => arg,
    };
    let store = Arg::new("store").add(ArgValueCompleter::new(path_that_begins));
    netsky.mut_args(with_zones).arg(store).mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        // Not `mut_arg`, which moves the argument behind the others.
        command.mut_args(|arg| {
            let is =
                |(command, id, _): &&(&str, &str, Names)| *command == name && arg.get_id() == id;
            match NAMES.iter().find(is) {
                Some((.., names)) => arg.add(candidates(*names)),
                None if name == "man" && arg.get_id() == "command" => {
                    let commands = commands.clone();
                    arg.add(ArgValueCandidates::new(move || {
                        commands.iter().map(CompletionCandidate::new).collect()
                    }))
                }
                None if TABLE_OR_PATH.contains(&name.as_str()) && arg.get_id() == "target" => {
                    arg.add(ArgValueCompleter::new(table_or_path))
                }
                None => arg,
            }
        })
    })
}

fn candidates(names: Names) -> ArgValueCandidates {
    ArgValueCandidates::new(move || names().into_iter().map(CompletionCandidate::new).collect())
}

/// In place of a command, files are offered only if something of their name is typed.
fn path_that_begins(typed: &OsStr) -> Vec<CompletionCandidate> {
    match typed.is_empty() {
        true => Vec::new(),
        false => PathCompleter::any().complete(typed),
    }
}

fn table_or_path(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed_text = typed.to_string_lossy();
    let tables = tables().into_iter().filter(|table| table.starts_with(&*typed_text));
    let paths = PathCompleter::any().complete(typed);
    tables.map(CompletionCandidate::new).chain(paths).collect()
}

fn tables() -> Vec<String> {
    TABLES.iter().map(|table| table.name().to_owned()).collect()
}

fn views() -> Vec<String> {
    VIEWS.iter().map(|view| view.name().to_owned()).collect()
}

fn relations() -> Vec<String> {
    [tables(), views()].concat()
}

fn queries() -> Vec<String> {
    saved::names().unwrap_or_default()
}

fn agents() -> Vec<String> {
    names_in_store(&format!(
        "SELECT DISTINCT agent::text AS name FROM (
           SELECT agent FROM sessions
           UNION ALL (SELECT agent FROM mcp_tool_calls ORDER BY id DESC LIMIT {NEWEST})
           UNION ALL (SELECT agent FROM token_usage ORDER BY id DESC LIMIT {NEWEST}))
         WHERE agent IS NOT NULL ORDER BY name"
    ))
}

fn models() -> Vec<String> {
    names_in_store(&format!(
        "SELECT DISTINCT model::text AS name
         FROM (SELECT model FROM token_usage ORDER BY id DESC LIMIT {NEWEST})
         WHERE model IS NOT NULL ORDER BY name"
    ))
}

/// The names that a query of one column finds in the store of the line that is being typed. None, if there
/// is any error.
fn names_in_store(sql: &str) -> Vec<String> {
    let Some(db) = open() else { return Vec::new() };
    let Ok(found) = rows(&db, sql, &[]) else { return Vec::new() };
    let names = found.column(0).as_string_view_opt();
    names.into_iter().flatten().flatten().map(str::to_owned).collect()
}

fn open() -> Option<Db> {
    let path = match db_of(env::args()).or_else(|| env::var("NETSKY_DB").ok()) {
        Some(path) if !path.is_empty() => expanded(&path),
        _ => Db::default_path().ok()?,
    };
    let db = OpenOptions::new().busy_timeout(PATIENCE).open_read_only(path).ok()?;
    Some(db.with_query_options(QueryOptions::new().timeout(Some(PATIENCE))))
}

/// The value of `--db` in the line.
fn db_of(words: impl Iterator<Item = String>) -> Option<String> {
    let mut words = words.skip_while(|word| !word.starts_with("--db"));
    match words.next()?.strip_prefix("--db")? {
        "" => words.next().filter(|word| word != "=").or_else(|| words.next()),
        path => path.strip_prefix('=').map(str::to_owned),
    }
}

/// The shell has not yet expanded the line.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_that_of_the_line() {
        let db_of = |line: &str| db_of(line.split(' ').map(str::to_owned));
        assert_eq!(db_of("netsky --db a.db timeline"), Some("a.db".to_owned()));
        assert_eq!(db_of("netsky timeline --db=a.db x"), Some("a.db".to_owned()));
        // bash splits at the sign.
        assert_eq!(db_of("netsky --db = a.db timeline"), Some("a.db".to_owned()));
        assert_eq!(db_of("netsky timeline"), None);
        assert_eq!(db_of("netsky --db"), None);
    }
}
