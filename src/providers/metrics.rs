//! The metrics of a scan in `EXPLAIN ANALYZE`.

use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder,
};

/// The counters of a running scan.
#[derive(Debug, Clone)]
pub(super) struct ScanMetrics {
    pub(super) baseline: BaselineMetrics,
    /// The blocks of the table.
    pub(super) blocks_total: Count,
    /// Blocks that zones ruled out.
    pub(super) blocks_pruned: Count,
    /// Blocks that were answered by their row counts alone, which zones store.
    pub(super) blocks_counted: Count,
    /// Blocks from which rows were read.
    pub(super) blocks_read: Count,
    /// Rows read from the store.
    pub(super) rows_read: Count,
    /// What was read of the store, in bytes: the JSON of rows, and the columns of segments.
    pub(super) bytes_scanned: Count,
    /// Segments of which columns were read instead of rows.
    pub(super) segments_read: Count,
    /// Segments of which the ranges or the dictionaries of their columns ruled out every row.
    pub(super) segments_pruned: Count,
    /// Segments whose columns are damaged, so that rows were read.
    pub(super) segments_damaged: Count,
}

impl ScanMetrics {
    pub(super) const BLOCKS_TOTAL: &str = "blocks_total";
    pub(super) const BLOCKS_PRUNED: &str = "blocks_pruned";
    pub(super) const BLOCKS_COUNTED: &str = "blocks_counted";
    pub(super) const BLOCKS_READ: &str = "blocks_read";
    pub(super) const ROWS_READ: &str = "rows_read";
    pub(super) const BYTES_SCANNED: &str = "bytes_scanned";
    pub(super) const SEGMENTS_READ: &str = "segments_read";
    pub(super) const SEGMENTS_PRUNED: &str = "segments_pruned";
    pub(super) const SEGMENTS_DAMAGED: &str = "segments_damaged";

    pub(super) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name: &'static str| MetricBuilder::new(metrics).counter(name, partition);
        Self {
            baseline: BaselineMetrics::new(metrics, partition),
            blocks_total: counter(Self::BLOCKS_TOTAL),
            blocks_pruned: counter(Self::BLOCKS_PRUNED),
            blocks_counted: counter(Self::BLOCKS_COUNTED),
            blocks_read: counter(Self::BLOCKS_READ),
            rows_read: counter(Self::ROWS_READ),
            bytes_scanned: counter(Self::BYTES_SCANNED),
            segments_read: counter(Self::SEGMENTS_READ),
            segments_pruned: counter(Self::SEGMENTS_PRUNED),
            segments_damaged: counter(Self::SEGMENTS_DAMAGED),
        }
    }
}
