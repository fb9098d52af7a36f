//! SQL over the store: a session, the runtime it runs on, and what may run.
//!
//! [`stream`] takes a query from its text to its batches. [`statement`] parses and plans it, in a session
//! that [`session`] puts together from DataFusion's rules and those here:
//!
//! - [`limited_scan`] and [`unique_sort_key`] let scans stop early;
//! - [`guarded_filter`] and [`common_subexpressions`] have conditions guard each other;
//! - the others work around faults of DataFusion 55.2, each of which its file names:
//!   [`aggregate_statistics`], [`comparisons`], [`empty_inputs`], [`filter_pushdown`], [`in_lists`],
//!   [`lossy_cast`], [`offset`], [`planner`], [`repeated_keys`], [`topk_keys`] and [`ungrouped_filter`].

mod aggregate_statistics;
mod cancellation;
mod catalog;
mod common_subexpressions;
mod comparisons;
mod dialect;
mod empty_inputs;
mod filter_pushdown;
mod function_memory;
mod guarded_filter;
mod in_lists;
mod interruptible;
mod json_arrows;
mod limited_scan;
mod lossy_cast;
mod offset;
mod output;
mod parameters;
mod planner;
mod repeated_keys;
mod runtime;
mod session;
mod statement;
mod statement_size;
mod stream;
mod time_text;
mod topk_keys;
mod ungrouped_filter;
mod unique_sort_key;

pub use output::{format_table, times_as_text};
pub use statement::check_condition;
pub use stream::QueryStream;

pub(crate) use parameters::scalar;
pub(crate) use runtime::QueryRuntime;
pub(crate) use session::Sessions;
pub(crate) use stream::{collect, start};
