//! From a logical to a physical plan.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

/// DataFusion's planner, asked again if it refuses its own plan.
///
/// DataFusion 55.2 loses sight of keys that have one value while it plans sorts of several partitions
/// or of the inputs of a union, and the plan fails its check. With one sort for all it does not.
#[derive(Default)]
pub(super) struct Planner(DefaultPhysicalPlanner);

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match self.0.create_physical_plan(plan, session).await {
            Err(DataFusionError::Context(rule, _)) if rule == SanityCheckPlan::new().name() => {
                let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
                    return self.0.create_physical_plan(plan, session).await;
                };
                let config = state.config().clone().with_target_partitions(1);
                let state = SessionStateBuilder::new_from_existing(state.clone())
                    .with_config(config.with_repartition_sorts(false))
                    .build();
                self.0.create_physical_plan(plan, &state).await
            }
            planned => planned,
        }
    }
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Planner")
    }
}
