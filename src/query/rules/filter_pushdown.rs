//! Lets DataFusion push a filter down only if it reaches the column that it refers to.
//!
//! When DataFusion 55.2 pushes a filter from an operator to its input, it looks up the filter's
//! columns by name. If the input has two columns with the same name, such as `id` in a join of two
//! tables, it takes the first. A scan that applies such a filter drops the wrong rows: `FROM spans
//! t1 RIGHT JOIN spans t2 ON t1.parent = t2.id WHERE t1.id IS NULL` returned no rows, because the
//! condition was pushed to `t2`. The same goes for dynamic filters of joins and TopK sorts.
//!
//! Remove this rule when DataFusion maps columns by position.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{JoinType, Result};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use crate::providers::FILTER_PUSHDOWN;

/// Applies DataFusion's rule to those parts of a plan in which column names are unambiguous. It
/// keeps the rule's name, by which our scans know that they can accept filters.
#[derive(Debug)]
pub(super) struct UnambiguousFilterPushdown(
    pub(super) Arc<dyn PhysicalOptimizerRule + Send + Sync>,
);

impl PhysicalOptimizerRule for UnambiguousFilterPushdown {
    fn name(&self) -> &str {
        FILTER_PUSHDOWN
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // The plan's own filters refer to columns of its inputs by position. From there on, each
        // operator has to map them.
        if plan.children().into_iter().all(is_mapped_everywhere) {
            return self.0.optimize(plan, config);
        }
        let children = plan.children().into_iter();
        let children = children.map(|child| self.optimize(Arc::clone(child), config));
        let children = children.collect::<Result<Vec<_>>>()?;
        replace_children_if_necessary(plan, children)
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn is_mapped_everywhere(plan: &Arc<dyn ExecutionPlan>) -> bool {
    is_mapped(plan) && plan.children().into_iter().all(is_mapped_everywhere)
}

/// Whether a filter on the operator's output becomes the same filter on its inputs.
fn is_mapped(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let inputs = || plan.children().into_iter().map(|input| input.schema());
    if plan.is::<ProjectionExec>() {
        // It replaces columns by their expressions, so its own column names must be unambiguous.
        return has_unique_names(&plan.schema());
    }
    if plan.is::<UnionExec>() {
        let names = |schema: &Schema| -> Vec<String> {
            schema.fields().iter().map(|field| field.name().clone()).collect()
        };
        let own = names(&plan.schema());
        return has_unique_names(&plan.schema()) && inputs().all(|input| names(&input) == own);
    }
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let input = aggregate.input().schema();
        // A group with the name of an input column must be that column.
        return aggregate.group_expr().expr().iter().all(|(group, name)| {
            let Ok(named) = input.index_of(name) else { return true };
            group.downcast_ref::<Column>().is_some_and(|column| column.index() == named)
        });
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>()
        && !maps_keys_across(join)
    {
        return false;
    }
    inputs().all(|input| has_unique_names(&input))
}

/// Whether a semi-join maps filters on its keys correctly. It passes them to both inputs, each time
/// by the name that the key has in its output.
fn maps_keys_across(join: &HashJoinExec) -> bool {
    let is_mapped =
        |key: &Arc<dyn PhysicalExpr>, partner: &Arc<dyn PhysicalExpr>, other: &Schema| {
            let Some(key) = key.downcast_ref::<Column>() else { return true };
            let Ok(named) = other.index_of(key.name()) else { return true };
            partner.downcast_ref::<Column>().is_some_and(|partner| partner.index() == named)
        };
    let (left, right) = (join.left().schema(), join.right().schema());
    match join.join_type() {
        JoinType::LeftSemi => join.on().iter().all(|(l, r)| is_mapped(l, r, &right)),
        JoinType::RightSemi => join.on().iter().all(|(l, r)| is_mapped(r, l, &left)),
        _ => true,
    }
}

fn has_unique_names(schema: &Schema) -> bool {
    let mut names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    names.sort_unstable();
    names.windows(2).all(|pair| pair[0] != pair[1])
}
