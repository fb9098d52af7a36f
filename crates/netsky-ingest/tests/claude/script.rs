//! Transcripts made for a test.

use std::path::{Path, PathBuf};

use netsky_ingest::{ClaudeReader, FileEnd, Line, LineReader, Output, ReadOptions};
use serde_json::{Value, json};

use crate::harness::{Store, now};

/// A transcript that is being read.
pub struct Script {
    pub reader: ClaudeReader,
    pub out: Output,
    pub options: ReadOptions,
    path: PathBuf,
    offset: u64,
}

impl Script {
    pub fn new() -> Self {
        Self::at("/p/-home-dev-shop/s1.jsonl")
    }

    pub fn at(path: impl AsRef<Path>) -> Self {
        Self::with(path, ReadOptions { host: "anvil".into(), ..ReadOptions::default() })
    }

    pub fn with(path: impl AsRef<Path>, options: ReadOptions) -> Self {
        let path = path.as_ref().to_owned();
        let reader = ClaudeReader::new(&path, None, &options);
        Self { reader, out: Output::default(), options, path, offset: 0 }
    }

    /// Reads a line. Every line takes 100 bytes of the file.
    pub fn read(&mut self, record: &Value) -> &mut Self {
        let line = record.to_string();
        let _ =
            self.reader.read(Line { bytes: line.as_bytes(), offset: self.offset }, &mut self.out);
        self.offset += 100;
        self
    }

    /// Ends the file for now, so many minutes after 12:00.
    pub fn end(&mut self, minutes: i64) -> &mut Self {
        let now = "2026-03-01T12:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        let now = now + chrono::TimeDelta::minutes(minutes);
        self.reader.end(FileEnd { now, is_final: false }, &mut self.out);
        self
    }

    /// Goes on with another reader.
    pub fn restart(&mut self) -> &mut Self {
        let context = self.reader.context();
        self.reader = ClaudeReader::new(&self.path, Some(&context), &self.options);
        self
    }

    /// Stores what was handed out.
    pub fn store(&mut self) -> Store {
        let store = Store::new();
        store.commit(std::mem::take(&mut self.out));
        store
    }

    /// Ends the file for good, and stores everything.
    pub fn finish(&mut self) -> Store {
        self.reader.end(FileEnd { now: now(), is_final: false }, &mut self.out);
        self.store()
    }
}

/// Returns a record of the session `s1` of the project `shop`, some seconds after 12:00.
pub fn record(kind: &str, seconds: u32, more: Value) -> Value {
    let mut record = json!({
        "type": kind,
        "uuid": format!("{kind}-{seconds}"),
        "timestamp": format!("2026-03-01T12:{:02}:{:02}.000Z", seconds / 60, seconds % 60),
        "sessionId": "s1",
        "cwd": "/home/dev/shop",
        "gitBranch": "main",
        "version": "2.1.330",
        "isSidechain": false,
    });
    merge(&mut record, more);
    record
}

/// Returns a line of a message with a block of content.
pub fn assistant(id: &str, seconds: u32, block: Value, more: Value) -> Value {
    let mut line = record(
        "assistant",
        seconds,
        json!({
            "requestId": format!("req_{id}"),
            "message": {
                "id": format!("msg_{id}"),
                "model": "claude-opus-5-5",
                "content": [block],
                "stop_reason": null,
                "usage": usage(3),
            },
        }),
    );
    merge(&mut line, more);
    line
}

pub fn usage(output: i64) -> Value {
    json!({
        "input_tokens": 7,
        "output_tokens": output,
        "cache_read_input_tokens": 2_000,
        "cache_creation_input_tokens": 1_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 600},
    })
}

pub fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

pub fn call(id: &str, name: &str, input: Value) -> Value {
    json!({"type": "tool_use", "id": id, "name": name, "input": input})
}

/// Returns a record with the result of a call.
pub fn result(id: &str, seconds: u32, text: &str, is_error: bool, more: Value) -> Value {
    let block =
        json!({"type": "tool_result", "tool_use_id": id, "content": text, "is_error": is_error});
    let mut line =
        record("user", seconds, json!({"message": {"role": "user", "content": [block]}}));
    merge(&mut line, more);
    line
}

pub fn prompt(seconds: u32, text: &str, more: Value) -> Value {
    let mut line = record("user", seconds, json!({"message": {"role": "user", "content": text}}));
    merge(&mut line, more);
    line
}

/// Sets members of an object, also of those in it. The value `absent` removes one.
fn merge(record: &mut Value, more: Value) {
    match (record, more) {
        (Value::Object(record), Value::Object(more)) => {
            for (key, value) in more {
                if value == json!("absent") {
                    record.remove(&key);
                } else {
                    merge(record.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (record, more) => *record = more,
    }
}
