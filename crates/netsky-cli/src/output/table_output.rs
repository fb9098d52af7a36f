//! How commands print their own tables and reports.

use std::io;
use std::iter::once;

use arrow::array::RecordBatch;
use netsky_formats::write_object;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{self, Answer, Format};

/// The options of a command that prints a table.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct TableOutput {
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Print one JSON object with the columns and the rows, or with the error
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// The option of a command that prints what it did or found.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct ReportOutput {
    /// Print one JSON object with the result, or with the error
    #[arg(long)]
    pub json: bool,
}

impl TableOutput {
    /// Whether a person reads the table, so that numbers and times can be shortened.
    pub fn is_for_people(&self) -> bool {
        !self.json && matches!(self.format, Format::Table | Format::MARKDOWN)
    }

    /// Whether the output is a table, which only people read.
    pub fn is_table(&self) -> bool {
        !self.json && self.format == Format::Table
    }

    /// Prints all of a batch that the command built itself.
    pub fn print(&self, batch: RecordBatch) -> Result<(), Failure> {
        if !self.json {
            return output::print_batch(self.format, batch);
        }
        let answer = Answer { schema: batch.schema(), batches: once(Ok(batch)) };
        output::print_object(answer, || json!({"truncated": false})).map(|_| ())
    }
}

/// A batch as the object that `--json` prints, for a command that fails after it has read its rows.
pub fn batch_object(batch: RecordBatch) -> Result<Value, Failure> {
    let mut object = Vec::new();
    let answer = Answer { schema: batch.schema(), batches: once(Ok(batch)) };
    write_object(answer, || json!({"truncated": false}), &mut object)?;
    serde_json::from_slice(&object).map_err(|error| Failure::from(io::Error::from(error)))
}

impl From<Format> for TableOutput {
    fn from(format: Format) -> Self {
        Self { format, json: false }
    }
}
