//! The formats of answers.

/// The format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerFormat {
    /// One object with the columns, the rows and counts, as `netsky query --json` prints it.
    Json,
    /// One JSON object per line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// A Markdown table.
    Markdown,
    /// An Arrow IPC stream.
    Arrow,
    /// Parquet.
    Parquet,
}

use AnswerFormat::{Arrow, Csv, Json, Markdown, Ndjson, Parquet, Tsv};

/// The formats, their names, and their media types, the first of which answers have.
const FORMATS: [(AnswerFormat, &str, &[&str]); 7] = [
    (Json, "json", &["application/json"]),
    (Ndjson, "ndjson", &["application/x-ndjson", "application/ndjson", "application/jsonl"]),
    (Csv, "csv", &["text/csv"]),
    (Tsv, "tsv", &["text/tab-separated-values"]),
    (Markdown, "markdown", &["text/markdown"]),
    (Arrow, "arrow", &["application/vnd.apache.arrow.stream"]),
    (Parquet, "parquet", &["application/vnd.apache.parquet", "application/x-parquet"]),
];

impl AnswerFormat {
    /// The format with a name, in lower case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        FORMATS.iter().find(|(_, known, _)| *known == name).map(|(format, ..)| *format)
    }

    /// The names of all formats.
    pub(crate) fn names() -> String {
        FORMATS.map(|(_, name, _)| name).join(", ")
    }

    /// The format that an `Accept` prefers: JSON if it takes anything, and `None` if it takes none of them.
    pub(crate) fn accepted(accept: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for part in accept.split(',') {
            let mut fields = part.split(';').map(str::trim);
            let media_type = fields.next().unwrap_or_default().to_ascii_lowercase();
            let quality = fields.find_map(|field| field.strip_prefix("q=")?.parse().ok());
            let quality: f32 = quality.unwrap_or(1.0);
            let format = FORMATS.iter().find_map(|(format, _, types)| {
                let matches = |known: &&str| match media_type.strip_suffix("/*") {
                    Some("*") => true,
                    Some(group) => known.split_once('/').is_some_and(|(it, _)| it == group),
                    None => *known == media_type,
                };
                types.iter().any(matches).then_some(*format)
            });
            // The first of equal ones.
            if let Some(format) = format
                && quality > best.map_or(0.0, |(_, best)| best)
            {
                best = Some((format, quality));
            }
        }
        best.map(|(format, _)| format)
    }

    pub(crate) fn name(self) -> &'static str {
        FORMATS.iter().find(|(format, ..)| *format == self).map_or("json", |(_, name, _)| name)
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Csv => "text/csv; charset=utf-8",
            Tsv => "text/tab-separated-values; charset=utf-8",
            Markdown => "text/markdown; charset=utf-8",
            _ => FORMATS
                .iter()
                .find(|(format, ..)| *format == self)
                .and_then(|(_, _, types)| types.first())
                .map_or("application/json", |media_type| media_type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_format_is_found() {
        let accepted = AnswerFormat::accepted;
        assert_eq!(accepted("*/*"), Some(Json));
        assert_eq!(accepted("text/html, application/*;q=0.8, text/csv;q=0.9"), Some(Csv));
        assert_eq!(accepted("text/*"), Some(Csv));
        assert_eq!(accepted("TEXT/Markdown ; charset=utf-8"), Some(Markdown));
        assert_eq!(accepted("application/vnd.apache.arrow.stream, */*;q=0.1"), Some(Arrow));
        assert_eq!(accepted("application/jsonl;q=x"), Some(Ndjson));
        for none in ["text/html", "", ";", "application/json;q=0", "/*"] {
            assert_eq!(accepted(none), None, "{none}");
        }
        for (format, name, types) in FORMATS {
            assert_eq!(AnswerFormat::named(name), Some(format));
            assert!(format.media_type().starts_with(types[0]) && format.name() == name);
        }
    }
}
