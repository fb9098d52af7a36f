//! `netsky prune`

use chrono::{DateTime, SecondsFormat, Utc};

use crate::failure::Failure;
use crate::output::{self, counted, print_line};
use crate::store::StoreArgs;

/// Delete rows that are older than a moment
///
/// A row is as old as its table's first time column says. The other rows keep their ids, and no id is
/// given out again. Some thousands of rows go at a time, so that others can record in between. The file
/// keeps its size, and new rows take the room; `netsky compact` makes it smaller.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky prune --before 90d --dry-run
  netsky prune --before 4w --table ticks
  netsky prune --before 2026-04-15
  netsky prune --before 2026-04-15T23:00:00Z"
)]
pub struct PruneArgs {
    /// A time (RFC 3339), a date (its beginning in UTC), or an age: 90s, 15m, 6h, 7d, 4w
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::moment::moment)]
    pub before: DateTime<Utc>,
    /// Delete from this table alone
    #[arg(long)]
    pub table: Option<String>,
    /// Say how many rows would go, and delete none
    #[arg(long)]
    pub dry_run: bool,
}

pub fn run(store: &StoreArgs, args: &PruneArgs) -> Result<(), Failure> {
    let table = args.table.as_deref();
    let pruned = if args.dry_run {
        store.open_read_only()?.prune_dry_run(args.before, table)?
    } else {
        store.open_existing()?.prune(args.before, table)?
    };
    for pruned in &pruned {
        let name = pruned.table.name();
        if pruned.rows > 0 {
            print_line(&format!("{name}: {}", counted(pruned.rows, "row")))?;
        }
        if pruned.undated > 0 {
            output::warn(format_args!(
                "{} of {name} without a readable time left as they are; `netsky check` names them",
                counted(pruned.undated, "row")
            ));
        }
    }
    print_line(&format!(
        "{} from before {} {}",
        counted(pruned.iter().map(|pruned| pruned.rows).sum(), "row"),
        args.before.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        if args.dry_run { "would be deleted" } else { "deleted" }
    ))
}
