//! The temporary files of queries that exceed their memory limit.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::error::Result;
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::{SpillFile, TempFileFactory};
use tempfile::TempDir;

use crate::temp_files::TempFileGuard;

/// Creates the files that queries spill to.
///
/// The first of them creates their directory, which only its owner can enter. DataFusion's own
/// directories let others see the names and sizes of the files.
#[derive(Default)]
pub(super) struct Spills(Mutex<Option<SpillDir>>);

struct SpillDir {
    files: Arc<DiskManager>,
    _dir: TempDir,
    _watched: TempFileGuard,
}

impl SpillDir {
    fn new() -> Result<Self> {
        let (dir, watched) = TempFileGuard::create(private_dir)?;
        let mode = DiskManagerMode::Directories(vec![dir.path().to_owned()]);
        let files = Arc::new(DiskManagerBuilder::default().with_mode(mode).build()?);
        Ok(Self { files, _dir: dir, _watched: watched })
    }
}

fn private_dir() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".netsky-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

impl TempFileFactory for Spills {
    fn create_temp_file(&self, description: &str) -> Result<Arc<dyn SpillFile>> {
        let mut dir = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = match &mut *dir {
            Some(dir) => dir,
            none => none.insert(SpillDir::new()?),
        };
        dir.files.create_tmp_file(description)
    }
}

impl fmt::Debug for Spills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spills").finish_non_exhaustive()
    }
}
