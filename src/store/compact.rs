//! Free pages given back to the file system.

use std::fs;

use redb::CompactionError;

use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::handle::{WRITE_CACHE_BYTES, builder};
use crate::store::unwind;

/// The size of a store's file, before and after it was made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compacted {
    /// The size before.
    pub bytes_before: u64,
    /// The size after.
    pub bytes_after: u64,
}

impl Store {
    /// Makes the file as small as its rows allow. Nobody can read or write meanwhile, and nobody may
    /// when it begins.
    pub(crate) fn compact(&self) -> Result<Compacted> {
        self.refuse_damage()?;
        self.finish_imports(&self.connection.tables())?;
        // Whoever writes now may end; redb itself would wait without a bound.
        self.write(|_| Ok(()))?;
        unwind::guard(self.path(), || self.compact_alone())
    }

    fn compact_alone(&self) -> Result<Compacted> {
        let bytes_before = self.file_bytes()?;
        // redb wants a handle that nobody shares. It is to the others as another process's.
        let failed = |error: redb::Error| Error::Storage(Box::new(error));
        let mut db = builder(WRITE_CACHE_BYTES, self.connection.options())
            .open(self.path())
            .map_err(|error| failed(redb::Error::from(error)))?;
        match db.compact() {
            Ok(_) => {}
            Err(CompactionError::TransactionInProgress) => {
                return Err(Error::InUse { path: self.path().to_owned() });
            }
            Err(error) => return Err(failed(redb::Error::from(error))),
        }
        db.close().map_err(|error| failed(redb::Error::from(error)))?;
        Ok(Compacted { bytes_before, bytes_after: self.file_bytes()? })
    }

    pub(super) fn file_bytes(&self) -> Result<u64> {
        Ok(fs::metadata(self.path()).map_err(Error::io("look at", self.path()))?.len())
    }
}
