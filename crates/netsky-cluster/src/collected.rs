//! Answers that are collected by one task.
//!
//! When Ballista 55.0 loses an executor, it may repeat the last stage, and the client also gets the results of tasks that
//! had already finished. With a single task there are none. `tasks` refuses rows of earlier stages that come twice.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

#[derive(Debug)]
pub(crate) struct CollectedAnswer;

impl PhysicalOptimizerRule for CollectedAnswer {
    fn name(&self) -> &'static str {
        "collected_answer"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(match plan.output_partitioning().partition_count() {
            0 | 1 => plan,
            _ => Arc::new(CoalescePartitionsExec::new(plan)),
        })
    }

    fn schema_check(&self) -> bool {
        true
    }
}
