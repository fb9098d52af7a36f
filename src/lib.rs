//! An observability database for fleets of coding agents: typed calls record what agents do, and
//! SQL asks about it.
//!
//! It is fourteen tables of JSON rows in one [redb](https://docs.rs/redb) file, read through a
//! [DataFusion](https://docs.rs/datafusion) `TableProvider` that streams rows out of the file and
//! decodes only the columns that a query needs. Many processes record and query at once.
//!
//! It is not a server, and not a store for metrics of machines: it keeps events of agents, on the
//! machine they run on.
//!
//! ```
//! use chrono::Utc;
//! use netsky_db::{Db, Direction, MessageRecord};
//!
//! # fn main() -> netsky_db::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("meta.db");
//! let db = Db::open_path(path)?; // `Db::open()` is ~/.netsky/meta.db
//! db.record_tick(Utc::now(), "watchdog", "{}")?;
//! db.record_message(MessageRecord {
//!     ts_utc: Utc::now(),
//!     source: "agent",
//!     direction: Direction::Outbound,
//!     chat_id: None,
//!     from_agent: Some("agent3"),
//!     to_agent: Some("agent0"),
//!     body: Some("tests pass"),
//!     raw_json: None,
//! })?;
//!
//! let answer = db.query("SELECT from_agent, body FROM messages ORDER BY ts_utc DESC LIMIT 5")?;
//! assert!(answer.contains("| agent3     | tests pass |"), "{answer}");
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! In reading order; a file imports only from those above it.
//!
//! | | |
//! | --- | --- |
//! | `nearest.rs` | "did you mean" |
//! | `error.rs` | [`Error`]: each variant says what to do next |
//! | `error_kind.rs` | [`ErrorKind`]: what to do about any error |
//! | `table.rs` | what a table is: [`Table`], [`Column`], [`Cell`], [`Record`], [`tables!`] |
//! | `schema.rs` | the catalogue: [`TABLES`], each declared once |
//! | `clock.rs` | the time of day |
//! | `view.rs`, `views.rs` | ready questions: [`View`], and all there are, [`VIEWS`] |
//! | `row/` | a row's JSON: encoded from records, decoded to Arrow, checked on import |
//! | `maintenance_progress.rs` | how far checks and copies are |
//! | `machine.rs` | how much memory there is |
//! | `options.rs` | [`OpenOptions`]: how to open a store |
//! | `temp_files.rs` | temporary files, and their end when the process is ended |
//! | `store/` | the redb file: opening, upgrading, appending, snapshots; only here is redb named |
//! | `thread_pool.rs` | threads for work that blocks |
//! | `providers/` | the `TableProvider` and its scan |
//! | `query/` | [`PreparedQuery`], [`QueryOptions`], sessions, the runtime, what SQL may do |
//! | `import.rs` | NDJSON into the store |
//! | `db.rs` | [`Db`], which puts it all together: opening and recording |
//! | `querying.rs` | the calls of [`Db`] that query |
//! | `maintenance.rs` | what a store needs now and then: checks, pruning, backups |
//! | `recorder.rs` | [`Recorder`]: recording without waiting for the disk |
//! | `demo/` | a synthetic fleet, with the feature `demo` |
//!
//! The command line is a package of its own, `netsky-cli`, on top of all this.

#![warn(missing_docs)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod clock;
mod db;
#[cfg(feature = "demo")]
pub mod demo;
mod error;
mod error_kind;
mod import;
#[doc(hidden)]
pub mod internal;
mod machine;
mod maintenance;
mod maintenance_progress;
mod nearest;
mod options;
mod providers;
mod query;
mod querying;
mod recorder;
mod row;
mod schema;
mod store;
mod table;
mod temp_files;
mod thread_pool;
mod view;
mod views;

pub use db::{Db, TableSummary};
pub use error::{Error, LockHolder, Result};
pub use error_kind::ErrorKind;
pub use import::Imported;
pub use maintenance::Pruned;
pub use maintenance_progress::{MaintenanceCounts, MaintenanceProgress};
pub use nearest::{Nearest, nearest};
pub use options::OpenOptions;
pub use providers::{QueryProgress, ScanCounts};
pub use query::{PreparedQuery, QueryOptions, QueryStream, format_table, times_as_text};
pub use recorder::Recorder;
pub use schema::{
    CliInvocationRecord, CloneDispatchRecord, CommunicationEventRecord, CrashRecord, Direction,
    GitOperationRecord, HarvestEventRecord, McpToolCallRecord, MessageRecord, OwnerDirectiveRecord,
    SCHEMA_VERSION, SessionEvent, SessionRecord, TABLES, TickRecord, TokenUsageRecord,
    WatchdogEventRecord, WorkspaceRecord,
};
pub use store::{CheckReport, Compacted, Copied, Fault, StoreStats, TableStats, UnknownTable};
pub use table::{Cell, Column, ColumnType, Record, Table, Value};
pub use temp_files::remove_temp_files;
pub use view::{View, ViewColumn, ViewType};
pub use views::VIEWS;

/// The versions of Arrow and DataFusion that this crate's types come from. Use them through here, so that
/// [`Db::table`] fits your session and batches fit your code.
///
/// Each release of DataFusion breaks its API, and takes another release of Arrow. So a release of this crate
/// with another version of either is a breaking one.
pub use {arrow, datafusion};

/// The README's example is compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
