//! `netsky demo`

use std::path::PathBuf;
use std::{fs, io};

use netsky_db::Db;
use netsky_db::demo::{Fleet, QUESTIONS};

use crate::failure::Failure;
use crate::output::{counted, print_line};
use crate::store::{StoreArgs, open_path};

/// Make a store of a synthetic fleet and ask it a few questions
///
/// The store is made at --db if that is given, else anew at ~/.netsky/demo.db. The same --rows give
/// the same fleet.
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
    /// How many rows to make, over all tables
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
            "{} has rows already, and the demo does not mix with them; name a new file with --db",
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
        "\nAsk your own:  netsky --db {} query 'SELECT ..'\nTables and columns:  netsky schema",
        path.display()
    ))
}

/// `demo.db` beside the default store. What an earlier demo left there is removed.
fn fresh_default() -> Result<PathBuf, Failure> {
    let path = Db::default_path()?.with_file_name("demo.db");
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::input(format!("cannot replace {}: {error}", path.display())))
        }
        _ => Ok(path),
    }
}
