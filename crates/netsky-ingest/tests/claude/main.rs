//! Tests of the reader of Claude Code's transcripts against real ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
mod restarts;
mod totals;
