//! SQL over the store.
//!
//! [`stream`] runs a query, given as SQL or as a plan from [`prepare`], and returns its batches. The
//! query runs as a [`task`] on its own threads. [`statement`] parses and plans the SQL in a session
//! that [`session`] builds, with DataFusion's rules and those in [`rules`].

mod cancellation;
mod catalog;
mod computed_columns;
mod dialect;
mod dictionary_aggregate;
mod extension;
mod function_list;
mod function_memory;
mod functions;
mod interruptible;
mod json_arrows;
mod json_path;
mod lenient_comparison;
mod memory;
#[cfg(test)]
mod operator_testing;
mod optimized_plans;
mod options;
mod origin;
mod output;
mod packed_sort;
mod parameters;
mod pattern;
mod planned;
mod planner;
mod prepare;
mod queries;
mod rules;
mod runtime;
mod session;
mod spill;
mod statement;
mod statement_size;
mod stream;
mod stream_exec;
mod syntax;
mod task;
mod text_dictionary;
mod time_text;
mod view_columns;

pub use cancellation::Cancellation;
pub use extension::{Register, Rewrite, SqlExtension};
pub use function_list::functions;
pub use functions::{Category, FUNCTIONS, Function, ListedFunction, with_functions};
pub use interruptible::interruptible;
pub use optimized_plans::session_for_optimized_plans;
pub use options::QueryOptions;
pub use origin::TableSource;
pub use output::{format_table, times_as_text};
pub use prepare::PreparedQuery;
pub use statement::check_condition;
pub use stream::QueryStream;

pub(crate) use origin::Origin;
pub(crate) use queries::Queries;
pub(crate) use session::SessionFactory;
pub(crate) use stream::{collect, run};
pub(crate) use task::block_on;
pub(crate) use view_columns::compare_columns;
