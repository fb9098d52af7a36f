//! `netsky backup` and `netsky restore`

use std::fs::File;
use std::path::{Path, PathBuf};

use netsky_db::{Copied, MaintenanceProgress};
use serde_json::json;

use crate::failure::Failure;
use crate::human;
use crate::output::{self, ReportOutput, counted, print_line};
use crate::progress::Progress;
use crate::store::StoreArgs;

/// Copy the store to a file while others record
///
/// The copy contains everything that was committed when the command started. It is a store itself,
/// without free pages: --db FILE queries it. It is renamed to FILE once it is complete and durable, and
/// only its owner can read it.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky backup monday.db
  netsky backup latest.db --force
  netsky query --db monday.db 'SELECT count(*) FROM messages'"
)]
pub struct BackupArgs {
    /// The file to create
    pub file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: ReportOutput,
}

/// Create the store from a backup
///
/// The backup is not changed. An existing store is replaced only with --force, and only if no program
/// has it open; it is kept beside the new one as meta.before-restore-<timestamp>.bak.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky restore monday.db
  netsky restore monday.db --force
  netsky restore monday.db --db copy.db"
)]
pub struct RestoreArgs {
    /// The backup, or any other store
    pub file: PathBuf,
    /// Replace the store if it exists, and keep it under another name
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: ReportOutput,
}

pub fn run(store: &StoreArgs, args: &BackupArgs) -> Result<(), Failure> {
    let care = MaintenanceProgress::default();
    let db = store.open_read_only_with(&store.options().maintenance_progress(care.clone()))?;
    let progress = Progress::of_care("copying", care);
    let copied = if args.force { db.backup_replacing(&args.file) } else { db.backup(&args.file) }?;
    drop(progress);
    print_copied(&copied, &args.file, args.output)
}

pub fn restore(store: &StoreArgs, args: &RestoreArgs) -> Result<(), Failure> {
    let path = store.path_or_default()?;
    // Without this check, a missing backup would be reported as a missing store.
    File::open(&args.file).map_err(|error| Failure::unreadable(&args.file, &error))?;
    let care = MaintenanceProgress::default();
    let options = store.options().maintenance_progress(care.clone());
    let progress = Progress::of_care("copying", care);
    let copied = if args.force {
        options.restore_replacing(&args.file, &path)
    } else {
        options.restore(&args.file, &path)
    }?;
    drop(progress);
    if let (Some(kept), false) = (&copied.kept, args.output.json) {
        output::warn(format_args!("the previous store was kept as {}", kept.display()));
    }
    print_copied(&copied, &path, args.output)
}

fn print_copied(copied: &Copied, path: &Path, output: ReportOutput) -> Result<(), Failure> {
    if output.json {
        return output::print_json(&json!({
            "path": path.display().to_string(),
            "rows": copied.rows,
            "bytes": copied.file_bytes,
            "kept": copied.kept.as_ref().map(|path| path.display().to_string()),
        }));
    }
    print_line(&format!(
        "{} in {}, {}",
        counted(copied.rows, "row"),
        path.display(),
        human::bytes(copied.file_bytes)
    ))
}
