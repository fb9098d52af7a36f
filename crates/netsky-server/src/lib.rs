//! The server of netsky-db: it records OpenTelemetry and hooks of agents, and answers queries, over HTTP and the
//! protocol of PostgreSQL on one port.
//!
//! | Path | What |
//! | --- | --- |
//! | `POST /v1/logs`, `/v1/metrics`, `/v1/traces` | OTLP, as `application/x-protobuf` or `application/json`, also with gzip |
//! | `POST /v1/hooks/claude-code` | what Claude Code tells a hook, as JSON |
//! | `POST /query`, `GET /query?sql=` | an answer, as JSON, NDJSON, CSV, TSV, Markdown, Arrow or Parquet |
//! | `GET /events?table=` | the rows of a table as they are recorded |
//! | `GET /tables`, `GET /tables/NAME` | the tables, and the columns of one |
//! | `GET /metrics` | the store and the server, for Prometheus |
//! | `GET /healthz` | whether the store can be opened |
//!
//! A request to record is answered with 200 after its rows are durable. A client that gets another answer, or none,
//! sends the request again; rows have keys, so that nothing is recorded twice. A query runs in a process of its own,
//! read-only. [`mcp`] answers agents over standard input and output in the same way.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use netsky_db::Db;
//! use netsky_ingest::otlp::Lookup;
//! use netsky_ingest::prices::Prices;
//! use netsky_ingest::{Committer, ReadOptions};
//! use netsky_server::{Program, Queries, Server, ServerOptions};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let db = Db::open_path("meta.db")?;
//! let lookup = Lookup::new(Some(db.clone()), |_: &str, _: &str| None, ReadOptions::default());
//! let committer = Committer::new(db, Arc::new(Prices::load(None)?));
//! let server = Server::new(ServerOptions::default())
//!     .receive(committer, lookup)
//!     .answer(Queries::new(Program::new("/usr/bin/netsky", "meta.db"), "a secret token"));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:4318").await?;
//! server.run([listener], async { drop(tokio::signal::ctrl_c().await) }).await?;
//! # Ok(())
//! # }
//! ```

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
mod answer_format;
mod backend;
mod body;
mod chunks;
mod connection;
mod counts;
mod events;
mod failure;
mod followers;
#[doc(hidden)]
pub mod frame;
mod guard;
mod health;
mod history;
pub mod mcp;
mod metrics;
mod options;
mod page;
mod places;
mod poller;
mod postgres;
mod program;
mod prometheus;
mod queries;
mod query;
mod query_process;
mod query_request;
mod query_string;
mod receive;
mod received;
mod security_headers;
mod serve_file;
mod server;
mod state;
mod stop;
mod tables;

pub use failure::Failure;
pub use history::History;
pub use options::{HookReceiver, HookRefusal, ServerOptions};
#[cfg(unix)]
pub use postgres::PostgresSocket;
#[doc(hidden)]
pub use postgres::{read_client, split_statements};
pub use program::Program;
#[doc(hidden)]
pub use program::{ERRORS, PARENT};
pub use queries::Queries;
#[doc(hidden)]
pub use query_request::QueryRequest;
pub use received::{Received, Total};
pub use serve_file::{ClaimError, FoundServer, RunningServer, ServeFile, random_token};
pub use server::{Server, ServerError};
