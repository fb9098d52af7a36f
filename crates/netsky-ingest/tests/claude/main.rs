//! Tests of the reader of Claude Code's transcripts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agents;
mod broken;
mod calls;
mod conversation;
mod harness;
mod restarts;
mod script;
mod telemetry;
mod totals;
