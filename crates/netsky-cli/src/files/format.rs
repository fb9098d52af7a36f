//! The formats that tables are exported to and imported from.

use std::path::Path;

use clap::ValueEnum;

use crate::output::Format;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// One JSON object per line
    Ndjson,
    /// Comma-separated values with a header; NULL is an empty field, and an empty string is ""
    Csv,
    /// Arrow IPC: the file format; on standard output, the stream format
    Arrow,
    /// Parquet, compressed with zstd
    Parquet,
}

/// The format and compression that the name of a file selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFormat {
    pub format: TableFormat,
    pub gzipped: bool,
}

impl FileFormat {
    /// The known suffixes, for messages.
    pub const SUFFIXES: &str = ".ndjson, .csv, .arrow, .parquet, .ndjson.gz or .csv.gz";

    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_lowercase();
        let (name, gzipped) = match name.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let format = match name.rsplit_once('.')?.1 {
            "ndjson" | "jsonl" => TableFormat::Ndjson,
            "csv" => TableFormat::Csv,
            "arrow" | "arrows" | "feather" if !gzipped => TableFormat::Arrow,
            "parquet" if !gzipped => TableFormat::Parquet,
            _ => return None,
        };
        Some(Self { format, gzipped })
    }
}

impl TableFormat {
    /// The format of the same name for answers on standard output.
    pub fn printed(self) -> Format {
        match self {
            Self::Ndjson => Format::Ndjson,
            Self::Csv => Format::Csv,
            Self::Arrow => Format::Arrow,
            Self::Parquet => Format::Parquet,
        }
    }

    pub fn suffix(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }
}
