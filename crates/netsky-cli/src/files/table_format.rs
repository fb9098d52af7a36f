//! The formats that tables are exported to and imported from.

use std::path::Path;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use netsky_formats::{FileFormat, Format};

/// A format whose rows can be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableFormat(pub Format);

impl ValueEnum for TableFormat {
    fn value_variants<'a>() -> &'a [Self] {
        const VARIANTS: [TableFormat; 4] = [
            TableFormat(Format::Ndjson),
            TableFormat(Format::Csv),
            TableFormat(Format::Arrow),
            TableFormat(Format::Parquet),
        ];
        &VARIANTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()).help(self.0.description()))
    }
}

/// The format and compression that the name of a table's file selects.
pub fn table_file(path: &Path) -> Option<FileFormat> {
    FileFormat::of(path).filter(|file| file.format.is_importable())
}

/// The suffixes that [`table_file`] knows, for messages.
pub fn table_suffixes() -> String {
    FileFormat::suffixes(Format::is_importable)
}
