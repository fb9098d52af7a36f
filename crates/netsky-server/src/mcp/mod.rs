//! A server of the Model Context Protocol (MCP), for agents that ask about their fleet.
//!
//! The protocol is JSON-RPC 2.0, one message a line, on standard input and output. The server holds no store:
//! each call of a tool runs `netsky` with a command and `--json` as a child process, which ends with the call.
//! So a query that does not yield stops nobody, its memory is limited, and it can be cancelled.
//!
//! This is the part of MCP that a server of tools and resources needs. The crate `rmcp` has all of it, but
//! turns on features of `tokio-util`, `serde`, `chrono` and others that DataFusion uses, too, so that builds
//! with and without this crate would not share one DataFusion.
//!
//! ```no_run
//! use netsky_server::mcp::{McpOptions, McpServer};
//!
//! # async fn serve() {
//! let options = McpOptions::new("/usr/bin/netsky").history("/var/fleet.db");
//! McpServer::new(options).run(std::io::stdin(), std::io::stdout()).await;
//! # }
//! ```

mod arguments;
mod child;
mod lines;
mod message;
mod methods;
mod options;
mod outcome;
mod parameter;
mod reply;
mod resources;
mod rows;
mod server;
mod tool;
mod tools;
mod versions;

pub use options::McpOptions;
pub use server::McpServer;
