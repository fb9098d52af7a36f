//! A line for each value, for rows that are too wide for a table.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::failure::Failure;
use crate::output::table::dim;
use crate::output::visible::visible;
use crate::values::{Reader, is_null};

/// Between a name and its value.
const GAP: &str = "  ";

/// The rule over a row is no longer, however wide the terminal is.
const MAX_RULE: usize = 60;

/// Writes rows one after the other.
#[derive(Debug)]
pub struct Vertical {
    /// With blanks up to where the values begin.
    names: Vec<String>,
    null: &'static str,
    /// The columns of the terminal, on which what is long, or of several lines, goes on below where
    /// it began. Elsewhere a value is a line.
    screen: Option<usize>,
    /// How many rows have been written.
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
        let rows = netsky_db::times_as_text(rows)?;
        let reader = if self.screen.is_some() { Reader::Person } else { Reader::Program };
        let columns = rows.columns().iter();
        let columns = columns.map(|column| Ok((reader.formatter(column)?, is_null(column))));
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

/// The lines of a text, those that are too long in several.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    /// Where there is less room than this, a terminal breaks lines better.
    const MIN: usize = 10;
    let columns = if columns < MIN { usize::MAX } else { columns };
    let mut lines = Vec::new();
    for line in text.trim_end_matches(['\n', '\r']).split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (mut part, mut width) = (String::new(), 0);
        for c in visible(&line.replace('\t', "    ")).chars() {
            let taken = c.width().unwrap_or(0);
            if width + taken > columns {
                // At a blank, unless that is far back.
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
