//! The number of lines that were left out.

use serde::Serialize;

use crate::reader::SkippedLine;

/// The number of lines that were left out, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Lines that are no JSON.
    pub not_json: u64,
    /// Lines that are JSON, but no object.
    pub not_object: u64,
    /// Lines of more than 64 MiB.
    pub too_long: u64,
}

impl Skipped {
    /// The number of all lines that were left out.
    pub fn total(&self) -> u64 {
        self.not_json + self.not_object + self.too_long
    }

    /// Adds other lines.
    pub fn add(&mut self, other: Self) {
        self.not_json += other.not_json;
        self.not_object += other.not_object;
        self.too_long += other.too_long;
    }

    pub(crate) fn count(&mut self, line: SkippedLine) {
        match line {
            SkippedLine::NotJson => self.not_json += 1,
            SkippedLine::NotObject => self.not_object += 1,
            SkippedLine::TooLong => self.too_long += 1,
        }
    }
}
