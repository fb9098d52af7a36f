//! Files whose creation as a store was interrupted.
//!
//! redb creates a database in steps: it sets the file's length, writes the header without the magic
//! number, syncs, and writes the header with it. If the process is killed in between, the disk is
//! full or the power fails, redb refuses the file from then on. Nothing was ever stored in such a
//! file, so this module empties it, and redb creates the database again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use redb::DatabaseError;

use crate::store::exclusive_lock;
use crate::store::file::{FileId, REDB_MAGIC, redb_file_bytes};

/// The length of a new redb database. redb sets it before it writes anything.
const NEW_FILE_BYTES: u64 = 73_728;
/// The end of the first page, which holds the header. redb writes the other pages after the magic
/// number.
const HEADER_PAGE_BYTES: usize = 4_096;

/// Empties the file if its creation was interrupted. `file` is the file at `path`, open for
/// writing.
pub(super) fn clear_unfinished(path: &Path, file: &File) -> Result<(), DatabaseError> {
    if !is_unfinished(file)? {
        return Ok(());
    }
    // If the lock is held, another process is creating the database right now, and opening the file
    // waits for it.
    let Some(_lock) = exclusive_lock::try_lock(file.try_clone()?)? else { return Ok(()) };
    // The file may have been completed, replaced or deleted before the lock was acquired.
    let is_at_path = FileId::of(path).ok() == Some(FileId::of_open(file, path)?);
    if is_at_path && is_unfinished(file)? {
        file.set_len(0)?;
    }
    Ok(())
}

/// Whether the file is as redb leaves it before it writes the magic number.
pub(super) fn is_unfinished(mut file: &File) -> io::Result<bool> {
    if file.metadata()?.len() != NEW_FILE_BYTES {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(NEW_FILE_BYTES).read_to_end(&mut bytes)?;
    let Some((header, pages)) = bytes.split_at_checked(HEADER_PAGE_BYTES) else { return Ok(false) };
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    // Without its magic number, the header still states the file's length like any other. That
    // distinguishes it from another program's file.
    Ok(is_zero(&header[..REDB_MAGIC.len()])
        && is_zero(pages)
        && (is_zero(header) || redb_file_bytes(header) == Some(NEW_FILE_BYTES)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use redb::{Builder, ConcurrencyMode};
    use tempfile::TempDir;

    use super::*;

    /// Returns a database as a process leaves it that is killed right after creating it.
    fn new_database() -> (TempDir, PathBuf, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.db");
        let mut builder = Builder::new();
        let db = builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).create(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        drop(db);
        (dir, path, bytes)
    }

    fn cleared(path: &Path, bytes: &[u8]) -> bool {
        fs::write(path, bytes).unwrap();
        let file = File::options().read(true).write(true).open(path).unwrap();
        clear_unfinished(path, &file).unwrap();
        let left = fs::read(path).unwrap();
        assert!(left.is_empty() || left == bytes);
        left.is_empty()
    }

    #[test]
    fn a_header_without_magic_is_unfinished() {
        let (_dir, path, bytes) = new_database();
        assert_eq!(bytes.len() as u64, NEW_FILE_BYTES);
        assert!(!cleared(&path, &bytes), "a database");
        let mut unfinished = bytes.clone();
        unfinished[..REDB_MAGIC.len()].fill(0);
        assert!(cleared(&path, &unfinished));
        assert!(cleared(&path, &vec![0; bytes.len()]), "before the header");
    }

    #[test]
    fn other_files_of_zeros_are_not_unfinished() {
        let (_dir, path, bytes) = new_database();
        let mut other = vec![0; bytes.len()];
        other[100] = 7;
        assert!(!cleared(&path, &other), "another program's header");
        let mut rows = bytes.clone();
        rows[..REDB_MAGIC.len()].fill(0);
        rows[HEADER_PAGE_BYTES] = 1;
        assert!(!cleared(&path, &rows), "something is in its pages");
        assert!(!cleared(&path, &[0; 4_096]), "another length");
    }

    #[test]
    fn files_being_created_are_left_alone() {
        let (_dir, path, bytes) = new_database();
        fs::write(&path, vec![0; bytes.len()]).unwrap();
        let open = || File::options().read(true).write(true).open(&path).unwrap();
        let held = exclusive_lock::try_lock(open()).unwrap();
        clear_unfinished(&path, &open()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), NEW_FILE_BYTES);
        drop(held);
        clear_unfinished(&path, &open()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }
}
