//! Recording in bulk: appenders, and imports of NDJSON.

use std::io::BufRead;
use std::ops::Range;

use crate::appender::Appender;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::row_location::RowLocation;

/// The result of [`Db::import_valid`](crate::Db::import_valid).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The ids of the imported rows.
    pub ids: Range<i64>,
    /// The number of lines that were left out.
    pub skipped: u64,
}

/// Recording in bulk.
impl Db {
    /// Creates an appender for the named table. It takes rows as values, records, JSON and Arrow
    /// batches, and stores all of them or none. See [`Appender`].
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`] and [`Error::ReadOnlyStore`].
    pub fn appender(&self, table: &str) -> Result<Appender> {
        Appender::new(self.store()?.clone(), self.find_table(table)?)
    }

    /// Records the rows of an NDJSON source, all or none like [`record_all`](Self::record_all), and
    /// returns their ids.
    ///
    /// Each line is a JSON object with the table's columns as keys. Keys of nullable columns may be
    /// left out; keys that are not columns are refused, except `id`. Rows get new ids: in the order
    /// of their `id`s if every row has a different one, else in the order of the lines. Empty lines
    /// are skipped. The limit on a line is 64 MiB.
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

    /// Like [`import`](Self::import), but leaves out the lines that are not rows of the table.
    /// `on_invalid` gets the number of each of them, counted from 1, and what is wrong with it.
    ///
    /// # Errors
    ///
    /// Those of `import`, but [`Error::InvalidLine`] only for a line that is too long.
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

/// Converts the error of an import, which has only one source.
fn invalid_line(error: Error) -> Error {
    match error {
        Error::RejectedRow { location, reason } => {
            Error::InvalidLine { line: location.number, reason }
        }
        error => error,
    }
}
