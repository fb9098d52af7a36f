//! Separates what is below a limit with an OFFSET from what is above it while sorts are placed.
//!
//! When DataFusion 55.2 places sorts, it treats `LIMIT 3 OFFSET 64` as a limit on the input rows,
//! and an OFFSET alone as an operator that a sort may move below. So `SELECT id FROM (SELECT id
//! FROM t ORDER BY id LIMIT 3 OFFSET 64) ORDER BY id` returns no row, and `.. (SELECT id FROM t
//! ORDER BY id OFFSET 64) ORDER BY id DESC` returns the wrong ones. The test here fails once
//! DataFusion is fixed; then remove this file.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
    SendableRecordBatchStream,
};

/// Applies the rule that places sorts to each part of a plan separately.
#[derive(Debug)]
pub(super) struct OffsetsApart(pub(super) Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl PhysicalOptimizerRule for OffsetsApart {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|plan| {
            match plan.downcast_ref::<GlobalLimitExec>().is_some_and(|limit| limit.skip() > 0) {
                true => {
                    Ok(Transformed::yes(Arc::new(Planned(self.0.optimize(plan, config)?)) as _))
                }
                false => Ok(Transformed::no(plan)),
            }
        });
        let plan = self.0.optimize(plan.data()?, config)?;
        plan.transform_down(|plan| match plan.downcast_ref::<Planned>() {
            Some(planned) => Ok(Transformed::yes(Arc::clone(&planned.0))),
            None => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// A finished part of a plan, which nothing can be pushed into.
#[derive(Debug)]
struct Planned(Arc<dyn ExecutionPlan>);

impl DisplayAs for Planned {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as(format, f)
    }
}

impl ExecutionPlan for Planned {
    fn name(&self) -> &'static str {
        "Planned"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("it is part of a plan only while sorts are placed")
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::{SessionConfig, SessionContext};

    #[tokio::test]
    async fn datafusion_still_sorts_below_an_offset() {
        let config = SessionConfig::new().with_target_partitions(1);
        let session = SessionContext::new_with_config(config);
        for (limit, order, right) in
            [("LIMIT 3 OFFSET 64", "a", "65 66 67"), ("OFFSET 97", "a DESC", "100 99 98")]
        {
            let sql = format!(
                "SELECT a FROM (SELECT a FROM (VALUES {}) t(a) ORDER BY a {limit}) ORDER BY {order}",
                (1..=100).map(|a| format!("({a})")).collect::<Vec<_>>().join(", ")
            );
            let batches = session.sql(&sql).await.unwrap().collect().await.unwrap();
            let text = pretty_format_batches(&batches).unwrap().to_string();
            let found: Vec<&str> =
                text.split(|c: char| !c.is_ascii_digit()).filter(|a| !a.is_empty()).collect();
            assert_ne!(found.join(" "), right, "DataFusion is fixed; can this file be removed?");
        }
    }
}
