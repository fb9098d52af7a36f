//! Plans the execution of a logical plan.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

/// DataFusion's planner, with workarounds for two bugs of version 55.2.
///
/// - It makes scans skip rows that are not larger than the `max` found so far, even if another
///   aggregate beside it has a `FILTER` and has not seen a row that passes it.
/// - It loses track of constant keys while it plans sorts of several partitions or of the inputs of
///   a union, and the plan fails its sanity check. With one partition, or one sort for all, it does
///   not.
#[derive(Default)]
pub(super) struct Planner(DefaultPhysicalPlanner);

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
            return self.0.create_physical_plan(plan, session).await;
        };
        let mut state = state.clone();
        if has_filtered_aggregate(plan)? {
            let options = state.config_mut().options_mut();
            options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
        }
        let planned = self.0.create_physical_plan(plan, &state).await;
        if !is_refused(&planned) {
            return planned;
        }
        state.config_mut().options_mut().execution.target_partitions = 1;
        let planned = self.0.create_physical_plan(plan, &state).await;
        if !is_refused(&planned) {
            return planned;
        }
        state.config_mut().options_mut().optimizer.repartition_sorts = false;
        self.0.create_physical_plan(plan, &state).await
    }
}

fn is_refused(planned: &Result<Arc<dyn ExecutionPlan>>) -> bool {
    let check = SanityCheckPlan::new();
    matches!(planned, Err(DataFusionError::Context(rule, _)) if rule == check.name())
}

fn has_filtered_aggregate(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|part| match part {
                Expr::AggregateFunction(aggregate) => Ok(aggregate.params.filter.is_some()),
                _ => Ok(false),
            })?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Planner")
    }
}
