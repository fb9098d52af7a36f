//! A table as text, for commands that draw it themselves.

use std::iter::once;

use arrow::array::RecordBatch;

use crate::failure::Failure;
use crate::output::screen::Screen;
use crate::output::table::Layout;
use crate::output::vertical::Vertical;
use crate::output::{Answer, Format, write};

/// The width of the terminal; `None` if standard output is not a terminal.
pub fn screen_columns() -> Option<usize> {
    Screen::of_stdout().map(|screen| screen.columns)
}

/// A batch as the table of a terminal of this width, or of a pipe. Nulls are empty text.
pub fn table_text(batch: RecordBatch, columns: Option<usize>) -> Result<String, Failure> {
    let mut text = Vec::new();
    let schema = batch.schema();
    let Some(columns) = columns else {
        write(Format::Table, Answer { schema, batches: once(Ok(batch)) }, &mut text)?;
        return Ok(String::from_utf8_lossy(&text).into_owned());
    };
    match Layout::fit(&schema, std::slice::from_ref(&batch), "", columns)? {
        Some(layout) => {
            layout.write_header(&mut text)?;
            layout.write_rows(&[batch], &mut text)?;
        }
        None => Vertical::new(&schema, "", Some(columns)).write(&batch, &mut text)?,
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}
