//! The store's tables as DataFusion data sources. Only this folder implements DataFusion's traits for
//! tables and their plans.
//!
//! A query goes through the files in this order: [`provider`] answers the planner, and [`pushdown`]
//! turns filters into [`ranges`]. [`source`] is the leaf of the plan. It combines the ranges with the
//! zones into [`id_ranges`] to read, and computes [`statistics`] for the optimizer. The optimizer may
//! then ask for an [`order`] and add a [`predicate`], whose [`conjuncts`] are sorted by evaluation
//! order. A [`scan_config`] holds all of this. When the plan runs, [`scan`] starts tasks. Each task
//! reads with a [`reader`] and keeps a [`selection`] of each batch, and [`progress`] reports how far
//! the tasks are.

mod chunks;
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
mod segments;
mod selection;
mod skipped;
mod source;
mod statistics;

pub use progress::{QueryProgress, ScanCounts};
pub use pushdown::time_ranges;

pub(crate) use conjuncts::{EvaluationRank, conditions_by_rank};
pub(crate) use provider::{FILTER_PUSHDOWN, ScanContext, StoreTable};
pub(crate) use skipped::SkippedRows;
pub(crate) use source::scan_counted_texts;
