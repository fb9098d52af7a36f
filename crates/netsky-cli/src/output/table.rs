//! A table that fits a terminal: one line per row, long text truncated, numbers aligned to the right.
//!
//! It is written by hand because comfy-table, which DataFusion uses, wraps or truncates numbers too.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use console::{Alignment, Style, pad_str, truncate_str};
use unicode_width::UnicodeWidthStr;

use crate::failure::Failure;
use crate::human;
use crate::output::visible::visible;
use crate::time_zone;
use netsky_formats::{ValueStyle, is_null};

/// Between columns.
const GAP: &str = "  ";

/// The minimum width of a truncated text or name.
const MIN_TEXT: usize = 8;

/// The maximum number of lines for a name that is wider than its column.
const MAX_NAME_LINES: usize = 3;

/// The text of a cell.
#[derive(Debug)]
struct Cell {
    text: String,
    is_null: bool,
}

/// How a column is formatted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Can be truncated.
    Text,
    /// Never truncated, because a part of a time is misleading.
    Whole,
    /// Never truncated, aligned to the right.
    Number,
    /// As a number, with aligned decimal points.
    Float,
}

impl Kind {
    fn of(field: &Field) -> Self {
        match field.data_type() {
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            ty if ty.is_numeric() || human::is_number(field) => Self::Number,
            DataType::Duration(_) | DataType::Interval(_) => Self::Number,
            ty if ty.is_temporal() || *ty == DataType::Boolean => Self::Whole,
            _ => Self::Text,
        }
    }
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: Kind,
    /// The width of the longest value.
    values: usize,
    /// The width of the column.
    width: usize,
    /// The number of decimals, including the point.
    decimals: usize,
}

/// The position and width of each column, which the first rows decide.
#[derive(Debug)]
pub struct Layout {
    columns: Vec<Column>,
    null: &'static str,
    /// The maximum length of a cell.
    screen: usize,
}

impl Layout {
    /// The layout for these rows and similar ones; `None` if they do not fit side by side.
    pub fn fit(
        schema: &Schema,
        rows: &[RecordBatch],
        null: &'static str,
        screen: usize,
    ) -> Result<Option<Self>, Failure> {
        let columns = schema.fields().iter().map(|field| Column::new(field));
        let mut layout = Self { columns: columns.collect(), null, screen };
        let lines = layout.cells(rows)?;
        for cells in &lines {
            for (column, cell) in layout.columns.iter_mut().zip(cells) {
                column.decimals = column.decimals.max(decimals(column.kind, &cell.text));
            }
        }
        for cells in &lines {
            for (column, cell) in layout.columns.iter_mut().zip(cells) {
                column.values = column.values.max(column.padded(cell).width());
            }
        }
        Ok(layout.set_widths().then_some(layout))
    }

    /// Sets the width of each column, and returns whether all of them fit. Names are shortened first,
    /// then the longest text.
    fn set_widths(&mut self) -> bool {
        let gaps = GAP.len() * self.columns.len().saturating_sub(1);
        let Some(room) = self.screen.checked_sub(gaps) else { return false };
        let total = |longest_text: usize| -> usize {
            self.columns.iter().map(|column| column.needs(longest_text)).sum()
        };
        if total(MIN_TEXT) > room {
            return false;
        }
        let (mut fits, mut too_long) = (MIN_TEXT, self.screen + 1);
        while fits + 1 < too_long {
            let middle = fits.midpoint(too_long);
            if total(middle) <= room { fits = middle } else { too_long = middle }
        }
        let mut spare = room - total(fits);
        for column in &mut self.columns {
            column.width = column.needs(fits);
            // The remaining space is less than one column of the screen per truncated text.
            let more = usize::from(spare > 0 && column.needs(too_long) > column.width);
            column.width += more;
            spare -= more;
        }
        for column in &mut self.columns {
            let more = column.name.width().saturating_sub(column.width).min(spare);
            column.width += more;
            spare -= more;
        }
        true
    }

    pub fn write_header(&self, out: &mut impl Write) -> Result<(), Failure> {
        let names: Vec<Vec<String>> = self.columns.iter().map(Column::name_lines).collect();
        let lines = names.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..lines {
            let parts = self.columns.iter().zip(&names).map(|(column, name)| {
                // Names are aligned at the bottom.
                let part = (line + name.len()).checked_sub(lines).and_then(|at| name.get(at));
                let part = column.aligned(part.map_or("", String::as_str));
                Style::new().bold().apply_to(part).to_string()
            });
            write_line(parts, out)?;
        }
        let rules = self.columns.iter().map(|column| dim("─".repeat(column.width)));
        write_line(rules, out)
    }

