//! `netsky lake compact`

use chrono::{DateTime, Utc};
use netsky_lake::Lake;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{self, ReportOutput, counted, print_line};
use crate::store::StoreArgs;

/// Make the many small files of a day one
///
/// The files that each machine has of a table and a day become one. The old ones are deleted by the next run, an hour
/// later at the earliest, because queries may still read them; until then, netsky reads each row once, and other
/// programs read them twice. Lakes that are pushed to once a day do not need it.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky lake compact s3://bucket/fleet
  netsky lake compact s3://bucket/fleet --machine dev3 --before 7d"
)]
pub struct CompactArgs {
    /// The lake
    pub url: String,
    /// Only days (UTC) before that of a time (RFC 3339), a date, or an age: 90s, 15m, 6h, 7d, 4w
    #[arg(long, value_name = "TIME|AGE", default_value = "2d",
        value_parser = crate::time_or_age::parse_time_or_age)]
    pub before: DateTime<Utc>,
    #[command(flatten)]
    pub output: ReportOutput,
}

pub fn run(store: &StoreArgs, args: &CompactArgs) -> Result<(), Failure> {
    let lake = Lake::open(&args.url)?.of_machines(store.machine.iter().map(String::as_str))?;
    let compacted = lake.compact(args.before)?;
    if args.output.json {
        return output::print_json(&json!({
            "lake": args.url, "merged": compacted.merged, "written": compacted.written,
            "deleted": compacted.deleted,
        }));
    }
    print_line(&format!(
        "merged {} into {}; deleted {} that had been merged before",
        counted(compacted.merged, "file"),
        compacted.written,
        counted(compacted.deleted, "file")
    ))
}
