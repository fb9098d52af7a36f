//! Answers queries of PostgreSQL's clients from a store of netsky-db.
//!
//! A server keeps the connections of clients, and their sessions. For each query it asks a [`Backend`], in a process
//! of its own that can be killed, which parses, plans and runs the query, and encodes the answer. Both speak the
//! [messages](https://www.postgresql.org/docs/current/protocol-message-formats.html) of PostgreSQL's protocol.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod backend;
mod binary;
mod catalog;
mod column;
mod copy;
mod copy_format;
mod extension;
mod functions;
mod interval;
mod parameter;
mod request;
mod response;
mod rewrite;
mod sqlstate;
mod text;
mod types;

pub use backend::Backend;
