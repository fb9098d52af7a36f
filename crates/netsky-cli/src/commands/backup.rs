//! `netsky backup` and `netsky restore`

use std::fs::File;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;
use netsky_db::{Copied, MaintenanceProgress};

use crate::failure::Failure;
use crate::output::{self, counted, print_line};
use crate::progress::Progress;
use crate::store::StoreArgs;

/// Copy the store to a file while others record
///
/// The copy is what was committed when the command began. It is a store itself, without the free pages
/// of this one: --db FILE queries it. It appears under its name once it is whole and durable, and its
/// owner alone can read it.
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
    /// The file to make
    pub file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
}

/// Make the store anew from a backup
///
/// The backup is left as it is. A store that exists is replaced only with --force, and only if nobody
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
}

pub fn run(store: &StoreArgs, args: &BackupArgs) -> Result<(), Failure> {
    let care = MaintenanceProgress::default();
    let db = store.open_read_only_with(&store.options().maintenance_progress(care.clone()))?;
    let progress = Progress::of_care("copying", care);
    let copied = if args.force { db.backup_replacing(&args.file) } else { db.backup(&args.file) }?;
    drop(progress);
    print_copied(&copied, &args.file)
}

pub fn restore(store: &StoreArgs, args: &RestoreArgs) -> Result<(), Failure> {
    let path = store.path_or_default()?;
    // What is said of a store that is not there helps nobody whose backup is not there.
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
    if let Some(kept) = &copied.kept {
        output::warn(format_args!("the store that was there is now {}", kept.display()));
    }
    print_copied(&copied, &path)
}

fn print_copied(copied: &Copied, path: &Path) -> Result<(), Failure> {
    print_line(&format!(
        "{} in {}, {}",
        counted(copied.rows, "row"),
        path.display(),
        HumanBytes(copied.file_bytes)
    ))
}
