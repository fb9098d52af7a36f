//! What a store needs now and then.

use crate::db::Db;
use crate::error::Result;
use crate::store::CheckReport;

/// Care of the store.
impl Db {
    /// Checks the whole store, and changes nothing in it:
    ///
    /// - each page of the file that the last commit reaches, against its checksum;
    /// - each row of each table of [`tables`](Self::tables): whether all of its columns can be read;
    /// - what is noted of each block of rows (its zone: their number, and the span of their times)
    ///   against the rows. Zones may lack what another program has just written;
    /// - the ids: whether none that a row has is still to be given out.
    ///
    /// Others may record and query meanwhile. The rows are those of one moment. If a page is damaged
    /// no row is looked at, and if commits keep coming while there seems to be one, writers have to
    /// wait for the last look at the pages.
    ///
    /// It does not look at what is no part of the last commit: free pages, and redb's list of them,
    /// which redb makes anew after a crash. Nor at tables that this `Db` does not know.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) and [`Error::Storage`](crate::Error::Storage) if the file
    /// cannot be read. What is wrong with its content is no error, but stands in the report.
    pub fn check(&self) -> Result<CheckReport> {
        self.store().check(self.tables())
    }
}
