//! Reads the values of a stored row without Arrow, for recording and maintenance. The decoder to
//! Arrow uses the same code, so both accept the same rows.

use crate::row::canonical::CanonicalRow;
use crate::row::object::{ObjectParser, Scalar, locate};
use crate::table::Table;

/// Reads some columns of rows one by one, and reuses its buffers.
#[derive(Debug)]
pub(crate) struct ValueReader {
    table: &'static Table,
    /// Reads nearly every row.
    canonical: CanonicalRow,
    /// Reads the others.
    parser: ObjectParser,
}

/// Receives the values of a row.
///
/// A trait and not a closure, because `value` has one type for rows that [`CanonicalRow`] reads and
/// another for rows that are parsed, and the compiler must know both types to inline them.
pub(crate) trait RowVisitor {
    /// Gets the wanted values from `value`, by the index of their column in [`Table::columns`].
    ///
    /// # Errors
    ///
    /// Those of `value`, which say why a value does not fit its column.
    fn visit<'v>(self, value: impl Fn(usize) -> Result<Scalar<'v>, String>) -> Result<(), String>;
}

impl ValueReader {
    /// Creates a reader of the columns with these indices in [`Table::columns`].
    pub(crate) fn new(table: &'static Table, columns: &[usize]) -> Self {
        let canonical = CanonicalRow::new(table, columns);
        Self { table, canonical, parser: ObjectParser::new() }
    }

    /// Passes the values of a row to the visitor, which may ask only for the reader's columns.
    ///
    /// # Errors
    ///
    /// What is wrong with the row.
    pub(crate) fn read(&mut self, json: &[u8], visitor: impl RowVisitor) -> Result<(), String> {
        match self.canonical.read(json) {
            Some(values) => visitor.visit(|index| Ok(values.get(index))),
            None => self.read_parsed(json, visitor),
        }
    }

    /// Like [`read`](Self::read), but always uses the parser.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub(super) fn read_parsed(
        &mut self,
        json: &[u8],
        visitor: impl RowVisitor,
    ) -> Result<(), String> {
        let table = self.table;
        self.parser.parse(json, |members| {
            let found = locate(table, members)?;
            visitor.visit(|index| Scalar::of(&table.columns()[index], found[index]))
        })
    }
}

/// Reads the times of rows one by one.
#[derive(Debug)]
pub(crate) struct TimeReader {
    reader: ValueReader,
    /// The index of the time column in the table's columns.
    column: usize,
}

impl TimeReader {
    /// Creates a reader; `None` if the table has no time column.
    pub(crate) fn new(table: &'static Table) -> Option<Self> {
        let column = table.time_index()?.checked_sub(1)?;
        Some(Self { reader: ValueReader::new(table, &[column]), column })
    }

    /// Returns the row's time, in nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// What is wrong with the row, if its time cannot be read. Other columns are not checked.
    pub(crate) fn read(&mut self, json: &[u8]) -> Result<i64, String> {
        let mut time = None;
        self.reader.read(json, TimeVisitor { column: self.column, time: &mut time })?;
        time.ok_or_else(|| "it has no time".to_owned())
    }
}

struct TimeVisitor<'a> {
    column: usize,
    time: &'a mut Option<i64>,
}

impl RowVisitor for TimeVisitor<'_> {
    fn visit<'v>(self, value: impl Fn(usize) -> Result<Scalar<'v>, String>) -> Result<(), String> {
        if let Scalar::Time(nanos) = value(self.column)? {
            *self.time = Some(nanos);
        }
        Ok(())
    }
}

/// Reads all columns of rows one by one, to find corrupt rows.
#[derive(Debug)]
pub(crate) struct RowChecker {
    reader: ValueReader,
    columns: usize,
}

impl RowChecker {
    pub(crate) fn new(table: &'static Table) -> Self {
        let columns = table.columns().len();
        let all: Vec<usize> = (0..columns).collect();
        Self { reader: ValueReader::new(table, &all), columns }
    }

    /// Checks that all columns of the row can be read.
    ///
    /// # Errors
    ///
    /// What is wrong, and where in the row's JSON.
    pub(crate) fn check(&mut self, json: &[u8]) -> Result<(), String> {
        self.reader.read(json, AllColumns(self.columns))
    }
}

struct AllColumns(usize);

impl RowVisitor for AllColumns {
    fn visit<'v>(self, value: impl Fn(usize) -> Result<Scalar<'v>, String>) -> Result<(), String> {
        (0..self.0).try_for_each(|index| value(index).map(|_| ()))
    }
}
