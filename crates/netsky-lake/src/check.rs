//! Comparing all files of a lake with their checksums.

use std::sync::Arc;

use futures::StreamExt;
use object_store::ObjectMeta;

use crate::checked_file::CheckedFile;
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::listing::all_files;
use crate::place::wait;

/// How many files are read at once.
const AT_ONCE: usize = 8;

/// What a check has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LakeChecked {
    /// The number of files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// The number of files without checksums, of which only the metadata was read. Other programs have written them.
    pub without_checksums: u64,
    /// The files that are not what was written, in the order of their names.
    pub damaged: Vec<DamagedFile>,
}

/// A file that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct DamagedFile {
    /// Its path from the lake's directory.
    pub file: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Lake {
    /// Reads all files of the machines of [`of_machines`](Self::of_machines), or of all, and compares them with their
    /// checksums. `on_bytes` is called with the size of each file that was read.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] and [`Error::ForeignFile`]. Damaged files are no error.
    pub fn check(&self, on_bytes: impl Fn(u64) + Sync) -> Result<LakeChecked> {
        wait(async {
            let mut checked = LakeChecked::default();
            for table in self.db().tables() {
                let files = all_files(self.place(), table.name(), &self.wanted()).await?;
                let mut files = futures::stream::iter(files)
                    .map(|file| self.check_file(file.meta))
                    .buffer_unordered(AT_ONCE);
                while let Some((bytes, found)) = files.next().await {
                    (checked.files, checked.bytes) = (checked.files + 1, checked.bytes + bytes);
                    on_bytes(bytes);
                    match found {
                        Ok(true) => {}
                        Ok(false) => checked.without_checksums += 1,
                        Err(Error::Damaged { file, reason }) => {
                            checked.damaged.push(DamagedFile { file, reason });
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            checked.damaged.sort();
            Ok(checked)
        })
    }

    async fn check_file(&self, file: ObjectMeta) -> (u64, Result<bool>) {
        let size = file.size;
        (size, CheckedFile::new(Arc::clone(self.place().store()), file).check().await)
    }
}
