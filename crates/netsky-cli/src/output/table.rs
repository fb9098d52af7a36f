//! A table that fits on a terminal: a line for each row, what is long cut, numbers to the right.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use console::{Alignment, Style, pad_str, truncate_str};
use unicode_width::UnicodeWidthStr;

use crate::failure::Failure;
use crate::output::visible::visible;
use crate::values::{Reader, is_null};

/// Between two columns.
const GAP: &str = "  ";

/// A text or a name may be cut to so many columns of the screen, and no further.
const MIN_TEXT: usize = 8;

/// A name that is longer than the values below it takes so many lines.
const MAX_NAME_LINES: usize = 3;

/// What a cell of the table says.
#[derive(Debug)]
struct Cell {
    text: String,
    is_null: bool,
}

/// What a column holds, as far as its looks go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Can be cut.
    Text,
    /// Half of a time is none.
    Whole,
    /// As whole, and to the right.
    Number,
    /// As a number, with the points below each other.
    Float,
}

impl Kind {
    fn of(field: &Field) -> Self {
        match field.data_type() {
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            ty if ty.is_numeric() => Self::Number,
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
    /// How wide the longest value is.
    values: usize,
    /// How wide the column is.
    width: usize,
    /// Decimals, with the point.
    decimals: usize,
}

/// Where each column stands, which the first rows decide.
#[derive(Debug)]
pub struct Layout {
    columns: Vec<Column>,
    null: &'static str,
    /// No cell is longer.
    screen: usize,
}

impl Layout {
    /// The layout for these rows and those like them; `None` if they do not fit side by side.
    pub fn fit(
        schema: &Schema,
        rows: &[RecordBatch],
        null: &'static str,
        screen: usize,
    ) -> Result<Option<Self>, Failure> {
        let columns = schema.fields().iter().map(|field| Column::new(field));
        let mut layout = Self { columns: columns.collect(), null, screen };
        let lines = layout.cells(rows)?;
        for (at, column) in layout.columns.iter_mut().enumerate() {
            if column.kind == Kind::Text && are_figures(lines.iter().map(|cells| &cells[at])) {
                column.kind = Kind::Number;
            }
        }
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

    /// Gives each column its width, and tells whether there is room for all. Names give way first,
    /// then the longest texts.
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
            // What is left over is not a column of the screen for each text that is cut.
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
                // The last lines stand beside each other.
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
        let mut lines = Vec::new();
        for batch in rows {
            let batch = netsky_db::times_as_text(batch)?;
            let columns = batch.columns().iter();
            let columns =
                columns.map(|column| Ok((Reader::Person.formatter(column)?, is_null(column))));
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
    /// The cell with blanks in place of decimals that others have.
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

    /// The width for texts of at most `longest_text`, and a name in several lines.
    fn needs(&self, longest_text: usize) -> usize {
        let part = parts(&self.name).map(UnicodeWidthStr::width).max().unwrap_or(0);
        match self.kind {
            Kind::Text => self.values.max(part).min(longest_text),
            _ => self.values.max(part.min(MIN_TEXT)),
        }
    }

    /// The name in lines that are not too long.
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
            // A number of a later row that does not fit stands out, but is whole.
            _ => self.aligned(&self.padded(cell)),
        }
    }

    fn aligned(&self, text: &str) -> String {
        let right = matches!(self.kind, Kind::Number | Kind::Float);
        let side = if right { Alignment::Right } else { Alignment::Left };
        pad_str(text, self.width, side, None).into_owned()
    }
}

/// Whether texts are figures that a command has put below each other, as in `$1,234.56`.
fn are_figures<'a>(cells: impl Iterator<Item = &'a Cell>) -> bool {
    /// No figure is longer.
    const MAX: usize = 24;
    let texts: Vec<&str> =
        cells.filter(|cell| !cell.is_null).map(|cell| cell.text.as_str()).collect();
    let Some(first) = texts.first() else { return false };
    let are_digits = |text: &&str| text.chars().all(|c| c.is_ascii_digit() || "$<-,.".contains(c));
    first.len() <= MAX
        && texts.iter().all(|text| text.len() == first.len())
        && (texts.iter().any(|text| text.starts_with(' ')) || texts.iter().all(are_digits))
}

/// Where a name can be broken.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split_inclusive(['_', '.', ' ', ',', '(', '/', '-'])
}

/// How long a float is from its point on.
fn decimals(kind: Kind, text: &str) -> usize {
    match kind {
        Kind::Float => text.find('.').map_or(0, |point| text.len() - point),
        _ => 0,
    }
}

/// As much of a text as can be shown in a line of the screen, and a little more, so that it is known
/// to be cut.
fn beginning(text: &str, columns: usize) -> String {
    // Few characters take no room on the screen.
    let end = text.char_indices().nth(4 * columns).map_or(text.len(), |(end, _)| end);
    let text = visible(&text[..end]);
    truncate_str(&text, columns + 1, "…").into_owned()
}

/// One line of the table, without blanks at its end.
fn write_line(cells: impl Iterator<Item = String>, out: &mut impl Write) -> Result<(), Failure> {
    let line = cells.collect::<Vec<_>>().join(GAP);
    Ok(writeln!(out, "{}", line.trim_end())?)
}

/// What is not the answer itself stands back.
pub fn dim(text: impl std::fmt::Display) -> String {
    Style::new().dim().apply_to(text).to_string()
}
