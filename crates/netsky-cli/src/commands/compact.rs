//! `netsky compact`

use indicatif::HumanBytes;

use crate::failure::Failure;
use crate::output::print_line;
use crate::store::StoreArgs;

/// Make the store's file as small as its rows allow
///
/// Free pages, as `netsky prune` leaves them, are given back. New rows would take them, so there is need
/// of this only where the room is wanted for something else. Nobody can read or write meanwhile, and
/// nobody may be reading when it begins.
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
        "{} given back: from {} to {}",
        HumanBytes(before.saturating_sub(after)),
        HumanBytes(before),
        HumanBytes(after)
    ))
}
