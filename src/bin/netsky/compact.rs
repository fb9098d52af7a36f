//! `netsky compact`

use indicatif::HumanBytes;

use crate::args::{CompactArgs, StoreArgs};
use crate::failure::Failure;
use crate::output::print_line;

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
