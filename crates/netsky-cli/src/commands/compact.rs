//! `netsky compact`

use serde_json::json;

use crate::failure::Failure;
use crate::human;
use crate::output::{ReportOutput, print_json, print_line};
use crate::store::StoreArgs;

/// Shrink the store's file, and complete its columnar copy
///
/// The command releases free pages, such as those that `netsky prune` leaves. New rows reuse free pages,
/// so you only need it if the disk space is needed for something else. It fails if a program is reading
/// the store when it starts, and no program can read or write meanwhile.
///
/// The store keeps a columnar copy of its rows, which full scans read at many times the speed. Programs
/// that record make it as they go; this command also makes it for the rows of older versions.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky prune --before 90d && netsky compact
  netsky compact --columns drop"
)]
pub struct CompactArgs {
    /// Whether to keep the columnar copy, from now on
    #[arg(long, value_enum, value_name = "WHAT")]
    pub columns: Option<Columns>,
    #[command(flatten)]
    pub output: ReportOutput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Columns {
    /// Keep a columnar copy of the rows, which takes 5 to 10 % of their space [default]
    Keep,
    /// Delete the copy, and make none until `--columns keep`
    Drop,
}

pub fn run(store: &StoreArgs, args: &CompactArgs) -> Result<(), Failure> {
    let db = store.open_existing()?;
    if let Some(columns) = args.columns {
        db.keep_columns(columns == Columns::Keep)?;
    }
    let compacted = db.compact()?;
    let (before, after) = (compacted.bytes_before, compacted.bytes_after);
    if args.output.json {
        return print_json(&json!({"bytes_before": before, "bytes_after": after}));
    }
    print_line(&format!(
        "released {}: from {} to {}",
        human::bytes(before.saturating_sub(after)),
        human::bytes(before),
        human::bytes(after)
    ))
}
