//! The arguments of the shell: a store, a query, or both, as sqlite3 and duckdb take them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use netsky_db::Db;
use netsky_formats::FileFormat;

use crate::commands::shell::find;
use crate::commands::shell::keywords::begins_statement;
use crate::failure::Failure;

#[derive(Debug, Default)]
pub struct Words {
    pub db: Option<PathBuf>,
    pub sql: Vec<String>,
}

/// Whether an argument is SQL or a command of the shell, rather than a file or a command of netsky.
pub fn is_sql(text: &str) -> bool {
    let text = text.trim();
    // Not at a dot, as in table.db.
    let ends_word = |char: char| char.is_whitespace() || "(*'\";".contains(char);
    let word = text.split(ends_word).next().unwrap_or_default();
    if begins_statement(word) || find::is_meant(text) {
        return true;
    }
    let is_command = text.strip_prefix('.').is_some_and(|name| {
        name.starts_with(char::is_alphabetic) && !name.contains(['/', std::path::MAIN_SEPARATOR])
    });
    // With a typo in its first word, it is still no file.
    let is_statement = text.starts_with("--")
        || text.starts_with("/*")
        || text.starts_with('(')
        || text.ends_with(';')
        || text.contains(char::is_whitespace);
    (is_command || is_statement) && !Path::new(text).exists()
}

/// Whether an argument can only be a file.
fn is_path(text: &str) -> bool {
    text.contains(['/', '.', std::path::MAIN_SEPARATOR]) || Path::new(text).exists()
}

pub fn resolve(words: &[String]) -> Result<Words, Failure> {
    let (db, sql) = match words {
        [] => (None, &[][..]),
        [first, rest @ ..] if !is_sql(first) && is_path(first) => {
            (Some(PathBuf::from(first)), rest)
        }
        sql => (None, sql),
    };
    let is_wrong = |word: &&String| !is_sql(word) || begins_statement(word);
    match sql.iter().find(is_wrong) {
        None => Ok(Words { db, sql: sql.to_vec() }),
        Some(word) if begins_statement(word) => Err(Failure::usage(
            "a query is one argument, in quotes: netsky 'SELECT ...'\n  without them, the shell would \
             expand * and redirect at >",
        )),
        Some(word) => {
            let next = match &db {
                Some(db) => format!("netsky --db {} {word}", db.display()),
                None => "netsky --help".to_owned(),
            };
            Err(Failure::usage(format!(
                "'{word}' is neither a query nor a file\n  a command comes after the options: {next}"
            )))
        }
    }
}

/// The error about a file that exists and is no store, if what is meant is known.
pub fn instead_of_opening(file: &Path) -> Option<Failure> {
    if !file.is_file() || Db::is_database(file).unwrap_or(true) {
        return None;
    }
    let name = file.display();
    let next = match file.extension().and_then(OsStr::to_str) {
        Some("sql") => format!("to run it: netsky -f {name}"),
        _ if FileFormat::of(file).is_some() => format!("to import it: netsky import TABLE {name}"),
        _ => return None,
    };
    Some(Failure::usage(format!("{name} is not a store\n  {next}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_and_files_are_told_apart() {
        for sql in [
            "SELECT 1",
            "selec 1",
            ".tabels",
            "select 1;",
            "with a as (select 1) table a",
            "(SELECT 1)",
            "-- note\nSELECT 1",
            ".tables",
            "\\d ticks",
            "FROM ticks",
            "DELETE FROM ticks",
            "help",
            "values(1)",
        ] {
            assert!(is_sql(sql), "{sql}");
        }
        for other in [
            "store.db",
            "./store.db",
            "../store.db",
            "/tmp/store.db",
            "./selection.db",
            "tables",
            "exprot",
            "selected",
            "./.tables",
        ] {
            assert!(!is_sql(other), "{other}");
        }
    }

    #[test]
    fn a_store_can_come_before_a_query() {
        let words = |words: &[&str]| {
            resolve(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
        };
        let both = words(&["fleet.db", "SELECT 1"]).unwrap();
        assert_eq!((both.db, both.sql), (Some("fleet.db".into()), vec!["SELECT 1".to_owned()]));
        assert_eq!(words(&["SELECT 1", ".tables"]).unwrap().sql, ["SELECT 1", ".tables"]);
        let told = words(&["select", "1"]).unwrap_err().to_string();
        assert!(told.contains("in quotes"), "{told}");
        let told = words(&["fleet.db", "tables"]).unwrap_err().to_string();
        assert!(told.contains("netsky --db fleet.db tables"), "{told}");
    }
}
