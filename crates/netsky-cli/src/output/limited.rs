//! The beginning of an answer, up to a number of rows or bytes.

use std::cell::Cell;
use std::io::{self, Write};
use std::iter::once;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use netsky_formats::{Answer, Batches};

use crate::failure::Failure;
use crate::output::ascii_table::AsciiTable;
use crate::output::{Format, write};

/// The limits of a printed answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    pub max_rows: Option<u64>,
    /// Only whole rows are printed, so the output can be shorter.
    pub max_bytes: Option<u64>,
}

/// The batches of an answer, up to its limits.
pub struct Limited<'a, B> {
    batches: B,
    rows_left: u64,
    room: Option<Room>,
    /// Set if the answer has more rows. Those who print the answer own this, so it is shared.
    is_truncated: &'a Cell<bool>,
}

impl<'a, B: Batches> Limited<'a, B> {
    /// `around` is the size of what is printed besides the output of the format.
    pub fn new(
        Answer { schema, batches }: Answer<B>,
        limits: Limits,
        format: Format,
        around: u64,
        is_truncated: &'a Cell<bool>,
    ) -> Result<Answer<Self>, Failure> {
        let room = match limits.max_bytes {
            Some(bytes) => Some(Room::new(format, &schema, bytes.saturating_sub(around))?),
            None => None,
        };
        let rows_left = limits.max_rows.unwrap_or(u64::MAX);
        Ok(Answer { schema, batches: Self { batches, rows_left, room, is_truncated } })
    }

    fn fitting(&mut self, batch: &RecordBatch) -> Result<usize, Failure> {
        let rows = usize::try_from(self.rows_left).unwrap_or(usize::MAX).min(batch.num_rows());
        match &mut self.room {
            Some(room) => room.take(&batch.slice(0, rows)),
            None => Ok(rows),
        }
    }
}

impl<B: Batches> Iterator for Limited<'_, B> {
    type Item = netsky_db::Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_truncated.get() {
            return None;
        }
        // Even if no row may be printed any more, to learn whether there are some.
        let batch = match self.batches.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error)),
        };
        // If the rows cannot be measured, they cannot be printed either, which then fails.
        let Ok(fitting) = self.fitting(&batch) else { return Some(Ok(batch)) };
        self.rows_left -= fitting as u64;
        self.is_truncated.set(fitting < batch.num_rows());
        Some(Ok(batch.slice(0, fitting)))
    }
}

/// The bytes that are left for rows.
enum Room {
    /// The size of a table depends on all of its rows.
    Table(AsciiTable, u64),
    Rows {
        format: Format,
        /// The size of an answer without rows.
        empty: u64,
        left: u64,
    },
}

impl Room {
    fn new(format: Format, schema: &SchemaRef, bytes: u64) -> Result<Self, Failure> {
        if format == Format::Table {
            return Ok(Self::Table(AsciiTable::new(schema), bytes));
        }
        let empty = size(format, &RecordBatch::new_empty(schema.clone()))?;
        Ok(Self::Rows { format, empty, left: bytes.saturating_sub(empty) })
    }

    /// Takes the room of as many rows as fit, and returns their number.
    fn take(&mut self, batch: &RecordBatch) -> Result<usize, Failure> {
        let (format, empty, left) = match self {
            Self::Table(table, bytes) => return table.fit_within(batch, *bytes),
            Self::Rows { format, empty, left } => (*format, *empty, left),
        };
        // One more for the comma that JSON has between batches.
        let taken = |rows: usize| -> Result<u64, Failure> {
            Ok(size(format, &batch.slice(0, rows))?.saturating_sub(empty) + 1)
        };
        let all = taken(batch.num_rows())?;
        if all <= *left {
            *left -= all;
            return Ok(batch.num_rows());
        }
        let (mut fitting, mut too_many) = (0, batch.num_rows());
        while fitting + 1 < too_many {
            let middle = fitting.midpoint(too_many);
            if taken(middle)? <= *left { fitting = middle } else { too_many = middle }
        }
        *left = 0;
        Ok(fitting)
    }
}

/// The size of rows that are printed for a pipe.
fn size(format: Format, batch: &RecordBatch) -> Result<u64, Failure> {
    let mut out = CountingSink(0);
    write(format, Answer { schema: batch.schema(), batches: once(Ok(batch.clone())) }, &mut out)?;
    Ok(out.0)
}

/// Counts the bytes that are written into it.
pub struct CountingSink(pub u64);

impl Write for CountingSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
