//! Splits a file into lines, with a bounded amount of memory.

use std::io::{self, BufRead, BufReader, Read};

use crate::long_texts::{LongTexts, MAX_TEXT_BYTES};

/// The limit on the length of a line. Lines with images are some megabytes long.
pub(crate) const MAX_LINE_BYTES: usize = 64 << 20;
/// A buffer that has been used for a longer line is freed after it.
const KEPT_BUFFER_BYTES: usize = 1 << 20;

/// The lines of a file from an offset on.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: BufReader<R>,
    buffer: Vec<u8>,
    offset: u64,
    limit: usize,
    text_limit: usize,
}

/// A line, with what a reader need not see taken off: line break, byte order mark, NUL bytes and blanks at its
/// ends, and what is beyond a megabyte of a text. A crash of the machine leaves runs of NUL bytes.
#[derive(Debug)]
pub(crate) struct RawLine<'a> {
    /// `None` if the line is too long.
    pub(crate) bytes: Option<&'a [u8]>,
    /// Where it begins.
    pub(crate) offset: u64,
    /// Where the next line begins.
    pub(crate) end: u64,
    /// Whether it has a line break. If not, more of it may come.
    pub(crate) is_whole: bool,
}

impl<R: Read> Lines<R> {
    /// Reads lines of an input that begins at an offset of its file.
    pub(crate) fn new(input: R, offset: u64) -> Self {
        Self {
            input: BufReader::with_capacity(64 << 10, input),
            buffer: Vec::new(),
            offset,
            limit: MAX_LINE_BYTES,
            text_limit: MAX_TEXT_BYTES,
        }
    }

    /// Reads lines with other limits: those on a line and on a text.
    pub(crate) fn with_limits(input: R, limit: usize, text_limit: usize) -> Self {
        Self { limit, text_limit, ..Self::new(input, 0) }
    }

    /// Returns the next line; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<RawLine<'_>>> {
        if self.buffer.capacity() > KEPT_BUFFER_BYTES {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        let offset = self.offset;
        let most = (self.limit.min(self.text_limit) as u64).saturating_add(1);
        let mut length = self.input.by_ref().take(most).read_until(b'\n', &mut self.buffer)? as u64;
        if length == 0 {
            return Ok(None);
        }
        let mut is_whole = self.buffer.ends_with(b"\n");
        let mut is_too_long = false;
        if !is_whole && length == most {
            let (rest, ends) = self.read_long_line()?;
            is_whole = ends;
            is_too_long = length.saturating_add(rest) > self.limit as u64;
            length = length.saturating_add(rest).saturating_add(u64::from(ends));
        }
        self.offset = offset.saturating_add(length);
        let bytes = (!is_too_long).then(|| trimmed(&self.buffer, offset == 0));
        Ok(Some(RawLine { bytes, offset, end: self.offset, is_whole }))
    }

    /// Reads what is left of a line, and keeps it but for long texts, unless the line is too long. Returns its
    /// length without the line break, and whether it has one.
    fn read_long_line(&mut self) -> io::Result<(u64, bool)> {
        let mut texts = LongTexts::new(self.text_limit);
        let start = std::mem::take(&mut self.buffer);
        texts.push(&start, &mut self.buffer);
        let room = (self.limit as u64).saturating_sub(start.len() as u64);
        drop(start);
        let mut length = 0;
        loop {
            let available = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                available => available?,
            };
            if available.is_empty() {
                return Ok((length, false));
            }
            let found = available.iter().position(|byte| *byte == b'\n');
            let piece = available.get(..found.unwrap_or(available.len())).unwrap_or_default();
            length += piece.len() as u64;
            if length <= room {
                texts.push(piece, &mut self.buffer);
            }
            let consumed = piece.len() + usize::from(found.is_some());
            self.input.consume(consumed);
            if found.is_some() {
                return Ok((length, true));
            }
        }
    }
}

fn trimmed(line: &[u8], is_first: bool) -> &[u8] {
    let mut line = line;
    if is_first {
        line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    }
    let is_blank = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let start = line.iter().position(|byte| !is_blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !is_blank(byte)).map_or(start, |at| at + 1);
    line.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], limit: usize) -> Vec<(Option<String>, u64, u64, bool)> {
        let mut lines = Lines::with_limits(text, limit, MAX_TEXT_BYTES);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let text = line.bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            found.push((text, line.offset, line.end, line.is_whole));
        }
        found
    }

    #[test]
    fn marks_blanks_and_nul_bytes_are_taken_off() {
        let found = lines(b"\xEF\xBB\xBF{}\r\n\0\0{\"a\":1}\0\n \n{", 100);
        let texts: Vec<_> = found.iter().map(|line| line.0.as_deref().unwrap()).collect();
        assert_eq!(texts, ["{}", "{\"a\":1}", "", "{"]);
        assert_eq!(found[1].1..found[1].2, 7..18);
        assert_eq!((found[2].3, found[3].3), (true, false));
    }

    #[test]
    fn too_long_lines_are_skipped() {
        let found = lines(b"12345\n123456789012\n1\n12345678", 5);
        let texts: Vec<_> = found.iter().map(|line| line.0.as_deref()).collect();
        assert_eq!(texts, [Some("12345"), None, Some("1"), None]);
        assert_eq!((found[2].1, found[3].2, found[3].3), (19, 29, false));
    }

    #[test]
    fn long_texts_are_cut_off() {
        let text = "x".repeat(3 << 20);
        let line = format!("{{\"a\":\"{text}\",\"b\":2}}\r\n1\n");
        let found = lines(line.as_bytes(), 64 << 20);
        let kept = found[0].0.as_ref().unwrap();
        assert!(kept.ends_with("x\",\"b\":2}") && kept.len() < (1 << 20) + 20, "{}", kept.len());
        assert_eq!((found[0].2, found[0].3), (line.len() as u64 - 2, true));
        assert_eq!(found[1].0.as_deref(), Some("1"));
    }
}
