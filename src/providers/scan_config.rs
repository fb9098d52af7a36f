//! What a scan reads, as decided by the optimizer. The leaf of the plan, its statistics and the tasks
//! of a scan share it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;

use crate::providers::id_ranges::IdRanges;
use crate::providers::order::Order;
use crate::providers::predicate::Predicate;
use crate::providers::pushdown::Ranges;
use crate::providers::segments::SegmentCopies;
use crate::providers::skipped::SkippedRows;
use crate::store::Snapshot;
use crate::table::Table;

/// A scan of one table in one snapshot.
#[derive(Debug, Clone)]
pub(super) struct ScanConfig {
    pub(super) table: &'static Table,
    pub(super) snapshot: Arc<Snapshot>,
    /// Indices in [`Table::schema`], in output order.
    pub(super) projection: Vec<usize>,
    pub(super) schema: SchemaRef,
    pub(super) ranges: Arc<Ranges>,
    pub(super) id_ranges: Arc<IdRanges>,
    /// The columnar copies of segments that can be read instead of rows.
    pub(super) copies: Arc<SegmentCopies>,
    /// The filters that are not ranges.
    pub(super) predicate: Predicate,
    pub(super) order: Order,
    /// The keys of the sort that asked for the order and is still in the plan above.
    pub(super) sorted_by: Vec<Arc<dyn PhysicalExpr>>,
    /// The scan ends after this many rows.
    pub(super) fetch: Option<usize>,
    /// Whether the scan returns each text of its only column and the number of its rows, instead of the
    /// rows. A text can come several times.
    pub(super) counts_texts: bool,
    /// Counts the corrupt rows that are skipped. If `None`, a corrupt row fails the scan.
    pub(super) skipped: Option<Arc<SkippedRows>>,
    /// Whether the session has our rules, which correct DataFusion's mistakes with scans. Without them,
    /// a scan promises no more than that of a table in memory.
    pub(super) has_our_rules: bool,
}

impl ScanConfig {
    /// The columns that the projection and the predicate need, by their indices in
    /// [`Table::columns`].
    pub(super) fn columns(&self) -> Vec<usize> {
        let mut columns = self.predicate.columns();
        columns.extend(&self.projection);
        columns.into_iter().filter_map(|index| index.checked_sub(1)).collect()
    }
}
