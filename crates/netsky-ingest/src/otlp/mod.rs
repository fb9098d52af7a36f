//! OpenTelemetry: logs, metrics and spans of agents become rows.
//!
//! Mapped are the logs and spans of Claude Code, its metrics as heartbeats, the logs of Codex, and the GenAI spans
//! of any other program. A call that a transcript has, too, gets the same keys here, so it is one row.

mod attributes;
mod claude;
mod codex;
mod decode;
mod genai;
mod lookup;
mod map;
mod mapped;
mod mapper;
mod time;
mod transcripts;
mod who;

pub use decode::{DecodeError, Encoding, Request, Signal, decode, response};
pub use lookup::{FoundSession, Lookup, SessionLookup};
pub use map::{logs, map, metrics, traces};
pub use mapped::Mapped;
pub use transcripts::Transcripts;
