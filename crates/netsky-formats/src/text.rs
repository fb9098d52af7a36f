//! CSV, TSV and Markdown: one text per value, row by row.

use std::fmt::Write as _;
use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use crate::answer::{Answer, Batches};
use crate::csv;
use crate::error::Result;
use crate::values::{ValueStyle, is_null};

pub fn write_csv(answer: Answer<impl Batches>, mut out: impl Write) -> Result<()> {
    csv::write_record(names(&answer.schema).map(Some), &mut out)?;
    for batch in answer.batches {
        for_each_row(&batch?, |cells| {
            Ok(csv::write_record(cells.iter().map(Cell::text), &mut out)?)
        })?;
    }
    Ok(out.flush()?)
}

/// A row is always one line, so that `cut` and `awk` work without parsing quotes.
pub fn write_tsv(answer: Answer<impl Batches>, mut out: impl Write) -> Result<()> {
    let names: Vec<String> = names(&answer.schema).map(escaped_for_tsv).collect();
    writeln!(out, "{}", names.join("\t"))?;
    for batch in answer.batches {
        for_each_row(&batch?, |cells| {
            for (at, cell) in cells.iter().enumerate() {
                let before = if at == 0 { "" } else { "\t" };
                let text = cell.text().unwrap_or_default();
                if text.contains(['\\', '\t', '\n', '\r']) {
                    write!(out, "{before}{}", escaped_for_tsv(text))?;
                } else {
                    write!(out, "{before}{text}")?;
                }
            }
            Ok(writeln!(out)?)
        })?;
    }
    Ok(())
}

fn escaped_for_tsv(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\t', "\\t");
    text.replace('\n', "\\n").replace('\r', "\\r")
}

pub fn write_markdown(answer: Answer<impl Batches>, mut out: impl Write) -> Result<()> {
    let escape =
        |text: &str| text.replace('|', "\\|").replace("\r\n", "<br>").replace(['\n', '\r'], "<br>");
    let fields = answer.schema.fields();
    let names: Vec<String> = names(&answer.schema).map(escape).collect();
    let rules: Vec<&str> =
        fields.iter().map(|f| if f.data_type().is_numeric() { "---:" } else { "---" }).collect();
    writeln!(out, "| {} |", names.join(" | "))?;
    writeln!(out, "| {} |", rules.join(" | "))?;
    for batch in answer.batches {
        for_each_row(&batch?, |cells| {
            let cells = cells.iter().map(|cell| escape(cell.text().unwrap_or_default()));
            let cells: Vec<String> = cells.collect();
            Ok(writeln!(out, "| {} |", cells.join(" | "))?)
        })?;
    }
    Ok(())
}

fn names(schema: &Schema) -> impl Iterator<Item = &str> {
    schema.fields().iter().map(|field| field.name().as_str())
}

/// The text of a value.
#[derive(Default)]
struct Cell {
    text: String,
    is_null: bool,
}

impl Cell {
    /// `None` if it is null.
    fn text(&self) -> Option<&str> {
        (!self.is_null).then_some(self.text.as_str())
    }
}

fn for_each_row(batch: &RecordBatch, mut write: impl FnMut(&[Cell]) -> Result<()>) -> Result<()> {
    let batch = netsky_db::times_as_text(batch)?;
    let columns = batch.columns().iter();
    let columns = columns.map(|column| Ok((ValueStyle::Exact.formatter(column)?, is_null(column))));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let mut cells: Vec<Cell> = columns.iter().map(|_| Cell::default()).collect();
    for row in 0..batch.num_rows() {
        for (cell, (formatter, is_null)) in cells.iter_mut().zip(&columns) {
            cell.text.clear();
            cell.is_null = is_null(row);
            if !cell.is_null {
                // Writing to a string cannot fail. A value that cannot be formatted contains the error as
                // text.
                let _ = write!(cell.text, "{}", formatter.value(row));
            }
        }
        write(&cells)?;
    }
    Ok(())
}
