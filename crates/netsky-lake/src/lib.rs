//! A lake: the rows of many machines as Parquet, in a directory or in a bucket of S3, GCS or Azure.
//!
//! Each machine records into a store of its own and pushes what is new with [`Push`]. [`Lake`] has all rows as the
//! tables and views of a store, with one more column, `machine`. Other programs read the files as they are:
//!
//! ```text
//! token_usage/date=2026-01-27/machine=dev3/000000017720-000000041003.parquet
//! ```
//!
//! ```
//! use netsky_db::{Db, TickRecord};
//! use netsky_lake::{Lake, Push};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = std::env::temp_dir().join(format!("netsky-lake-{}", std::process::id()));
//! let (store, lake) = (dir.join("meta.db"), dir.join("lake").display().to_string());
//! let db = Db::open_path(store)?;
//! db.record(&TickRecord::new(chrono::DateTime::UNIX_EPOCH, "cron", "{}"))?;
//! Push::new(&db, &lake, "dev3")?.run()?;
//!
//! let answer = Lake::open(&lake)?.db().query("SELECT machine, source FROM ticks")?;
//! assert!(answer.contains("| dev3    | cron   |"), "{answer}");
//! # std::fs::remove_dir_all(&dir)?;
//! # Ok(())
//! # }
//! ```
//!
//! Begin reading at `layout.rs`: the names of the files. `push.rs` writes them, `provider.rs` and `listing.rs` find
//! them, `read_ahead.rs` and `checked_file.rs` read them, `views.rs` makes the views know of machines.

#![warn(missing_docs)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod check;
mod checked_file;
mod claim;
#[cfg(test)]
mod counted_store;
mod error;
mod lake;
mod layout;
mod listing;
mod maintenance;
mod place;
mod provider;
mod push;
mod pushed;
mod read_ahead;
mod rows;
mod stores;
mod tables;
mod views;

pub use check::{DamagedFile, LakeChecked};
pub use error::{Error, Result};
pub use lake::Lake;
pub use layout::{Machine, file_of};
pub use maintenance::{LakeCompacted, LakePruned, MachineStatus};
pub use provider::LakeTable;
pub use push::{Push, PushReport};
pub use pushed::{Watermark, watermarks};
pub use read_ahead::with_read_ahead;
pub use stores::LakeStores;
pub use tables::tables;
pub use views::{per_machine, views};
