//! `netsky migrate`

use serde_json::json;

use crate::failure::Failure;
use crate::output::{ReportOutput, print_json, print_line};
use crate::store::StoreArgs;

/// Upgrade a store of netsky-db 0.1.6
///
/// The command upgrades a store of netsky-db 0.1.6 to the current file format, which 0.1.6 cannot read,
/// and keeps the old file beside it. Commands that write, such as record and import, upgrade the store
/// automatically; commands that only read, such as query and tables, do not.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky migrate
  netsky migrate --db old.db"
)]
pub struct MigrateArgs {
    #[command(flatten)]
    pub output: ReportOutput,
}

pub fn run(store: &StoreArgs, args: &MigrateArgs) -> Result<(), Failure> {
    let db = store.open_existing()?;
    let version = db.schema_version()?;
    if args.output.json {
        return print_json(&json!({
            "path": db.path().display().to_string(),
            "schema_version": version,
            "kept": db.upgraded_from().or(db.archived()).map(|path| path.display().to_string()),
        }));
    }
    print_line(&format!("{} is up to date: schema version {version}", db.path().display()))
}
