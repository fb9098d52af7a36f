//! Encodes stored rows again, to compare them with rows that are to be stored.

use crate::row::encode::{EncodedRow, Unstorable};
use crate::row::object::Scalar;
use crate::row::values::{RowVisitor, ValueReader};
use crate::table::Table;

/// Encodes stored rows without their ids, in the form that an import of them would store. Rows of other
/// programs and of older versions of a table may be stored in another form.
#[derive(Debug)]
pub(crate) struct RowNormalizer {
    table: &'static Table,
    reader: ValueReader,
    row: EncodedRow,
}

impl RowNormalizer {
    pub(crate) fn new(table: &'static Table) -> Self {
        let all: Vec<usize> = (0..table.columns().len()).collect();
        Self { table, reader: ValueReader::new(table, &all), row: EncodedRow::default() }
    }

    /// Returns the row without its id; `None` if it is corrupt or cannot be stored again, so that no row
    /// to be stored is equal to it.
    pub(crate) fn encode(&mut self, json: &[u8]) -> Option<&EncodedRow> {
        let visitor = Encoder { table: self.table, row: &mut self.row };
        self.reader.read(json, visitor).ok()?;
        Some(&self.row)
    }
}

struct Encoder<'a> {
    table: &'static Table,
    row: &'a mut EncodedRow,
}

impl RowVisitor for Encoder<'_> {
    fn visit<'v>(self, value: impl Fn(usize) -> Result<Scalar<'v>, String>) -> Result<(), String> {
        let values = (0..self.table.columns().len()).map(|index| value(index).map(Into::into));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        self.row.encode(self.table, values).map_err(|Unstorable { reason, .. }| reason)
    }
}
