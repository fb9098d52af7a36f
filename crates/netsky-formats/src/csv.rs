//! Comma-separated values (RFC 4180) that keep nulls and empty texts apart: a null is an empty field, and an
//! empty text is `""`.
//!
//! The csv crate cannot do this, because it does not report whether a field was quoted.

use std::io::{self, BufRead, Write};

/// Writes a record as a line. `None` is null.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn write_record<'a>(
    cells: impl IntoIterator<Item = Option<&'a str>>,
    out: &mut impl Write,
) -> io::Result<()> {
    let (mut count, mut bytes) = (0, 0);
    for cell in cells {
        if count > 0 {
            out.write_all(b",")?;
        }
        count += 1;
        let Some(text) = cell else { continue };
        bytes += text.len().max(2);
        let special = |byte| matches!(byte, b'"' | b',' | b'\r' | b'\n');
        if text.is_empty() || text.bytes().any(special) {
            write!(out, "\"{}\"", text.replace('"', "\"\""))?;
        } else {
            out.write_all(text.as_bytes())?;
        }
    }
    if count == 1 && bytes == 0 {
        // Most readers skip empty lines and would lose the row.
        out.write_all(b"\"\"")?;
    }
    out.write_all(b"\n")
}

/// Reads records one after another. A cell that is `None` is null.
#[derive(Debug)]
pub struct Records<R> {
    bytes: R,
    /// The line that the next record begins on, counted from 1.
    line: u64,
    max_bytes: usize,
}

/// A record.
#[derive(Debug, PartialEq, Eq)]
pub struct CsvRecord {
    /// The line that it begins on, counted from 1.
    pub line: u64,
    /// Its cells; `None` is null.
    pub cells: Vec<Option<String>>,
}

/// Why no record can be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum CsvError {
    /// The bytes cannot be read.
    Io(io::Error),
    /// The bytes are not CSV.
    Malformed {
        /// The line that the record begins on, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<CsvError> for io::Error {
    fn from(error: CsvError) -> Self {
        match error {
            CsvError::Io(error) => error,
            CsvError::Malformed { line, reason } => Self::other(format!("line {line}: {reason}")),
        }
    }
}

/// The position of the reader in a cell.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: the end of the cell, or the first half of `""`.
    AfterQuote,
}

impl<R: BufRead> Records<R> {
    /// A record has at most `max_bytes`, which bounds the memory that an unterminated quote takes.
    pub fn new(bytes: R, max_bytes: usize) -> Self {
        Self { bytes, line: 1, max_bytes }
    }

    /// The next record, or `None` at the end. Empty lines are skipped.
    ///
    /// # Errors
    ///
    /// If the bytes cannot be read, or are not CSV.
    pub fn next_record(&mut self) -> Result<Option<CsvRecord>, CsvError> {
        loop {
            let line = self.line;
            match self.read(line)? {
                Some(cells) if cells == [None] => {}
                cells => return Ok(cells.map(|cells| CsvRecord { line, cells })),
            }
        }
    }

