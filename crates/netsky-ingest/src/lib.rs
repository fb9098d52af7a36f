//! Reads the history of coding agents into a netsky-db store: transcripts of Claude Code and Codex, calls of
//! hooks, and OpenTelemetry.
