//! Rows in bulk: an appender for any form of rows, and NDJSON by name.

use std::io::BufRead;
use std::ops::Range;

use crate::appender::Appender;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::row_location::RowLocation;

/// What [`Db::import_valid`](crate::Db::import_valid) did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The ids that the imported rows got.
    pub ids: Range<i64>,
    /// How many lines were left out.
    pub skipped: u64,
}

/// Recording in bulk.
impl Db {
    /// An appender of the named table: it takes rows as values, records, JSON and Arrow batches, and stores
    /// all of them or none. See [`Appender`].
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`] and [`Error::ReadOnlyStore`].
    pub fn appender(&self, table: &str) -> Result<Appender> {
        Appender::new(self.store().clone(), self.find_table(table)?)
    }

    /// Records the rows of an NDJSON source as [`record_all`](Self::record_all) does, all or none, and
    /// returns their ids.
    ///
    /// A line is a JSON object with the table's columns as keys. Keys of nullable columns may be
    /// left out; keys that are not columns are refused. Rows get fresh ids: if each has an `id` of its
    /// own, in the order of those, else in the order of the lines. Empty lines are passed over. A line
    /// may have 64 MiB.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`]; [`Error::InvalidLine`] at the first line that is not a row of the table;
    /// [`Error::SourceUnreadable`] if the source cannot be read; [`Error::ReadOnlyStore`]; [`Error::Io`];
    /// [`Error::Storage`].
    pub fn import(&self, table: &str, lines: impl BufRead) -> Result<Range<i64>> {
        let mut appender = self.appender(table)?;
        appender.push_lines(lines).map_err(invalid_line)?;
        appender.commit()
    }

    /// As [`import`](Self::import), but leaves out the lines that are not rows of the table.
    /// `on_invalid` gets each one's number, counted from 1, and what is wrong with it.
    ///
    /// # Errors
    ///
    /// Those of `import`; [`Error::InvalidLine`] only for a line that is too long.
    pub fn import_valid(
        &self,
        table: &str,
        lines: impl BufRead,
        mut on_invalid: impl FnMut(u64, &str),
    ) -> Result<Imported> {
        let mut appender = self.appender(table)?;
        let mut skipped = 0;
        let skip = |location: &RowLocation, reason: &str| {
            skipped += 1;
            on_invalid(location.number, reason);
        };
        appender.push_valid_lines(lines, skip).map_err(invalid_line)?;
        Ok(Imported { ids: appender.commit()?, skipped })
    }
}

/// The error of an import, which has one source only.
fn invalid_line(error: Error) -> Error {
    match error {
        Error::RejectedRow { location, reason } => {
            Error::InvalidLine { line: location.number, reason }
        }
        error => error,
    }
}
