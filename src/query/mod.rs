//! SQL over the store: a session, the runtime it runs on, and what may run.
//!
//! [`stream`] takes a query from its text to its batches. [`statement`] parses and plans it, in a session
//! that [`session`] puts together, by DataFusion's rules and those in [`rules`].

mod cancellation;
mod catalog;
mod computed_columns;
mod dialect;
mod function_memory;
mod interruptible;
mod json_arrows;
mod output;
mod parameters;
mod planner;
mod rules;
mod runtime;
mod session;
mod spill;
mod statement;
mod statement_size;
mod stream;
mod time_text;

pub use output::{format_table, times_as_text};
pub use statement::check_condition;
pub use stream::QueryStream;

pub(crate) use parameters::scalar;
pub(crate) use runtime::QueryRuntime;
pub(crate) use session::SessionFactory;
pub(crate) use stream::{collect, start};
