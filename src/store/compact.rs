//! Compaction: returns free pages to the file system.

use std::fs;

use redb::CompactionError;

use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::handle::{WRITE_CACHE_BYTES, builder};
use crate::store::unwind;

/// The size of a store's file before and after compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compacted {
    /// The size before, in bytes.
    pub bytes_before: u64,
    /// The size after, in bytes.
    pub bytes_after: u64,
}

impl Store {
    /// Makes the file as small as its rows allow. No other process can read or write during
    /// compaction, and none may be reading when it begins.
    pub(crate) fn compact(&self) -> Result<Compacted> {
        self.refuse_damage()?;
        let tables = self.connection.tables();
        self.finish_imports(&tables)?;
        // Its snapshot would be in the way.
        self.sealer.wait();
        for table in &tables {
            self.seal(table)?;
            self.delete_stale_copies(table)?;
        }
        // Let a running write transaction end first: redb itself would wait for it without a
        // timeout.
        self.write(|_| Ok(()))?;
        unwind::guard(self.path(), || self.compact_alone())
    }

    fn compact_alone(&self) -> Result<Compacted> {
        let bytes_before = self.file_bytes()?;
        // redb needs a handle that is not shared. To the other handles of this process, it looks
        // like one of another process.
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
