//! Reads transcripts of Claude Code: those of sessions and those of their subagents, of all versions.
//!
//! Its versions differ in what they write when. Old ones write the lines of a message while it is made, with
//! counts that never become final; later ones write them when it is complete. So a call of a model is held until
//! its message says that it is complete, or a later message of the same conversation begins; a call of a tool,
//! until its result comes, or a later message begins.

mod context;
mod conversation;
mod dispatch;
mod event;
mod hand_out;
mod lenient;
mod model_call;
mod origin;
mod parse;
mod prose;
mod reader;
mod record;
mod subagent_file;
mod tool_call;
mod tool_result;

pub use reader::ClaudeReader;
