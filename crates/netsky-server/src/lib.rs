//! The HTTP server of netsky-db: it receives OpenTelemetry and hooks of agents, and records them.
//!
//! | Path | Body |
//! | --- | --- |
//! | `POST /v1/logs`, `/v1/metrics`, `/v1/traces` | OTLP, as `application/x-protobuf` or `application/json`, also with gzip |
//! | `POST /v1/hooks/claude-code` | what Claude Code tells a hook, as JSON |
//! | `GET /healthz` | |
//!
//! A request is answered with 200 after its rows are durable. A client that gets another answer, or none, sends
//! the request again; rows have keys, so that nothing is recorded twice.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use netsky_db::Db;
//! use netsky_ingest::otlp::Lookup;
//! use netsky_ingest::prices::Prices;
//! use netsky_ingest::{Committer, ReadOptions};
//! use netsky_server::{Server, ServerOptions};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let db = Db::open_path("meta.db")?;
//! let lookup = Lookup::new(Some(db.clone()), |_: &str, _: &str| None, ReadOptions::default());
//! let committer = Committer::new(db, Arc::new(Prices::load(None)?));
//! let server = Server::new(committer, lookup, ServerOptions::default());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:4318").await?;
//! server.run(listener, async { drop(tokio::signal::ctrl_c().await) }).await?;
//! # Ok(())
//! # }
//! ```

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
mod body;
mod connection;
mod guard;
pub mod mcp;
mod options;
mod receive;
mod received;
mod server;

pub use options::{HookReceiver, ServerOptions};
pub use received::{Received, Total};
pub use server::{Server, ServerError};
