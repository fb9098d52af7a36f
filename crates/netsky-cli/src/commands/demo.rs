//! `netsky demo`

use std::path::PathBuf;
use std::{fs, io};

use netsky_db::Db;
use netsky_db::demo::{Fleet, QUESTIONS};

use crate::failure::Failure;
use crate::output::{counted, print_line};
use crate::store::{StoreArgs, open_path};

/// Create a store with a synthetic fleet, and run queries on it
///
/// The store is created at --db if given, else at ~/.netsky/demo.db, where it replaces an earlier demo.
/// The same --rows always generates the same fleet.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky demo
  netsky demo --rows 1000000
  netsky demo --db fleet.db"
)]
pub struct DemoArgs {
    /// The number of rows to generate, over all tables
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub rows: u64,
}

pub fn run(store: &StoreArgs, args: &DemoArgs) -> Result<(), Failure> {
    let path = match &store.db {
        Some(path) => path.clone(),
        None => fresh_default()?,
    };
    let db = open_path(&store.options(), &path)?;
    if db.summaries()?.iter().any(|table| table.rows > 0) {
        return Err(Failure::input(format!(
            "{} already has rows, and the demo needs an empty store; name a new file with --db",
            path.display()
        )));
    }
    let rows = Fleet::new(args.rows).record(&db)?;
    print_line(&format!("{} of a synthetic fleet in {}", counted(rows, "row"), path.display()))?;
    for question in QUESTIONS {
        print_line(&format!("\n-- {}\n{}\n", question.title, question.sql.trim()))?;
        print_line(&db.query(question.sql)?)?;
    }
    print_line(&format!(
        "\nYour own query:  netsky --db {} query 'SELECT ...'\nTables and columns:  netsky schema",
        path.display()
    ))
}

/// `demo.db` beside the default store. An earlier demo there is removed.
fn fresh_default() -> Result<PathBuf, Failure> {
    let path = Db::default_path()?.with_file_name("demo.db");
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::input(format!("cannot replace {}: {error}", path.display())))
        }
        _ => Ok(path),
    }
}
