//! A table for pipes and files: complete, one line per row, numbers aligned to the right.
//!
//! It is written by hand because the table of Arrow pads every cell to the longest value of its column: one
//! long text in a column made each row as long, which costs a program that pays for what it reads.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use unicode_width::UnicodeWidthStr;

use crate::failure::Failure;
use crate::human;
use crate::output::visible::visible;
use crate::time_zone;
use netsky_formats::{ValueStyle, is_null};

/// Cells are padded to at most this width. A longer value is printed in full, and moves the rest of its
/// line.
const MAX_PADDING: usize = 60;

/// The lines other than rows and names.
const RULES: usize = 3;

/// The columns of a table, as wide as the rows that it was given need.
#[derive(Debug)]
pub struct AsciiTable {
    names: Vec<String>,
    is_number: Vec<bool>,
    size: Size,
}

#[derive(Debug, Clone)]
struct Size {
    /// The width of each column.
    widths: Vec<usize>,
    /// The rows and the names.
    lines: usize,
    /// The bytes of the cells beyond the width of their columns.
    surplus: usize,
}

impl AsciiTable {
    pub fn new(schema: &Schema) -> Self {
        let names: Vec<String> =
            schema.fields().iter().map(|field| visible(field.name()).into_owned()).collect();
        let is_number = schema.fields().iter().map(|field| is_number(field)).collect();
        let mut size = Size { widths: vec![0; names.len()], lines: 0, surplus: 0 };
        size.add(&names);
        Self { names, is_number, size }
    }

    /// Widens the columns for the rows.
    pub fn fit(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        for_each_row(batch, |cells| {
            self.size.add(cells);
            Ok(())
        })
    }

    /// Widens the columns for as many rows as fit into a table of this many bytes, and returns their number.
    pub fn fit_within(&mut self, batch: &RecordBatch, max_bytes: u64) -> Result<usize, Failure> {
        let (mut fitting, mut is_full) = (0, false);
        for_each_row(batch, |cells| {
            if !is_full {
                let mut with_row = self.size.clone();
                with_row.add(cells);
                is_full = with_row.bytes() > max_bytes;
                if !is_full {
                    self.size = with_row;
                    fitting += 1;
                }
            }
            Ok(())
        })?;
        Ok(fitting)
    }

    pub fn write_header(&self, out: &mut impl Write) -> Result<(), Failure> {
        self.write_rule(out)?;
        self.write_line(&self.names, out)?;
        self.write_rule(out)
    }

    pub fn write_rows(&self, batch: &RecordBatch, out: &mut impl Write) -> Result<(), Failure> {
        for_each_row(batch, |cells| self.write_line(cells, out))
    }

    pub fn write_rule(&self, out: &mut impl Write) -> Result<(), Failure> {
        let rule: String =
            self.size.widths.iter().map(|width| "-".repeat(width + 2) + "+").collect();
        Ok(writeln!(out, "+{rule}")?)
    }

    fn write_line(&self, cells: &[String], out: &mut impl Write) -> Result<(), Failure> {
        let mut line = String::from("|");
        for ((cell, width), is_number) in cells.iter().zip(&self.size.widths).zip(&self.is_number) {
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            match is_number {
                true => line.extend([" ", &padding, cell, " |"]),
                false => line.extend([" ", cell, &padding, " |"]),
            }
        }
        Ok(writeln!(out, "{line}")?)
    }
}

impl Size {
    fn add(&mut self, cells: &[String]) {
        self.lines += 1;
        for (width, cell) in self.widths.iter_mut().zip(cells) {
            let padded = cell.width().min(MAX_PADDING);
            *width = padded.max(*width);
            self.surplus += cell.len().saturating_sub(padded);
        }
    }

    /// The bytes of the whole table.
    fn bytes(&self) -> u64 {
        let line = self.widths.iter().map(|width| width + 3).sum::<usize>() + 2;
        (line * (RULES + self.lines) + self.surplus) as u64
    }
}

fn is_number(field: &Field) -> bool {
    field.data_type().is_numeric()
        || human::is_number(field)
        || matches!(field.data_type(), DataType::Duration(_) | DataType::Interval(_))
}

/// Nulls are empty.
fn for_each_row(
    batch: &RecordBatch,
    mut row: impl FnMut(&[String]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let batch = time_zone::shown()?.times_as_text(batch)?;
    let columns = batch.columns().iter();
    let columns = columns.map(|column| Ok((ValueStyle::Exact.formatter(column)?, is_null(column))));
    let columns = columns.collect::<Result<Vec<_>, Failure>>()?;
    let mut cells = vec![String::new(); columns.len()];
    for at in 0..batch.num_rows() {
        for (cell, (formatter, is_null)) in cells.iter_mut().zip(&columns) {
            cell.clear();
            if !is_null(at) {
                // Writing to a string cannot fail.
                let _ = write!(cell, "{}", formatter.value(at));
                if let Cow::Owned(shown) = visible(cell) {
                    *cell = shown;
                }
            }
        }
        row(&cells)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, StringArray};

    use super::*;

    fn batch(texts: &[Option<&str>], numbers: &[f64]) -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] = [
            ("text", Arc::new(StringArray::from(texts.to_vec()))),
            ("number", Arc::new(Float64Array::from(numbers.to_vec()))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn printed(table: &AsciiTable, batch: &RecordBatch) -> String {
        let mut out = Vec::new();
        table.write_header(&mut out).unwrap();
        table.write_rows(batch, &mut out).unwrap();
        table.write_rule(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_right_and_a_long_value_widens_no_other_row() {
        let long = "x".repeat(500);
        let batch = batch(&[Some("日本\n"), None, Some(&long)], &[1.5, 123.0, 0.0]);
        let mut table = AsciiTable::new(&batch.schema());
        table.fit(&batch).unwrap();
        let printed = printed(&table, &batch);
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines[0], format!("+-{}-+--------+", "-".repeat(60)));
        assert_eq!(lines[1], format!("| text{} | number |", " ".repeat(56)));
        assert_eq!(lines[3], format!("| 日本\\n{} |    1.5 |", " ".repeat(54)));
        assert_eq!(lines[4], format!("| {} |  123.0 |", " ".repeat(60)));
        assert_eq!(lines[5], format!("| {long} |    0.0 |"));
        assert_eq!((lines[6], lines.len()), (lines[0], 7));
    }

    #[test]
    fn the_size_is_known_before_the_table_is_printed() {
        let long = "x".repeat(500);
        let batch = batch(&[Some("日本"), None, Some(&long), Some("y")], &[1.5, 123.0, 0.0, 1e300]);
        for max_bytes in [0, 60, 100, 150, 1_000, 1_500, 10_000] {
            let mut table = AsciiTable::new(&batch.schema());
            let fitting = table.fit_within(&batch, max_bytes).unwrap();
            let printed = printed(&table, &batch.slice(0, fitting)).len() as u64;
            assert_eq!(printed, table.size.bytes());
            assert!(fitting == 0 || printed <= max_bytes, "{printed} of {max_bytes}");
            if fitting < batch.num_rows() {
                table.fit(&batch.slice(fitting, 1)).unwrap();
                assert!(table.size.bytes() > max_bytes);
            }
        }
    }
}
