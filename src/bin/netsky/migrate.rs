//! `netsky migrate`

use crate::args::StoreArgs;
use crate::failure::Failure;
use crate::output::print_line;

pub fn run(store: &StoreArgs) -> Result<(), Failure> {
    let db = store.open_existing()?;
    print_line(&format!(
        "{} is up to date: schema version {}",
        db.path().display(),
        db.schema_version()?
    ))
}
