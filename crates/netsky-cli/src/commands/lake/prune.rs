//! `netsky lake prune`

use chrono::{DateTime, Utc};
use netsky_lake::Lake;
use serde_json::json;

use crate::failure::Failure;
use crate::human;
use crate::output::{self, ReportOutput, counted, print_line};
use crate::store::StoreArgs;

/// Delete old days from a lake, or a machine
///
/// --before deletes whole days (UTC): those before the day of the time. --machine alone deletes all that the lake has
/// of a machine, which can then push all of its rows anew. Stores are not changed.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky lake prune s3://bucket/fleet --before 400d --dry-run
  netsky lake prune s3://bucket/fleet --machine dev3"
)]
pub struct PruneArgs {
    /// The lake
    pub url: String,
    /// A time (RFC 3339), a date, or an age: 90s, 15m, 6h, 7d, 4w
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::time_or_age::parse_time_or_age)]
    pub before: Option<DateTime<Utc>>,
    /// Only count the files that would be deleted
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: ReportOutput,
}

pub fn run(store: &StoreArgs, args: &PruneArgs) -> Result<(), Failure> {
    if args.before.is_none() && store.machine.is_empty() {
        return Err(Failure::usage("say what to delete: --before TIME, --machine NAME, or both"));
    }
    let lake = Lake::open(&args.url)?.of_machines(store.machine.iter().map(String::as_str))?;
    let pruned = lake.prune(args.before, args.dry_run)?;
    if args.output.json {
        return output::print_json(&json!({
            "lake": args.url, "dry_run": args.dry_run, "files": pruned.files, "bytes": pruned.bytes,
        }));
    }
    print_line(&format!(
        "{}, {}, {}",
        counted(pruned.files, "file"),
        human::bytes(pruned.bytes),
        if args.dry_run { "would be deleted" } else { "deleted" }
    ))
}
