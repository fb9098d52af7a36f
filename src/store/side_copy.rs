//! Copies of the store that are kept beside it before it is replaced.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use crate::clock;
use crate::error::{Error, Result};
use crate::store::file::{FileId, copy_private};

/// Returns a free name for a side copy: `<name>.<kind>-<timestamp>.bak`, with a counter if it is
/// taken within the same second.
pub(super) fn free_name(store: &Path, kind: &str) -> PathBuf {
    free_name_where(store, kind, |_| true)
}

/// Like [`free_name`], but the name must also satisfy `free`.
pub(super) fn free_name_where(store: &Path, kind: &str, free: impl Fn(&Path) -> bool) -> PathBuf {
    let timestamp = clock::now().format("%Y%m%d%H%M%S");
    let name = |extra: &str| store.with_extension(format!("{kind}-{timestamp}{extra}.bak"));
    let mut candidate = name("");
    let mut counter = 1;
    while fs::symlink_metadata(&candidate).is_ok() || !free(&candidate) {
        candidate = name(&format!("-{counter}"));
        counter += 1;
    }
    candidate
}

/// Returns the names of all side copies of the store. A side copy also counts if only a file with
/// one of these endings exists.
pub(super) fn names(store: &Path, kind: &str, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let (Some(dir), Some(stem)) = (store.parent(), store.file_stem()) else {
        return Ok(Vec::new());
    };
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let prefix = format!("{}.{kind}-", stem.to_string_lossy());
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("read", dir))? {
        let name = entry.map_err(Error::io("read", dir))?.file_name();
        let name = name.to_string_lossy();
        let name = endings.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        if name.starts_with(&prefix) && name.ends_with(".bak") {
            names.push(store.with_file_name(name));
        }
    }
    Ok(names)
}

/// Fails if the name of the side copy would be longer than the file system allows.
pub(super) fn check_name(store: &Path, kind: &str) -> Result<()> {
    let name = free_name(store, kind);
    match fs::symlink_metadata(&name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("keep the old store as", &name)(error))
        }
        _ => Ok(()),
    }
}

/// Gives the store's file, which is open as `file`, a second name that remains when another file
/// takes the first. Returns that name. A side copy of the same kind and content is reused.
pub(super) fn keep(store: &Path, file: &mut File, kind: &str) -> Result<PathBuf> {
    keep_by(|store, backup| fs::hard_link(store, backup), store, file, kind)
}

fn keep_by(
    link: impl FnOnce(&Path, &Path) -> io::Result<()>,
    store: &Path,
    file: &mut File,
    kind: &str,
) -> Result<PathBuf> {
    let backup = match find(store, file, kind)? {
        Some(found) => found,
        None => {
            let backup = free_name(store, kind);
            // A hard link is complete at once and cannot corrupt a byte. If the file system has no
            // hard links, a copy is made and renamed when complete.
            if link(store, &backup).is_err() {
                let part = store.with_extension(format!("{kind}.tmp"));
                copy_private(file, &part)?;
                fs::rename(&part, &backup).map_err(Error::io("name the backup", &backup))?;
            }
            backup
        }
    };
    File::open(&backup).and_then(|file| file.sync_all()).map_err(Error::io("sync", &backup))?;
    Ok(backup)
}

/// Returns the side copy that an interrupted process left.
fn find(store: &Path, file: &mut File, kind: &str) -> Result<Option<PathBuf>> {
    for candidate in names(store, kind, &[])? {
        if is_same(&candidate, store, file).map_err(Error::io("read", &candidate))? {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

fn is_same(candidate: &Path, store: &Path, file: &mut File) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(candidate)?;
    // A symbolic link may lead to the store itself, and then to the file that replaces it.
    if !metadata.is_file() || metadata.len() != file.metadata()?.len() {
        return Ok(false);
    }
    if cfg!(unix) && FileId::of(candidate)? == FileId::of(store)? {
        return Ok(true);
    }
    file.rewind()?;
    same_bytes(&mut File::open(candidate)?, file, metadata.len())
}

fn same_bytes(one: &mut impl Read, other: &mut impl Read, length: u64) -> io::Result<bool> {
    const CHUNK: u64 = 64 << 10;
    let mut left = length;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    while left > 0 {
        ours.clear();
        theirs.clear();
        let read = one.take(CHUNK).read_to_end(&mut ours)?;
        other.take(CHUNK).read_to_end(&mut theirs)?;
        if read == 0 || ours != theirs {
            return Ok(false);
        }
        left -= left.min(read as u64);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_hard_links_one_copy_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("meta.db");
        let bytes = b"row".repeat(50_000);
        fs::write(&store, &bytes).unwrap();
        // A process that is killed while copying leaves this file.
        fs::write(dir.path().join("meta.kind.tmp"), &bytes[..100]).unwrap();
        let keep = || {
            let no_links = |_: &Path, _: &Path| Err(io::ErrorKind::Unsupported.into());
            keep_by(no_links, &store, &mut File::open(&store).unwrap(), "kind").unwrap()
        };
        let backup = keep();
        assert!(fs::read(&backup).unwrap() == bytes);
        assert_eq!(keep(), backup);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);

        fs::write(&store, b"other rows").unwrap();
        let other = keep();
        assert_ne!(other, backup);
        assert_eq!(fs::read(other).unwrap(), b"other rows");
    }
}
