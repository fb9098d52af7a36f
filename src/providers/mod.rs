//! What DataFusion asks of a source of rows. Nothing outside this folder implements its traits of
//! tables and plans.
//!
//! A query goes through the files in this order: [`provider`] answers the planner, [`source`] is the
//! leaf of the plan, [`scan`] reads and decodes the rows when the plan runs.

mod provider;
mod scan;
mod source;

pub(crate) use provider::StoreTable;
