//! The formats of `.mode`, by the names of several programs.

use clap::ValueEnum;

use crate::commands::shell::foreign::MODES;
use crate::failure::Failure;
use crate::output::Format;

/// The format of a name, which may be a name that sqlite3, duckdb or psql use.
pub fn format(name: &str) -> Result<Format, Failure> {
    if let Ok(format) = Format::from_str(name, true) {
        return Ok(format);
    }
    let known = MODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, format)| *format).ok_or_else(|| {
        let formats = format_names().join(", ");
        Failure::input(format!("no format named '{name}'; valid: {formats}"))
    })
}

pub fn format_names() -> Vec<String> {
    Format::value_variants().iter().map(Format::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_the_names_that_hands_know() {
        for (name, format) in [
            ("csv", "csv"),
            ("LINE", "vertical"),
            ("box", "table"),
            ("column", "table"),
            ("jsonlines", "ndjson"),
            ("md", "markdown"),
            ("tabs", "tsv"),
        ] {
            assert_eq!(super::format(name).unwrap().name(), format);
        }
        let told = format("html").unwrap_err().to_string();
        assert!(told.starts_with("no format named 'html'; valid: table, vertical, json"), "{told}");
    }
}
