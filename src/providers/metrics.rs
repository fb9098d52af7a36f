//! What `EXPLAIN ANALYZE` says of a scan.

use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder,
};

/// The counters of a running scan.
#[derive(Debug, Clone)]
pub(super) struct ScanMetrics {
    pub(super) baseline: BaselineMetrics,
    /// Blocks that the table has.
    pub(super) blocks_total: Count,
    /// Blocks that zones showed to hold no wanted row.
    pub(super) blocks_skipped: Count,
    /// Blocks of which no more was wanted than the number of their rows, which zones tell.
    pub(super) blocks_counted: Count,
    /// Rows taken from the store.
    pub(super) rows_read: Count,
    /// The JSON of those rows.
    pub(super) json_bytes: Count,
}

impl ScanMetrics {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name| MetricBuilder::new(metrics).counter(name, partition);
        Self {
            baseline: BaselineMetrics::new(metrics, partition),
            blocks_total: counter("blocks_total"),
            blocks_skipped: counter("blocks_skipped"),
            blocks_counted: counter("blocks_counted"),
            rows_read: counter("rows_read"),
            json_bytes: counter("json_bytes"),
        }
    }
}
