//! The formats, their names and the suffixes of their files.

use std::io::Write;
use std::path::Path;

use arrow::json::writer::{JsonArray, LineDelimited};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::answer::{Answer, Batches};
use crate::error::Result;
use crate::{columnar, json, text};

/// A format that an answer can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// One JSON array of objects.
    Json,
    /// One JSON object per line.
    Ndjson,
    /// Comma-separated values with a header, as RFC 4180 has them. NULL is an empty field, and an empty
    /// string is `""`.
    Csv,
    /// Tab-separated values with a header, one line per row, with `\t`, `\n`, `\r` and `\\` as escapes.
    Tsv,
    /// A Markdown table.
    Markdown,
    /// The Arrow IPC file format, also called Feather. Its reader must be able to seek.
    Arrow,
    /// The Arrow IPC stream format, which can be read from a pipe.
    ArrowStream,
    /// Parquet, compressed with zstd.
    Parquet,
}

/// The suffixes of each format. The first suffix of a format is the one that new files get.
const SUFFIXES: [(&str, Format); 10] = [
    ("json", Format::Json),
    ("ndjson", Format::Ndjson),
    ("jsonl", Format::Ndjson),
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("md", Format::Markdown),
    ("arrow", Format::Arrow),
    ("feather", Format::Arrow),
    ("arrows", Format::ArrowStream),
    ("parquet", Format::Parquet),
];

impl Format {
    /// Every format, text first.
    pub const ALL: [Self; 8] = [
        Self::Json,
        Self::Ndjson,
        Self::Csv,
        Self::Tsv,
        Self::Markdown,
        Self::Arrow,
        Self::ArrowStream,
        Self::Parquet,
    ];

    /// The name that selects the format, such as `ndjson`. Both formats of Arrow IPC are `arrow`: a pipe
    /// gets the stream format, a file the file format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Markdown => "markdown",
            Self::Arrow | Self::ArrowStream => "arrow",
            Self::Parquet => "parquet",
        }
    }

    /// What the format is, in one line for a help page.
    pub fn description(self) -> &'static str {
        match self {
            Self::Json => "One JSON array of objects",
            Self::Ndjson => "One JSON object per line",
            Self::Csv => {
                "Comma-separated values with a header; NULL is an empty field, and an empty string is \"\""
            }
            Self::Tsv => {
                "Tab-separated values with a header, one line per row, with \\t, \\n, \\r and \\\\ as escapes"
            }
            Self::Markdown => "A Markdown table",
            Self::Arrow => "Arrow IPC: the file format; on standard output, the stream format",
            Self::ArrowStream => "Arrow IPC: the stream format",
            Self::Parquet => "Parquet, compressed with zstd",
        }
    }

    /// The suffix of a new file, without its dot.
    pub fn suffix(self) -> &'static str {
        SUFFIXES.iter().find(|(_, format)| *format == self).map_or("", |(suffix, _)| suffix)
    }

    /// Whether the rows of a table can be read back from a file of this format.
    pub fn is_importable(self) -> bool {
        !matches!(self, Self::Json | Self::Tsv | Self::Markdown)
    }

    /// Whether the format is bytes that no terminal can show.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Arrow | Self::ArrowStream | Self::Parquet)
    }

    /// The format of the same name whose reader need not seek.
    #[must_use]
    pub fn for_pipe(self) -> Self {
        match self {
            Self::Arrow => Self::ArrowStream,
            other => other,
        }
    }

    /// Writes an answer, batch by batch as it arrives, and flushes `out`.
    ///
    /// Equal names of columns are numbered (`id`, `id_2`) in JSON, Arrow and Parquet, because most readers
    /// keep only one of two equal names. Times in UTC have the stored form (`2026-04-15T23:00:00.000Z`) in
    /// text, and are timestamps in Arrow and Parquet, which also keep the metadata of the schema.
    ///
    /// # Errors
    ///
    /// If the query fails, if `out` cannot be written, or if the format has no form for a value. What was
    /// written before stays in `out`.
    pub fn write(self, answer: Answer<impl Batches>, mut out: impl Write + Send) -> Result<()> {
        match self {
            // NDJSON ends with a line break by itself, an array does not.
            Self::Json => json::write::<JsonArray>(answer, &mut out, "\n")?,
            Self::Ndjson => json::write::<LineDelimited>(answer, &mut out, "")?,
            Self::Csv => text::write_csv(answer, &mut out)?,
            Self::Tsv => text::write_tsv(answer, &mut out)?,
            Self::Markdown => text::write_markdown(answer, &mut out)?,
            Self::Arrow => columnar::write_file(answer, &mut out)?,
            Self::ArrowStream => columnar::write_stream(answer, &mut out)?,
            Self::Parquet => columnar::write_parquet(answer, &mut out)?,
        }
        Ok(out.flush()?)
    }
}

/// The format and compression of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFormat {
    /// The format of the content.
    pub format: Format,
    /// Whether the content is gzipped.
    pub gzipped: bool,
}

impl FileFormat {
    /// The format that the name of a file selects, in any case. Text can be gzipped, as in `.csv.gz`; Arrow
    /// and Parquet have compressions of their own.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_lowercase();
        let (name, gzipped) = match name.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let (_, suffix) = name.rsplit_once('.')?;
        let (_, format) = SUFFIXES.iter().find(|(known, _)| *known == suffix)?;
        (!gzipped || !format.is_binary()).then_some(Self { format: *format, gzipped })
    }

    /// A format in a file of that name: text is gzipped if the name ends in `.gz`.
    pub fn named(format: Format, path: &Path) -> Self {
        let is_gz = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("gz"));
        Self { format, gzipped: is_gz && !format.is_binary() }
    }

    /// The suffixes that select a format, for messages.
    pub fn suffixes(accepted: impl Fn(Format) -> bool) -> String {
        let accepted: Vec<_> = SUFFIXES.iter().filter(|(_, format)| accepted(*format)).collect();
        let suffixes: Vec<_> = accepted.iter().map(|(suffix, _)| format!(".{suffix}")).collect();
        format!("{}; text also with .gz", suffixes.join(", "))
    }

    /// As [`Format::write`], compressed if the file is.
    ///
    /// # Errors
    ///
    /// As [`Format::write`].
    pub fn write(self, answer: Answer<impl Batches>, mut out: impl Write + Send) -> Result<()> {
        if !self.gzipped {
            return self.format.write(answer, out);
        }
        let mut compressed = GzEncoder::new(&mut out, Compression::default());
        self.format.write(answer, &mut compressed)?;
        compressed.finish()?;
        Ok(out.flush()?)
    }
}

impl From<Format> for FileFormat {
    fn from(format: Format) -> Self {
        Self { format, gzipped: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_selects_a_format() {
        for format in Format::ALL {
            let name = format!("a.b.{}", format.suffix().to_uppercase());
            assert_eq!(FileFormat::of(Path::new(&name)), Some(format.into()));
            let gzipped = FileFormat::of(Path::new(&format!("{name}.gz")));
            assert_eq!(gzipped.is_some_and(|found| found.gzipped), !format.is_binary(), "{name}");
        }
        for (format, name, gzipped) in [
            (Format::Csv, "a.gz", true),
            (Format::Csv, "a.json.GZ", true),
            (Format::Csv, "a.csv", false),
            (Format::Parquet, "a.csv.gz", false),
        ] {
            assert_eq!(FileFormat::named(format, Path::new(name)), FileFormat { format, gzipped });
        }
        for name in ["csv", ".gz", "a.gz", "a.txt", "csv.", ""] {
            assert_eq!(FileFormat::of(Path::new(name)), None, "{name}");
        }
    }
}
