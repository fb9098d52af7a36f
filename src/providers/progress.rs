//! How far the scans of a plan have come.

use std::sync::Arc;

use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricValue};

use crate::providers::metrics::ScanMetrics;

/// How far a query has come. It can be asked from any thread while another reads the
/// [`QueryStream`](crate::QueryStream), and after that is dropped; it keeps nothing of the store.
#[derive(Debug, Clone, Default)]
pub struct QueryProgress {
    scans: Vec<ExecutionPlanMetricsSet>,
}

/// What the scans of a query have read so far, all together.
///
/// A block that a scan is done with has been skipped, counted or read; a scan that a limit stops
/// leaves some. What is answered from what is noted of the blocks needs no scan, and all is 0 then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanCounts {
    /// Rows taken from the store.
    pub rows_read: u64,
    /// The JSON of those rows, in bytes.
    pub bytes_scanned: u64,
    /// The blocks of the tables.
    pub blocks_total: u64,
    /// Blocks that were known to hold no wanted row.
    pub blocks_pruned: u64,
    /// Blocks of which no more was wanted than the number of their rows, which is known.
    pub blocks_counted: u64,
    /// Blocks of which rows were taken.
    pub blocks_read: u64,
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

    /// What has been read by now.
    pub fn counts(&self) -> ScanCounts {
        let mut counts = ScanCounts::default();
        for scan in &self.scans {
            for metric in scan.clone_inner().iter() {
                let MetricValue::Count { name, count } = metric.value() else { continue };
                let sum = match name.as_ref() {
                    ScanMetrics::ROWS_READ => &mut counts.rows_read,
                    ScanMetrics::BYTES_SCANNED => &mut counts.bytes_scanned,
                    ScanMetrics::BLOCKS_TOTAL => &mut counts.blocks_total,
                    ScanMetrics::BLOCKS_PRUNED => &mut counts.blocks_pruned,
                    ScanMetrics::BLOCKS_COUNTED => &mut counts.blocks_counted,
                    ScanMetrics::BLOCKS_READ => &mut counts.blocks_read,
                    _ => continue,
                };
                *sum += count.value() as u64;
            }
        }
        counts
    }
}
