//! The formats of `--format`: those of files, and two that a person reads.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use netsky_formats::FileFormat;

use crate::failure::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table; on a terminal, fitted to its width.
    Table,
    /// One line per value.
    Vertical,
    File(netsky_formats::Format),
}

impl Format {
    pub const JSON: Self = Self::File(netsky_formats::Format::Json);
    pub const NDJSON: Self = Self::File(netsky_formats::Format::Ndjson);
    pub const MARKDOWN: Self = Self::File(netsky_formats::Format::Markdown);

    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Vertical => "vertical",
            Self::File(format) => format.name(),
        }
    }

    /// The format that the suffix of a file selects.
    pub fn of_file(path: &Path) -> Result<Self, Failure> {
        if path.extension().and_then(OsStr::to_str).is_some_and(|s| s.eq_ignore_ascii_case("txt")) {
            return Ok(Self::Table);
        }
        FileFormat::of(path).map(|file| Self::File(file.format)).ok_or_else(|| {
            Failure::usage(format!(
                "the suffix of {} does not select a format\n  use --format, or one of .txt, {}; .svg or .png \
                 for a plot",
                path.display(),
                FileFormat::suffixes(|_| true)
            ))
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        use netsky_formats::Format as File;

        // A pipe gets the stream format of Arrow, a file the file format, so one of the two is enough.
        const VARIANTS: [Format; 9] = [
            Format::Table,
            Format::Vertical,
            Format::File(File::Json),
            Format::File(File::Ndjson),
            Format::File(File::Csv),
            Format::File(File::Tsv),
            Format::File(File::Markdown),
            Format::File(File::Arrow),
            Format::File(File::Parquet),
        ];
        &VARIANTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Table => "A table; on a terminal, fitted to its width",
            Self::Vertical => "One line per value",
            Self::File(format) => format.description(),
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}
