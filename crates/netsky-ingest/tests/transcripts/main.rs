//! Transcripts as rows in a store.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod codex;
mod codex_forks;
mod codex_otlp;
mod codex_robustness;
mod codex_versions;
mod exactly_once;
mod files;
mod history;
mod joined;
mod rollout;
mod store;
