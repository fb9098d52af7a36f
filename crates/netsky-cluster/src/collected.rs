//! Answers that are collected by one task.
//!
//! If Ballista 55.0 loses an executor, it can do the last stage again, and gives a client the results of its tasks that
//! had ended as well. With one task there are none. `tasks` refuses rows of earlier stages that came twice.

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
