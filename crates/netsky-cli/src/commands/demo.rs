//! `netsky demo`

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io, thread};

use netsky_db::demo::{Fleet, QUESTIONS, is_demo};
use netsky_db::{Db, OpenOptions, internal};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{ReportOutput, counted, print_json, print_line};
use crate::store::{StoreArgs, open_path};

/// Create a store with a synthetic fleet, and run queries on it
///
/// The fleet's history ends now, with agents at work: it is two weeks long for 100,000 rows. The same
/// --rows always generates the same fleet. The store is created at --db if given, else at
/// ~/.netsky/demo.db, where it replaces an earlier demo; $NETSKY_DB is not used. A store with other rows is
/// never replaced.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky demo
  netsky demo --follow
  netsky demo --rows 1000000
  netsky demo --db fleet.db"
)]
pub struct DemoArgs {
    /// The number of rows to generate, over all tables
    #[arg(long, default_value_t = ROWS, value_name = "N")]
    pub rows: u64,
    /// Go on recording what the fleet does, until interrupted
    #[arg(long, short, conflicts_with = "json")]
    pub follow: bool,
    #[command(flatten)]
    pub output: ReportOutput,
}

/// How many rows a demo has.
const ROWS: u64 = 100_000;

impl Default for DemoArgs {
    fn default() -> Self {
        Self { rows: ROWS, follow: false, output: ReportOutput { json: false } }
    }
}

/// Between two moments that are recorded with --follow.
const PAUSE: Duration = Duration::from_secs(1);

pub fn run(store: &StoreArgs, args: &DemoArgs) -> Result<(), Failure> {
    let options = store.options();
    let path = match &store.db {
        Some(path) => path.clone(),
        None => fresh_default(&options)?,
    };
    let db = open_path(&options, &path)?;
    if db.summaries()?.iter().any(|table| table.rows > 0) {
        return Err(Failure::input(format!(
            "{} already has rows, and the demo needs an empty store; name a new file with --db",
            path.display()
        )));
    }
    let mut fleet = Fleet::new(args.rows);
    fleet.end = internal::now();
    let rows = fleet.record(&db)?;
    if args.output.json {
        return print_json(&json!({"path": path.display().to_string(), "rows": rows}));
    }
    print_line(&format!("{} of a synthetic fleet in {}", counted(rows, "row"), path.display()))?;
    for question in QUESTIONS {
        print_line(&format!("\n-- {}\n{}\n", question.title, question.sql.trim()))?;
        print_line(&db.query(question.sql)?)?;
    }
    let netsky = format!("netsky --db {}", path.display());
    print_line(&format!(
        "\nWhat goes on now:  {netsky} top\nYour own query:    {netsky} query 'SELECT ...'\n\
         Tables and columns:  netsky schema"
    ))?;
    if !args.follow {
        return Ok(());
    }
    print_line(&format!(
        "\nThe fleet goes on until Ctrl-C. In another terminal: {netsky} tail -f, or top --watch"
    ))?;
    let mut live = fleet.live();
    loop {
        thread::sleep(PAUSE);
        live.record(&db, internal::now())?;
    }
}

/// `demo.db` beside the default store. An earlier demo there is removed.
fn fresh_default(options: &OpenOptions) -> Result<PathBuf, Failure> {
    let path = Db::default_path()?.with_file_name("demo.db");
    if path.try_exists().is_ok_and(|exists| !exists) {
        return Ok(path);
    }
    let earlier = options.open_read_only(&path)?;
    if !is_demo(&earlier)? {
        return Err(Failure::input(format!(
            "{} has rows that are not of a demo, and is left as it is; name a new file with --db",
            path.display()
        )));
    }
    drop(earlier);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::input(format!("cannot replace {}: {error}", path.display())))
        }
        _ => Ok(path),
    }
}
