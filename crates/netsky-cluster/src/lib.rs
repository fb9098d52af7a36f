//! Queries of a lake on many machines, by Apache DataFusion Ballista.
//!
//! A cluster has a scheduler and executors, the processes of `netsky-cluster`. [`Cluster::db`] is a handle whose
//! queries run there: its plans are made and optimized in the process of the caller, as without a cluster, and then
//! sent. Begin reading at `client.rs`; `codec.rs` has what of a plan is netsky's.

#![warn(missing_docs)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod client;
mod cluster;
mod codec;
mod collected;
mod error;
mod executor;
mod functions;
mod job;
mod leaves;
mod limits;
mod message;
mod planner;
mod scheduler;
mod sendable;
mod settings;
mod single_rows;
mod stages;
mod tasks;

pub use cluster::{Cluster, SCHEDULER_PORT};
pub use error::{Error, Result};
pub use executor::Executor;
pub use job::cancel_jobs;
pub use scheduler::Scheduler;