    pub fn write_rows(&self, rows: &[RecordBatch], out: &mut impl Write) -> Result<(), Failure> {
        for cells in self.cells(rows)? {
            let texts = self.columns.iter().zip(&cells).map(|(column, cell)| {
                let text = column.value(cell);
                if cell.is_null { dim(text) } else { text }
            });
            write_line(texts, out)?;
        }
        Ok(())
    }

    fn cells(&self, rows: &[RecordBatch]) -> Result<Vec<Vec<Cell>>, Failure> {
        let zone = time_zone::shown()?;
        let mut lines = Vec::new();
        for batch in rows {
            let batch = zone.times_as_text(batch)?;
            let columns = batch.columns().iter();
            let columns =
                columns.map(|column| Ok((ValueStyle::Human.formatter(column)?, is_null(column))));
            let columns = columns.collect::<Result<Vec<_>, Failure>>()?;
            for row in 0..batch.num_rows() {
                let cells = columns.iter().map(|(formatter, is_null)| {
                    if is_null(row) {
                        return Cell { text: self.null.to_owned(), is_null: true };
                    }
                    let text = formatter.value(row).to_string();
                    Cell { text: beginning(&text, self.screen), is_null: false }
                });
                lines.push(cells.collect());
            }
        }
        Ok(lines)
    }
}

impl Column {
    /// The cell, padded to the number of decimals of the column.
    fn padded(&self, cell: &Cell) -> String {
        let blanks = match cell.is_null {
            true => 0,
            false => self.decimals - decimals(self.kind, &cell.text).min(self.decimals),
        };
        format!("{}{}", cell.text, " ".repeat(blanks))
    }

    fn new(field: &Field) -> Self {
        let name = visible(field.name()).into_owned();
        Self { name, kind: Kind::of(field), values: 0, width: 0, decimals: 0 }
    }

    /// The width if text is truncated to `longest_text`, with the name on several lines.
    fn needs(&self, longest_text: usize) -> usize {
        let part = parts(&self.name).map(UnicodeWidthStr::width).max().unwrap_or(0);
        match self.kind {
            Kind::Text => self.values.max(part).min(longest_text),
            _ => self.values.max(part.min(MIN_TEXT)),
        }
    }

    /// The name, broken into lines that fit.
    fn name_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for part in parts(&self.name) {
            let full = lines.len() == MAX_NAME_LINES;
            match lines.last_mut() {
                Some(line) if full || line.width() + part.width() <= self.width => *line += part,
                _ => lines.push(part.to_owned()),
            }
        }
        lines.iter().map(|line| truncate_str(line, self.width, "…").into_owned()).collect()
    }

    fn value(&self, cell: &Cell) -> String {
        match self.kind {
            Kind::Text => self.aligned(&truncate_str(&cell.text, self.width, "…")),
            // A number in a later row can be too wide for its column. It is printed in full anyway.
            _ => self.aligned(&self.padded(cell)),
        }
    }

    fn aligned(&self, text: &str) -> String {
        let right = matches!(self.kind, Kind::Number | Kind::Float);
        let side = if right { Alignment::Right } else { Alignment::Left };
        pad_str(text, self.width, side, None).into_owned()
    }
}

/// The parts of a name between which it can be broken.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split_inclusive(['_', '.', ' ', ',', '(', '/', '-'])
}

/// The length of a float's decimals, including the point.
fn decimals(kind: Kind, text: &str) -> usize {
    match kind {
        Kind::Float => text.find('.').map_or(0, |point| text.len() - point),
        _ => 0,
    }
}

/// The start of a text: as much as fits on the screen, and one column more, so that the rest is known to
/// be truncated.
fn beginning(text: &str, columns: usize) -> String {
    // At least one in four characters has a width.
    let end = text.char_indices().nth(4 * columns).map_or(text.len(), |(end, _)| end);
    let text = visible(&text[..end]);
    truncate_str(&text, columns + 1, "…").into_owned()
}

/// Writes one line of the table, without trailing spaces.
fn write_line(cells: impl Iterator<Item = String>, out: &mut impl Write) -> Result<(), Failure> {
    let line = cells.collect::<Vec<_>>().join(GAP);
    Ok(writeln!(out, "{}", line.trim_end())?)
}

/// Text beside the answer is dimmed.
pub fn dim(text: impl std::fmt::Display) -> String {
    Style::new().dim().apply_to(text).to_string()
}
