//! An observability database for fleets of coding agents. Programs record what agents do through
//! typed calls, and query it in SQL.
//!
//! A store is one [redb](https://docs.rs/redb) file with fourteen tables of JSON rows. Queries read it
//! through a [DataFusion](https://docs.rs/datafusion) `TableProvider`, which streams rows out of the
//! file and decodes only the columns that a query needs. Many processes can record and query at once.
//!
//! It is not a server and does not store metrics of machines. It stores the events of agents on the
//! machine that they run on.
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
//!     from_agent: Some("agent3"),
//!     to_agent: Some("agent0"),
//!     body: Some("tests pass"),
//!     ..MessageRecord::new(Utc::now(), "agent", Direction::Outbound)
//! })?;
//!
//! let answer = db.query("SELECT from_agent, body FROM messages ORDER BY ts_utc DESC LIMIT 5")?;
//! assert!(answer.contains("| agent3     | tests pass |"), "{answer}");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! - `sql`, on by default: queries, with [DataFusion](https://docs.rs/datafusion). It has `Db::query`
//!   and the other calls that return rows, `Db::session`, `Db::table`, and the options of queries.
//!   Without it (`default-features = false`) the library opens and upgrades stores, records, imports
//!   NDJSON, and does all maintenance. It then compiles 44 crates instead of 222, without Arrow and
//!   DataFusion, which suits a hook that only records.
//! - `demo`: a synthetic fleet, `netsky_db::demo`.
//!
//! # Layout
//!
//! The files in reading order. A file uses only those above it, and no two use each other. Files of the
//! feature `sql` are marked.
//!
//! | | |
//! | --- | --- |
//! | `nearest.rs` | "did you mean" |
//! | `position.rs` | a place in SQL |
//! | `row_location.rs` | the place of a row in its source |
//! | `datafusion_message.rs` | DataFusion's messages in words of SQL (`sql`) |
//! | `error.rs` | [`Error`]: each variant says what to do next |
//! | `names.rs` | enums whose variants have names |
//! | `datafusion_error.rs` | errors that pass through DataFusion (`sql`) |
//! | `error_kind.rs` | [`ErrorKind`]: what to do about any error |
//! | `table.rs` | what a table is: [`Table`], [`Column`], [`Cell`], [`Record`], [`tables!`] |
//! | `schema.rs` | the catalogue: [`TABLES`], each declared once |
//! | `clock.rs` | the time of day |
//! | `view.rs`, `views.rs` | views, which answer common questions: [`View`], and the list of them, [`VIEWS`] |
//! | `row/` | a row's JSON: encoded from records, decoded to Arrow (`sql`), checked on import |
//! | `maintenance_progress.rs` | the progress of checks and copies |
//! | `machine.rs` | the memory of the machine (`sql`) |
//! | `options.rs` | [`OpenOptions`]: how to open a store |
//! | `temp_files.rs` | temporary files, and deleting them when the process is ended |
//! | `duplicates.rs` | [`Duplicates`]: what happens to rows that a table already has |
//! | `store/` | the redb file: opening, upgrading, appending, snapshots; no other file names redb |
//! | `thread_pool.rs` | threads for work that blocks (`sql`) |
//! | `providers/` | the `TableProvider` and its scan (`sql`) |
//! | `query/` | [`PreparedQuery`], [`QueryOptions`], sessions, the runtime, which SQL is allowed (`sql`) |
//! | `appender.rs`, `append_batch.rs` | [`Appender`]: appends rows of any form to a table, all or none |
//! | `db.rs` | [`Db`]: opening and recording |
//! | `import.rs` | recording in bulk |
//! | `async_recording.rs` | recording from asynchronous code |
//! | `querying.rs` | the calls of [`Db`] that query (`sql`) |
//! | `maintenance.rs` | checks, pruning, backups and compaction |
//! | `recorder.rs` | [`Recorder`]: recording without waiting for the disk |
//! | `demo/` | a synthetic fleet, with the feature `demo` |
//!
//! The command line is a separate package, `netsky-cli`.

// docs.rs shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(feature = "sql")]
mod append_batch;
mod appender;
mod async_recording;
mod clock;
mod columnar;
#[cfg(feature = "sql")]
mod datafusion_error;
#[cfg(feature = "sql")]
mod datafusion_message;
mod db;
#[cfg(feature = "demo")]
pub mod demo;
mod directory;
mod duplicates;
mod error;
mod error_kind;
mod hash;
mod import;
#[doc(hidden)]
pub mod internal;
#[cfg(feature = "sql")]
mod machine;
mod maintenance;
mod maintenance_progress;
mod names;
mod nearest;
mod options;
mod position;
#[cfg(feature = "sql")]
mod providers;
#[cfg(feature = "sql")]
mod query;
#[cfg(feature = "sql")]
mod querying;
mod recorder;
#[cfg(test)]
mod recording_tests;
mod row;
mod row_location;
mod schema;
mod store;
mod table;
mod temp_files;
#[cfg(feature = "sql")]
mod thread_pool;
mod upsert;
mod view;
mod views;

pub use appender::Appender;
pub use db::{Db, TableSummary};
pub use duplicates::{Committed, Duplicates};
pub use error::{Error, LockHolder, Result};
pub use error_kind::ErrorKind;
pub use import::Imported;
pub use maintenance::Pruned;
pub use maintenance_progress::{MaintenanceCounts, MaintenanceProgress};
pub use names::ParseNameError;
pub use nearest::{Nearest, nearest};
pub use options::OpenOptions;
pub use position::Position;
#[cfg(feature = "sql")]
pub use providers::{QueryProgress, ScanCounts};
#[cfg(feature = "sql")]
pub use query::{
    Category, FUNCTIONS, Function, ListedFunction, PreparedQuery, QueryOptions, QueryStream,
    format_table, functions, times_as_text,
};
pub use recorder::Recorder;
pub use row_location::{RowLocation, RowUnit};
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
#[cfg(feature = "sql")]
pub use {arrow, datafusion};

// Compiles and runs the examples of the documents.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
#[cfg(doctest)]
#[doc = include_str!("../docs/rust.md")]
struct FromRust;