    fn read(&mut self, line: u64) -> Result<Option<Vec<Option<String>>>, CsvError> {
        let malformed = |line, reason| Err(CsvError::Malformed { line, reason });
        let (mut cells, mut cell) = (Vec::new(), Vec::new());
        let (mut state, mut was_quoted, mut length) = (State::Start, false, 0);
        loop {
            let byte = self.byte().map_err(CsvError::Io)?;
            if byte == Some(b'\n') {
                self.line += 1;
            }
            length += 1;
            if length > self.max_bytes {
                let reason = format!("longer than {} MiB", self.max_bytes >> 20);
                return malformed(line, reason);
            }
            match (state, byte) {
                (State::Start, None) if cells.is_empty() => return Ok(None),
                (State::Start, Some(b'"')) => (state, was_quoted) = (State::Quoted, true),
                (State::Quoted, Some(b'"')) => state = State::AfterQuote,
                (State::Quoted, None) => {
                    return malformed(line, "unterminated quote".to_owned());
                }
                (State::Quoted, Some(byte)) => cell.push(byte),
                (State::AfterQuote, Some(b'"')) => {
                    cell.push(b'"');
                    state = State::Quoted;
                }
                (_, None | Some(b',' | b'\n')) => {
                    let bytes = std::mem::take(&mut cell);
                    let Ok(text) = String::from_utf8(bytes) else {
                        return malformed(line, format!("cell {} is not UTF-8", cells.len() + 1));
                    };
                    cells.push((was_quoted || !text.is_empty()).then_some(text));
                    (state, was_quoted) = (State::Start, false);
                    if byte != Some(b',') {
                        return Ok(Some(cells));
                    }
                }
                // The first half of a CR LF.
                (_, Some(b'\r')) if self.at_line_feed() => {}
                (State::AfterQuote, Some(_)) => {
                    let reason = "text after a closing quote";
                    return malformed(line, reason.to_owned());
                }
                (State::Start | State::Plain, Some(byte)) => {
                    cell.push(byte);
                    state = State::Plain;
                }
            }
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.bytes.fill_buf()?.first().copied();
        if byte.is_some() {
            self.bytes.consume(1);
        }
        Ok(byte)
    }

    fn at_line_feed(&mut self) -> bool {
        self.bytes.fill_buf().is_ok_and(|rest| rest.first() == Some(&b'\n'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<Vec<Option<String>>>, (u64, String)> {
        read_all(text).map_err(|error| match error {
            CsvError::Malformed { line, reason } => (line, reason),
            CsvError::Io(error) => panic!("{error}"),
        })
    }

    fn read_all(text: &str) -> Result<Vec<Vec<Option<String>>>, CsvError> {
        let mut records = Records::new(text.as_bytes(), 1_000);
        let mut all = Vec::new();
        while let Some(record) = records.next_record()? {
            all.push(record.cells);
        }
        Ok(all)
    }

    fn row(cells: &[Option<&str>]) -> Vec<Option<String>> {
        cells.iter().map(|cell| cell.map(str::to_owned)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 1_000, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_written_is_read_back(
            rows in prop::collection::vec(
                prop::collection::vec(prop::option::of("[a,\"\r\n\0é🦀]{0,4}"), 2..5), 0..5),
        ) {
            let mut text = Vec::new();
            for row in &rows {
                write_record(row.iter().map(Option::as_deref), &mut text).unwrap();
            }
            prop_assert_eq!(read(std::str::from_utf8(&text).unwrap()), Ok(rows));
        }
    }

    #[test]
    fn any_line_ending_is_read_and_empty_lines_are_skipped() {
        let expected = vec![row(&[Some("a"), None]), row(&[Some(""), Some("b\r\nc")])];
        for text in
            ["a,\n\"\",\"b\r\nc\"\n", "a,\r\n\"\",\"b\r\nc\"\r\n", "\n\na,\n\n\"\",\"b\r\nc\""]
        {
            assert_eq!(read(text).as_ref(), Ok(&expected), "{text:?}");
        }
        assert_eq!(read(""), Ok(vec![]));
        assert_eq!(read("a,"), Ok(vec![row(&[Some("a"), None])]));
        assert_eq!(read("a\rb,"), Ok(vec![row(&[Some("a\rb"), None])]));
    }

    #[test]
    fn malformed_records_are_refused_with_their_line() {
        for (text, line, said) in [
            ("a,b\n\"c", 2, "unterminated quote"),
            ("a,\"b\nc\"\nd,\"e\"f\n", 3, "after a closing quote"),
            ("a,b\nc,\"\n", 2, "unterminated quote"),
        ] {
            let (found, reason) = read(text).unwrap_err();
            assert!(found == line && reason.contains(said), "{text:?}: {found}: {reason}");
        }
        assert!(read(&"a".repeat(2_000)).unwrap_err().1.contains("longer than"));
        let error = io::Error::from(Records::new(&b"a,\xff\n"[..], 9).next_record().unwrap_err());
        assert!(error.to_string().contains("cell 2"), "{error}");
    }

    #[test]
    fn a_null_on_its_own_is_not_an_empty_line() {
        let mut text = Vec::new();
        write_record([None], &mut text).unwrap();
        assert_eq!(text, b"\"\"\n");
    }
}
