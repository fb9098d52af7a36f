//! Lets DataFusion push projections only past filters that have none.
//!
//! A filter may embed a projection. When DataFusion 55.2 swaps a projection with such a filter, it
//! mistakes the columns of the filter's condition, which belong to its input, for columns of its
//! output, and the projection's columns for columns of the input. It does so if a name and a
//! position happen to be the same in both, as with two columns `id` of a join. So `SELECT
//! t2.id, t1.n + t2.n FROM t1 RIGHT JOIN t2 .. WHERE t1.id IS NOT DISTINCT FROM 3` adds another
//! column, or cannot be planned.
//!
//! So filters give up their projections first, and the rule embeds them again. The test here fails
//! once DataFusion is fixed; then remove this file.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

/// Applies DataFusion's rule to plans whose filters embed no projection.
#[derive(Debug)]
pub(super) struct UnembeddedProjectionPushdown(
    pub(super) Arc<dyn PhysicalOptimizerRule + Send + Sync>,
);

impl PhysicalOptimizerRule for UnembeddedProjectionPushdown {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|plan| match unembedded(&plan)? {
            Some(projection) => Ok(Transformed::yes(projection)),
            None => Ok(Transformed::no(plan)),
        });
        self.0.optimize(plan.data()?, config)
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Returns a filter with its projection above it; `None` if it has none.
fn unembedded(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(filter) = plan.downcast_ref::<FilterExec>() else { return Ok(None) };
    let Some(projection) = filter.projection() else { return Ok(None) };
    let schema = filter.input().schema();
    let columns = projection.iter().map(|index| {
        let name = schema.field(*index).name().clone();
        ProjectionExpr { expr: Arc::new(Column::new(&name, *index)), alias: name }
    });
    let columns: Vec<_> = columns.collect();
    let filter = FilterExecBuilder::from(filter).apply_projection(None)?.build()?;
    Ok(Some(Arc::new(ProjectionExec::try_new(columns, Arc::new(filter))?)))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::PhysicalExpr;
    use datafusion::physical_expr::expressions::{binary, lit};
    use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
    use datafusion::physical_plan::empty::EmptyExec;

    use super::*;

    fn column(name: &str, index: usize) -> Arc<dyn PhysicalExpr> {
        Arc::new(Column::new(name, index))
    }

    /// `SELECT t2.id, t1.n + t2.n .. WHERE t1.id = 3` over a join's `t1.id, t1.n, t2.id, t2.n`.
    fn plan() -> Arc<dyn ExecutionPlan> {
        let field = |name: &str| Field::new(name, DataType::Int64, false);
        let schema = Schema::new(["id", "n", "id", "n"].map(field).to_vec());
        let input = Arc::new(EmptyExec::new(Arc::new(schema)));
        let is_three = binary(column("id", 0), Operator::Eq, lit(3_i64), &input.schema()).unwrap();
        let filter = FilterExecBuilder::new(is_three, input).apply_projection(Some(vec![2, 1, 3]));
        let filter = Arc::new(filter.unwrap().build().unwrap());
        let sum = binary(column("n", 1), Operator::Plus, column("n", 2), &filter.schema()).unwrap();
        let columns = [(column("id", 0), "id"), (sum, "sum")];
        let columns = columns.map(|(expr, alias)| ProjectionExpr { expr, alias: alias.to_owned() });
        Arc::new(ProjectionExec::try_new(columns, filter).unwrap())
    }

    #[test]
    fn a_filter_keeps_its_own_columns() {
        let rule = UnembeddedProjectionPushdown(Arc::new(ProjectionPushdown::new()));
        let plan = rule.optimize(plan(), &ConfigOptions::new()).unwrap();
        let sum = plan.downcast_ref::<ProjectionExec>().unwrap().expr()[1].expr.to_string();
        let filter = plan.children()[0].downcast_ref::<FilterExec>().unwrap();
        assert_eq!(
            (sum.as_str(), filter.predicate().to_string().as_str()),
            ("n@1 + n@2", "id@0 = 3")
        );
        let embedded = filter.projection().as_ref().unwrap();
        assert_eq!(embedded.as_ref(), [2, 1, 3], "{embedded:?}");
    }

    #[test]
    fn datafusion_still_confuses_filter_columns() {
        let plan = ProjectionPushdown::new().optimize(plan(), &ConfigOptions::new());
        assert!(plan.is_err(), "DataFusion is fixed; can this file be removed?");
    }
}
