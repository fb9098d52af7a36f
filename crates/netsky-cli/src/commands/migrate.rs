//! `netsky migrate`

use crate::failure::Failure;
use crate::output::print_line;
use crate::store::StoreArgs;

/// Bring a store of an older netsky up to date
///
/// A store of netsky-db 0.1.6 is upgraded to the file format of today, which 0.1.6 cannot use, and the
/// old file is kept beside it. record and import do the same by themselves; query and tables do not,
/// since they change nothing.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky migrate
  netsky migrate --db old.db"
)]
pub struct MigrateArgs {}

pub fn run(store: &StoreArgs) -> Result<(), Failure> {
    let db = store.open_existing()?;
    print_line(&format!(
        "{} is up to date: schema version {}",
        db.path().display(),
        db.schema_version()?
    ))
}
