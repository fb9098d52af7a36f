//! `netsky backup` and `netsky restore`

use std::fs::File;
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};
use netsky_db::{Copied, Db};

use crate::args::{BackupArgs, RestoreArgs, StoreArgs};
use crate::failure::Failure;
use crate::output::print_line;

pub fn run(store: &StoreArgs, args: &BackupArgs) -> Result<(), Failure> {
    let db = store.open_read_only()?;
    let copied = if args.force { db.backup_over(&args.file) } else { db.backup(&args.file) }?;
    print_copied(&copied, &args.file)
}

pub fn restore(store: &StoreArgs, args: &RestoreArgs) -> Result<(), Failure> {
    let path = store.path_or_default()?;
    // What is said of a store that is not there helps nobody whose backup is not there.
    File::open(&args.file).map_err(|error| Failure::unreadable(&args.file, &error))?;
    let copied = if args.force {
        Db::restore_over(&args.file, &path)
    } else {
        Db::restore(&args.file, &path)
    }?;
    if let Some(kept) = &copied.kept {
        eprintln!("netsky: the store that was there is now {}", kept.display());
    }
    print_copied(&copied, &path)
}

fn print_copied(copied: &Copied, path: &Path) -> Result<(), Failure> {
    print_line(&format!(
        "{} rows in {}, {}",
        HumanCount(copied.rows),
        path.display(),
        HumanBytes(copied.file_bytes)
    ))
}
