//! What a scan reads, as the optimizer has settled it: what the leaf of the plan, its statistics and the
//! tasks of a scan share.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;

use crate::providers::id_ranges::IdRanges;
use crate::providers::order::Order;
use crate::providers::predicate::Predicate;
use crate::providers::pushdown::Ranges;
use crate::providers::skipped::SkippedRows;
use crate::store::Snapshot;
use crate::table::Table;

/// A scan of one table in one snapshot.
#[derive(Debug, Clone)]
pub(super) struct ScanConfig {
    pub(super) table: &'static Table,
    pub(super) snapshot: Arc<Snapshot>,
    /// Indices in [`Table::schema`], in the order of the output.
    pub(super) projection: Vec<usize>,
    pub(super) schema: SchemaRef,
    pub(super) ranges: Arc<Ranges>,
    pub(super) id_ranges: Arc<IdRanges>,
    /// What else rows must pass.
    pub(super) predicate: Predicate,
    pub(super) order: Order,
    /// What the sort goes by that has asked for the order and still stands above.
    pub(super) sorted_by: Vec<Arc<dyn PhysicalExpr>>,
    /// The scan ends after this many rows.
    pub(super) fetch: Option<usize>,
    /// Counts the corrupt rows that are left out. `None` if the scan fails at one.
    pub(super) skipped: Option<Arc<SkippedRows>>,
    /// Whether the session has our rules, which mend what DataFusion makes of a scan. Without them a
    /// scan promises no more than one of a table in memory does.
    pub(super) is_ours: bool,
}
