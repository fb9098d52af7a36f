//! Backups of settings files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDateTime;
use netsky_db::internal;

const KEPT: usize = 5;

/// The order of names is that of times.
const TIME: &str = "%Y%m%dT%H%M%S%.6fZ";

/// Creates a backup beside a file. Only its owner can read it, because settings can contain keys.
pub(super) fn create(path: &Path, text: &str) -> io::Result<PathBuf> {
    loop {
        let backup = path.with_file_name(prefix(path) + &internal::now().format(TIME).to_string());
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&backup) {
            // Another process made one in the same microsecond.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(mut file) => {
                let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
                if written.is_err() {
                    drop(fs::remove_file(&backup));
                }
                return written.map(|()| backup);
            }
        }
    }
}

/// Removes old backups, but not the latest, whatever the clock said when it was made. What cannot be
/// removed stays, which harms nothing.
pub(super) fn prune(path: &Path, latest: &Path) {
    let mut backups = list(path);
    backups.retain(|backup| backup != latest);
    backups.truncate((backups.len() + 1).saturating_sub(KEPT));
    for backup in backups {
        drop(fs::remove_file(backup));
    }
}

/// The backups of a file that netsky made, the oldest first.
fn list(path: &Path) -> Vec<PathBuf> {
    let (prefix, dir) = (prefix(path), path.parent().unwrap_or(Path::new(".")));
    let is_backup = |name: &str| {
        let time = name.strip_prefix(&prefix);
        time.is_some_and(|time| NaiveDateTime::parse_from_str(time, TIME).is_ok())
    };
    let mut found: Vec<PathBuf> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_backup))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

fn prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}.netsky-backup-")
}
