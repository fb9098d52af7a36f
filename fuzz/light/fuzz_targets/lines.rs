//! Any bytes as the lines of a file, in pieces of any size: each line is found where it is, lines and texts that are
//! too long are left out or cut, and JSON stays JSON. The first two bytes are the limits.

#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use netsky_ingest::fuzzed::lines;
use serde_json::Value;

/// An input that returns a few bytes at a time, and is sometimes interrupted.
struct Pieces<'a> {
    bytes: &'a [u8],
    most: usize,
    count: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.count += 1;
        if self.count % 5 == 4 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = self.bytes.len().min(self.most).min(buffer.len());
        let (now, rest) = self.bytes.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.bytes = rest;
        Ok(length)
    }
}

fuzz_target!(|input: &[u8]| {
    let [limit, text_limit, most, input @ ..] = input else { return };
    let (limit, text_limit) = (usize::from(*limit) * 4, usize::from(*text_limit));
    let pieces = Pieces { bytes: input, most: usize::from(*most) + 1, count: 0 };
    let found = lines(pieces, limit, text_limit).unwrap();

    let mut expected: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(found.len(), expected.len());
    let mut offset = 0;
    for ((bytes, start, end, is_whole), line) in found.iter().zip(expected.drain(..)) {
        assert_eq!((*start, *end), (offset, offset + line.len() as u64));
        let without_break = line.strip_suffix(b"\n");
        assert_eq!(*is_whole, without_break.is_some());
        let line = without_break.unwrap_or(line);
        assert_eq!(bytes.is_none(), line.len() > limit, "{} {limit}", line.len());
        if let Some(bytes) = bytes {
            check(bytes, trimmed(line, offset == 0), text_limit);
        }
        offset = *end;
    }
    assert_eq!(offset, input.len() as u64);
});

fn check(bytes: &[u8], line: &[u8], limit: usize) {
    if line.len() <= limit {
        assert_eq!(bytes, line);
        return;
    }
    // Nothing is added or moved.
    let mut rest = line.iter();
    assert!(bytes.iter().all(|byte| rest.any(|other| other == byte)));
    if let Ok(value) = serde_json::from_slice::<Value>(line) {
        let cut: Value = serde_json::from_slice(bytes).expect("what was JSON stays JSON");
        // Two keys may have become one.
        assert_eq!(cut.is_object(), value.is_object());
        if let (Value::String(cut), Value::String(text)) = (&cut, &value) {
            assert!(text.starts_with(cut.as_str()));
        }
        if let (Value::Array(cut), Value::Array(values)) = (&cut, &value) {
            assert_eq!(cut.len(), values.len());
        }
    }
}

fn trimmed(line: &[u8], is_first: bool) -> &[u8] {
    let line = match is_first {
        true => line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line),
        false => line,
    };
    let is_blank = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let Some(start) = line.iter().position(|byte| !is_blank(byte)) else { return &[] };
    let end = line.iter().rposition(|byte| !is_blank(byte)).unwrap();
    &line[start..=end]
}
