//! Which queries use temporary files, where memory is limited: those that only sort.
//!
//! A grouping that spilled a few times has never ended (DataFusion 55.2: five million rows of 500,000 groups
//! under 48 MiB, its tasks waiting for each other), so what groups or joins gets an error where memory
//! does not suffice.
//!
//! Sorts run with small batches. Beside what a sort counts, its merge holds some batches of each temporary
//! file: five million rows of three columns, sorted under 64 MiB, took 167 MiB of memory with DataFusion's
//! 8,192 rows a batch, and take 67 with 512, in the same time. With fewer, what there is once a batch and once
//! a file weighs more: all nine columns took 76 MiB with 512 rows and 118 with 256.

use std::sync::Arc;

use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

const BATCH_ROWS: usize = 512;

/// The context to run the plan in.
pub(super) fn context_for(
    plan: &Arc<dyn ExecutionPlan>,
    context: TaskContext,
) -> Result<TaskContext> {
    if only_sorts(plan) {
        let config = context.session_config().clone().with_batch_size(BATCH_ROWS);
        return Ok(context.with_session_config(config));
    }
    let no_files = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::from_runtime_env(&context.runtime_env());
    let runtime = runtime.with_disk_manager_builder(no_files).build_arc()?;
    Ok(context.with_runtime(runtime))
}

fn only_sorts(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let is_known = plan.is::<SortExec>()
        || plan.is::<SortPreservingMergeExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<DataSourceExec>()
        || plan.is::<AnalyzeExec>();
    is_known && plan.children().into_iter().all(only_sorts)
}
