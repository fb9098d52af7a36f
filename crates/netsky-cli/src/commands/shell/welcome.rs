//! What somebody without a store can do first.

use std::io::{self, Write, stdout};
use std::path::Path;

use console::Style;
use netsky_db::{Db, ErrorKind};

use crate::commands::demo::{self, DemoArgs};
use crate::failure::Failure;
use crate::output::{print, print_line};
use crate::store::StoreArgs;

/// Offers to create the demo's store, and returns it.
pub fn offer(missing: &Path, store: &StoreArgs) -> Result<StoreArgs, Failure> {
    let bold = |text: &str| Style::new().bold().apply_to(text).to_string();
    print_line(&format!("Welcome to netsky. There is no store at {} yet.\n", missing.display()))?;
    for (command, what) in [
        ("netsky demo", "a synthetic fleet of agents to explore"),
        ("netsky record ticks '{..}'", "a first event of yours, as JSON"),
        ("netsky import messages FILE", "rows that you have as NDJSON, CSV or Parquet"),
        ("netsky schema", "the tables and their columns"),
    ] {
        print(&format!("  {}  {what}\n", bold(&format!("{command:<28}"))))?;
    }
    print("\nCreate the demo now, and open the shell on it? [Y/n] ")?;
    let mut answer = String::new();
    let read = io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::input(format!("cannot read from the terminal: {error}")))?;
    if read == 0 {
        // Ctrl-D leaves the cursor behind the question.
        writeln!(stdout())?;
    }
    if read == 0 || !matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes") {
        return Err(Failure::store(ErrorKind::NotFound, "no store was created"));
    }
    let demo = Db::default_path()?.with_file_name("demo.db");
    demo::run(store, &DemoArgs::default())?;
    print_line("\nTo come back: netsky ~/.netsky/demo.db\n")?;
    Ok(StoreArgs { db: Some(demo), ..store.clone() })
}
