//! `netsky shell`

mod commands;
mod complete;
mod edit;
mod editor;
mod find;
mod foreign;
mod formats;
mod highlight;
mod interactive;
mod keys;
mod keywords;
mod lexer;
mod names;
mod prompt;
mod relations;
mod script;
mod session;
mod settings;
mod watch;
mod welcome;
mod words;

use std::fs;
use std::io::{self, IsTerminal, stderr, stdin};
use std::path::{Path, PathBuf};

use crate::commands::query::AnswerArgs;
use crate::failure::Failure;
use crate::store::StoreArgs;
use crate::terminal;
pub use editor::HISTORY_FILE;
pub use formats::format;
pub use interactive::RC_FILE;
use script::Script;
use session::{Next, Session};
use settings::Settings;
use words::Words;
pub use words::is_sql;

/// Start an interactive SQL shell
///
/// A query ends with a semicolon and can span lines. TAB completes keywords, tables, columns and
/// functions; the arrow keys and Ctrl-R search earlier queries, which are kept in ~/.netsky/history
/// unless they begin with a space. Ctrl-C cancels a query, and Ctrl-D exits. Each query sees the current
/// rows. `.help` lists the shell's own commands.
///
/// At startup, the shell runs the commands and queries in ~/.netskyrc. With SQL in an argument, or if
/// standard input or output is not a terminal, it runs the given queries instead and stops at the
/// first that fails. The word `shell` can be left out: `netsky FILE.db`, `netsky 'SELECT ...'`.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky shell
  netsky shell backup.db --format csv
  netsky shell -c 'SELECT count(*) FROM ticks; SELECT count(*) FROM messages'
  netsky shell < report.sql"
)]
pub struct ShellArgs {
    /// The store's file, as with --db, and queries to run
    #[arg(value_name = "FILE|SQL")]
    pub words: Vec<String>,
    /// Run queries and exit; can be repeated
    #[arg(long, short, value_name = "SQL")]
    pub command: Vec<String>,
    /// Run the queries of a file and exit; - is standard input
    #[arg(long, short, value_name = "FILE", conflicts_with = "command")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub answer: AnswerArgs,
}

pub fn run(store: &StoreArgs, args: &ShellArgs) -> Result<(), Failure> {
    let Words { db, sql } = words::resolve(&args.words)?;
    let mut store = match &db {
        Some(_) if store.db.is_some() => {
            return Err(Failure::usage("name the store either as an argument or with --db"));
        }
        Some(path) => StoreArgs { db: Some(path.clone()), ..store.clone() },
        None => store.clone(),
    };
    let given: Vec<&str> = args.command.iter().chain(&sql).map(String::as_str).collect();
    let is_interactive = given.is_empty() && args.file.is_none() && terminal::is_interactive();
    let path = store.path_or_default()?;
    if is_interactive && store.is_default() && !path.exists() {
        store = welcome::offer(&path, &store)?;
    }
    // Report a store that cannot be opened before the user types a query.
    store
        .open_read_only()
        .map_err(|failure| db.as_deref().and_then(words::instead_of_opening).unwrap_or(failure))?;
    let settings = Settings {
        answer: args.answer.clone(),
        timer: stderr().is_terminal(),
        once: None,
        output: None,
    };
    let mut session = Session::new(store, settings);
    if is_interactive {
        return interactive::talk(&mut session);
    }
    if !given.is_empty() {
        for sql in given {
            if session.run_text(sql)? == Next::Quit {
                break;
            }
        }
        return Ok(());
    }
    match args.file.as_deref() {
        Some(file) if file != Path::new("-") => {
            let text = fs::File::open(file).map_err(|error| Failure::unreadable(file, &error))?;
            let name = file.display().to_string();
            session.run_script(&mut Script::new(io::BufReader::new(text)), &name, &Err)?;
        }
        _ => {
            session.run_script(&mut Script::new(stdin().lock()), "", &Err)?;
        }
    }
    Ok(())
}
