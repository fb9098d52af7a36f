//! What DataFusion asks of a source of rows. Nothing outside this folder implements its traits of
//! tables and plans.
//!
//! A query goes through the files in this order: [`provider`] answers the planner, and [`pushdown`]
//! turns its filters into [`ranges`]. [`source`] is the leaf of the plan: with the zones, ranges
//! become [`id_ranges`] to read, and [`statistics`] for the optimizer, which may then ask for an
//! [`order`] and add a [`predicate`], whose [`conjuncts`] are put into the order in which they are
//! evaluated. All of this is a [`scan_config`]. When the plan runs, [`scan`] starts tasks, each of which
//! reads with a [`reader`] and keeps a [`selection`] of each batch, and [`progress`] tells how far they
//! are.

mod conjuncts;
mod id_ranges;
mod metrics;
mod order;
mod predicate;
mod progress;
mod provider;
mod pushdown;
mod ranges;
mod reader;
mod scan;
mod scan_config;
mod selection;
mod skipped;
mod source;
mod statistics;

pub use progress::{QueryProgress, ScanCounts};

pub(crate) use conjuncts::{Turn, in_turn};
pub(crate) use provider::{FILTER_PUSHDOWN, ScanContext, StoreTable};
pub(crate) use skipped::SkippedRows;
