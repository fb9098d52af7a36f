//! `netsky compact`

use crate::failure::Failure;
use crate::human;
use crate::output::print_line;
use crate::store::StoreArgs;

/// Shrink the store's file
///
/// The command releases free pages, such as those that `netsky prune` leaves. New rows reuse free pages,
/// so you only need it if the disk space is needed for something else. It fails if a program is reading
/// the store when it starts, and no program can read or write meanwhile.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky prune --before 90d && netsky compact"
)]
pub struct CompactArgs {}

pub fn run(store: &StoreArgs, _: &CompactArgs) -> Result<(), Failure> {
    let compacted = store.open_existing()?.compact()?;
    let (before, after) = (compacted.bytes_before, compacted.bytes_after);
    print_line(&format!(
        "released {}: from {} to {}",
        human::bytes(before.saturating_sub(after)),
        human::bytes(before),
        human::bytes(after)
    ))
}
