//! Where a row stands in what it comes from, for errors.

use std::fmt;

/// Where a row stands in its source. As text: `monday.ndjson: line 7`, or `row 7` if the source has no
/// name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowLocation {
    /// The name of the source, as given to [`Appender::begin_source`](crate::Appender::begin_source).
    pub source: Option<String>,
    /// What `number` counts.
    pub unit: RowUnit,
    /// The line or the row, counted from 1 within the source.
    pub number: u64,
}

impl RowLocation {
    /// The row or line with that number, counted from 1.
    pub fn new(source: Option<String>, unit: RowUnit, number: u64) -> Self {
        Self { source, unit, number }
    }
}

/// What the rows of a source are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowUnit {
    /// Lines of text, empty ones included.
    Line,
    /// Rows.
    Row,
}

impl fmt::Display for RowLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}: ")?;
        }
        let unit = match self.unit {
            RowUnit::Line => "line",
            RowUnit::Row => "row",
        };
        write!(f, "{unit} {}", self.number)
    }
}
