//! The progress of a plan's scans.

use std::sync::Arc;

use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricValue};

use crate::providers::metrics::ScanMetrics;

/// The progress of a query. Any thread can ask for it while another reads the
/// [`QueryStream`](crate::QueryStream), and after the stream is dropped. It does not keep the store
/// open.
#[derive(Debug, Clone, Default)]
pub struct QueryProgress {
    scans: Vec<ExecutionPlanMetricsSet>,
}

/// What the scans of a query have read so far, in total.
///
/// Each block that a scan has finished counts as pruned, counted or read. A scan that stops at a limit
/// leaves blocks out. A query that is answered from stored row counts and time ranges runs no scan, and
/// all counts are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanCounts {
    /// Rows read from the store.
    pub rows_read: u64,
    /// What was read of them, in bytes: their JSON, or their columns as stored.
    pub bytes_scanned: u64,
    /// The blocks of the tables.
    pub blocks_total: u64,
    /// Blocks that were ruled out without reading them.
    pub blocks_pruned: u64,
    /// Blocks that were answered by their stored row counts.
    pub blocks_counted: u64,
    /// Blocks from which rows were read.
    pub blocks_read: u64,
    /// Segments of 8 blocks of which columns were read instead of rows. Their blocks and rows count as
    /// read.
    pub segments_read: u64,
    /// Segments that were ruled out by the range or the texts of a column. Their blocks count as pruned.
    pub segments_pruned: u64,
    /// Segments whose columns are damaged, so that rows were read.
    pub segments_damaged: u64,
}

impl QueryProgress {
    pub(crate) fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let mut progress = Self::default();
        progress.add(plan);
        progress
    }

    fn add(&mut self, plan: &Arc<dyn ExecutionPlan>) {
        if let Some(leaf) = plan.downcast_ref::<DataSourceExec>() {
            self.scans.push(leaf.data_source().metrics());
        }
        for child in plan.children() {
            self.add(child);
        }
    }

    /// The counts up to now.
    pub fn counts(&self) -> ScanCounts {
        let mut counts = ScanCounts::default();
        for scan in &self.scans {
            let metrics = scan.clone_inner();
            let is_of_store =
                metrics.iter().any(|metric| metric.value().name() == ScanMetrics::ROWS_READ);
            for metric in metrics.iter() {
                let (name, count) = match metric.value() {
                    MetricValue::Count { name, count } => (name.as_ref(), count),
                    // The files of a lake.
                    MetricValue::OutputRows(count) if !is_of_store => {
                        (ScanMetrics::ROWS_READ, count)
                    }
                    _ => continue,
                };
                let sum = match name {
                    ScanMetrics::ROWS_READ => &mut counts.rows_read,
                    ScanMetrics::BYTES_SCANNED => &mut counts.bytes_scanned,
                    ScanMetrics::BLOCKS_TOTAL => &mut counts.blocks_total,
                    ScanMetrics::BLOCKS_PRUNED => &mut counts.blocks_pruned,
                    ScanMetrics::BLOCKS_COUNTED => &mut counts.blocks_counted,
                    ScanMetrics::BLOCKS_READ => &mut counts.blocks_read,
                    ScanMetrics::SEGMENTS_READ => &mut counts.segments_read,
                    ScanMetrics::SEGMENTS_PRUNED => &mut counts.segments_pruned,
                    ScanMetrics::SEGMENTS_DAMAGED => &mut counts.segments_damaged,
                    _ => continue,
                };
                *sum += count.value() as u64;
            }
        }
        counts
    }
}
