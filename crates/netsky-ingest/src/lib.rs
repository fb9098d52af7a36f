//! Reads the history of coding agents into a netsky-db store: transcripts of Claude Code and Codex, calls of
//! hooks, and OpenTelemetry.
//!
//! A reader turns what its source tells into [`Sighting`]s: rows with the keys that identify them. A
//! [`Committer`] stores them, each row once, however often and in whatever order its sources tell of it.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod batch;
mod claude;
mod codex;
mod commit;
mod content;
mod content_key;
mod detail;
mod discovery;
mod error;
mod file_reader;
mod file_state;
#[doc(hidden)]
pub mod fuzzed;
pub mod hooks;
mod imported;
mod ingest;
pub mod key;
mod lines;
mod long_texts;
mod merge;
pub mod otlp;
pub mod prices;
mod project;
mod reader;
mod row;
mod session;
pub mod shell;
mod shorten;
mod sighting;
mod skipped;
mod spans;
mod state;
mod via;

pub use batch::{Batch, Chunk, Progress};
pub use claude::ClaudeReader;
pub use codex::CodexReader;
pub use commit::{Committed, Committer, Price};
pub use content_key::{claude_content, codex_content, codex_prompt};
pub use detail::Detail;
pub use discovery::{Found, Program, Transcript};
pub use error::{Error, Result};
pub use file_state::{FileState, Fingerprint};
pub use imported::note_import;
pub use ingest::{Ingest, Observer, SkippedLineAt, Summary};
pub use reader::{FileEnd, Line, LineReader, Output, ReadOptions, SkippedLine};
pub use row::Row;
pub use session::{SessionState, SessionUpdate};
pub use sighting::{Content, SessionRef, Sighting};
pub use skipped::Skipped;
pub use spans::Spans;
pub use via::{Via, Vias};
