//! A change of a settings file: shown, then made.

use std::fs::{self, File, Metadata, Permissions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use netsky_db::internal::{TempFileGuard, create_private_dir, sync_dir};
use similar::TextDiff;
use tempfile::{Builder, NamedTempFile};

use super::backup;
use super::error::HookError;
use super::settings_file;

/// A planned change of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file, which is not a link.
    pub path: PathBuf,
    /// The text that the file must have; `None` if it must not exist.
    pub before: Option<String>,
    /// The text that it gets.
    pub after: String,
}

impl Change {
    /// The change as a unified diff, without colours. Names and values can contain any characters.
    #[must_use]
    pub fn diff(&self) -> String {
        let before = self.before.as_deref().unwrap_or_default();
        let diff = TextDiff::from_lines(before, self.after.as_str());
        let path = self.path.display().to_string();
        let old = if self.before.is_some() { path.as_str() } else { "/dev/null" };
        diff.unified_diff().header(old, &path).to_string()
    }

    /// Makes the change, and returns the backup of the old file if there was one.
    ///
    /// The backup is beside the file, only its owner can read it, and the last five are kept. The new file
    /// has the permissions and owner of the old one. A reader finds the old text or the new one, never a
    /// part.
    ///
    /// # Errors
    ///
    /// The file is read-only, cannot be written, or no longer has the text that the change was planned for;
    /// then it stays as it is. [`HookError::NotKept`] if another program wrote it at the same time.
    pub fn apply(&self) -> Result<Option<PathBuf>, HookError> {
        let path = &self.path;
        let unwritable = |source| HookError::Unwritable { path: path.clone(), source };
        let dir = path.parent().unwrap_or(Path::new("."));
        let _lock = self.lock()?;
        self.check_unchanged()?;
        let old = match &self.before {
            Some(_) => Some(fs::metadata(path).map_err(unwritable)?),
            None => {
                // Its agent may not have created it yet.
                create_private_dir(dir).map_err(unwritable)?;
                None
            }
        };
        if old.as_ref().is_some_and(|old| old.permissions().readonly()) {
            return Err(HookError::ReadOnly { path: path.clone() });
        }
        let in_dir = |source| HookError::Unwritable { path: dir.to_owned(), source };
        let (file, _watched) = TempFileGuard::create(|| {
            Builder::new().prefix(".netsky-").suffix(".part").tempfile_in(dir)
        })
        .map_err(in_dir)?;
        fill(&file, self.after.as_bytes(), old.as_ref()).map_err(unwritable)?;
        let backup = match &self.before {
            Some(before) => Some(backup::create(path, before).map_err(in_dir)?),
            None => None,
        };
        if let Err(error) = self.put_in_place(file) {
            // The file is as it was, so nobody needs its backup.
            drop(backup.map(fs::remove_file));
            return Err(error);
        }
        sync_dir(dir).map_err(unwritable)?;
        if settings_file::read(path)?.as_ref() != Some(&self.after) {
            return Err(HookError::NotKept { path: path.clone() });
        }
        if let Some(backup) = &backup {
            backup::prune(path, backup);
        }
        Ok(backup)
    }

    /// Keeps other netskys from replacing the file between the last look at it and the renaming. One that
    /// waited would find the file changed, so none waits. File systems without locks have none.
    fn lock(&self) -> Result<Option<File>, HookError> {
        let Ok(file) = File::open(&self.path) else { return Ok(None) };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(HookError::Changed { path: self.path.clone() }),
            _ => Ok(Some(file)),
        }
    }

    fn put_in_place(&self, file: NamedTempFile) -> Result<(), HookError> {
        // Again, because making a file and a backup durable takes a while.
        self.check_unchanged()?;
        let placed = match self.before {
            Some(_) => file.persist(&self.path),
            None => file.persist_noclobber(&self.path),
        };
        placed.map(drop).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => HookError::Changed { path: self.path.clone() },
            _ => HookError::Unwritable { path: self.path.clone(), source: error.error },
        })
    }

    fn check_unchanged(&self) -> Result<(), HookError> {
        match settings_file::read(&self.path)? == self.before {
            true => Ok(()),
            false => Err(HookError::Changed { path: self.path.clone() }),
        }
    }
}

/// Writes the text with the permissions and owner of the old file, and makes it durable.
fn fill(file: &NamedTempFile, text: &[u8], old: Option<&Metadata>) -> io::Result<()> {
    let mut out = file.as_file();
    out.write_all(text)?;
    if let Some(old) = old {
        keep_owner(file.path(), old)?;
        let permissions: Permissions = old.permissions();
        fs::set_permissions(file.path(), permissions)?;
    }
    out.sync_all()
}

/// Otherwise, settings that root changes would belong to root, and the user could not change them.
#[cfg(unix)]
fn keep_owner(path: &Path, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let new = fs::metadata(path)?;
    match (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        true => Ok(()),
        false => chown(path, Some(old.uid()), Some(old.gid())),
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &Metadata) -> io::Result<()> {
    Ok(())
}
