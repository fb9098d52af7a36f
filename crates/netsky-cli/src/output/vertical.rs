//! One line per value, for rows that are too wide for a table.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::failure::Failure;
use crate::output::table::dim;
use crate::output::visible::visible;
use crate::time_zone;
use netsky_formats::{ValueStyle, is_null};

/// Between a name and its value.
const GAP: &str = "  ";

/// The maximum width of the rule above a row.
const MAX_RULE: usize = 60;

/// Writes rows one below the other.
#[derive(Debug)]
pub struct Vertical {
    /// Padded to the same width.
    names: Vec<String>,
    null: &'static str,
    /// The width of the terminal, at which long values and values with line breaks continue on the next
    /// line. `None` prints each value on one line.
    screen: Option<usize>,
    /// How many rows were written.
    written: u64,
}

impl Vertical {
    pub fn new(schema: &Schema, null: &'static str, screen: Option<usize>) -> Self {
        let names = schema.fields().iter().map(|field| visible(field.name()).into_owned());
        let mut names: Vec<String> = names.collect();
        let longest = names.iter().map(|name| name.width()).max().unwrap_or(0);
        for name in &mut names {
            *name += &" ".repeat(longest - name.width());
        }
        Self { names, null, screen, written: 0 }
    }

    pub fn write(&mut self, rows: &RecordBatch, out: &mut impl Write) -> Result<(), Failure> {
        let rows = time_zone::shown()?.times_as_text(rows)?;
        let style = if self.screen.is_some() { ValueStyle::Human } else { ValueStyle::Exact };
        let columns = rows.columns().iter();
        let columns = columns.map(|column| Ok((style.formatter(column)?, is_null(column))));
        let columns = columns.collect::<Result<Vec<_>, Failure>>()?;
        for row in 0..rows.num_rows() {
            self.written += 1;
            self.write_rule(out)?;
            for (name, (formatter, is_null)) in self.names.iter().zip(&columns) {
                write!(out, "{}{GAP}", dim(name))?;
                match (is_null(row), self.screen) {
                    (true, _) => writeln!(out, "{}", dim(self.null))?,
                    (false, None) => {
                        writeln!(out, "{}", visible(&formatter.value(row).to_string()))?
                    }
                    (false, Some(columns)) => {
                        let indent = name.width() + GAP.len();
                        let lines = wrapped(
                            &formatter.value(row).to_string(),
                            columns.saturating_sub(indent),
                        );
                        writeln!(out, "{}", lines.join(&format!("\n{}", " ".repeat(indent))))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn write_rule(&self, out: &mut impl Write) -> Result<(), Failure> {
        let title = format!("─── row {} ", self.written);
        let length = self.screen.unwrap_or(MAX_RULE).min(MAX_RULE);
        let rule = "─".repeat(length.saturating_sub(title.width()));
        Ok(writeln!(out, "{}", dim(format!("{title}{rule}")))?)
    }
}

/// The lines of a text, with long lines wrapped.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    /// With less space than this, the terminal's own line breaks look better.
    const MIN: usize = 10;
    let columns = if columns < MIN { usize::MAX } else { columns };
    let mut lines = Vec::new();
    for line in text.trim_end_matches(['\n', '\r']).split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (mut part, mut width) = (String::new(), 0);
        for c in visible(&line.replace('\t', "    ")).chars() {
            let taken = c.width().unwrap_or(0);
            if width + taken > columns {
                // At a space, unless that would leave more than half of the line empty.
                let blank = part.rfind(' ').filter(|at| at + 1 > part.len() / 2);
                let rest = blank.map_or(String::new(), |at| part.split_off(at + 1));
                width = rest.width();
                lines.push(std::mem::replace(&mut part, rest));
            }
            part.push(c);
            width += taken;
        }
        lines.push(part);
    }
    lines
}
