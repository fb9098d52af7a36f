//! Any lines as a transcript of Claude Code or Codex, read in pieces: readers do not panic, and hand out rows
//! that can be stored, whose details are JSON objects.

#![no_main]

use std::path::Path;

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use netsky_ingest::{
    ClaudeReader, CodexReader, Detail, FileEnd, Line, LineReader, Output, ReadOptions,
};

fuzz_target!(|data: &[u8]| {
    let [kind, data @ ..] = data else { return };
    let options = ReadOptions { without_content: kind & 4 != 0, ..ReadOptions::default() };
    let make = |context: Option<&serde_json::Value>| -> Box<dyn LineReader> {
        let path = Path::new("/nowhere/rollout-2026-11-23T22-06-56-a.jsonl");
        match kind & 1 {
            0 => Box::new(ClaudeReader::new(path, context, &options)),
            _ => Box::new(CodexReader::new(path, context, &options)),
        }
    };
    let mut reader = make(None);
    let mut output = Output::default();
    let mut offset = 0;
    for (number, bytes) in data.split(|byte| *byte == b'\n').enumerate() {
        let _ = reader.read(Line { bytes, offset }, &mut output);
        offset += bytes.len() as u64 + 1;
        // A reader goes on with the context of the one before.
        if kind & 2 != 0 && number % 3 == 2 {
            let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
            reader.end(FileEnd { now, is_final: false }, &mut output);
            if reader.unfinished().is_none() {
                reader = make(Some(&reader.context()));
            }
        }
    }
    let now = DateTime::from_timestamp(1_900_000_000, 0).unwrap();
    reader.end(FileEnd { now, is_final: true }, &mut output);
    assert_eq!(reader.unfinished(), None);
    for sighting in &output.sightings {
        sighting.row.encode().unwrap();
        let json = sighting.row.detail.to_json();
        assert!(serde_json::from_str::<serde_json::Map<_, _>>(&json).is_ok());
        assert_eq!(Detail::parse(&json), sighting.row.detail);
    }
});
