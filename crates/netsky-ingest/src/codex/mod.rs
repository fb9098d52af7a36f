//! Reads rollouts, the transcripts of Codex.

mod agents;
mod calls;
mod commands;
mod context;
mod events;
mod fork;
mod json;
mod messages;
mod millis;
mod output;
mod reader;
mod record;
mod rows;
mod session_meta;
mod thread;
mod tokens;
mod usage;

pub use reader::CodexReader;
