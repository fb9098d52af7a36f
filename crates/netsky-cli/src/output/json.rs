//! A report as one JSON object in a line.

use std::io;

use serde::Serialize;

use crate::output::visible;

pub fn print_json(report: &impl Serialize) -> io::Result<()> {
    visible::print_line(&json_line(report)?)
}

/// Fails only for a report that has no JSON.
pub fn json_line(report: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(report)?)
}
