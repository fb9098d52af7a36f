//! The leaves of plans, of which each task of a query has a part.
//!
//! Ballista 55.0 gives a task its part of files and of rows in memory. Beside other inputs of a union, it fails with a
//! row that is made while the plan runs: `SELECT a FROM t UNION ALL SELECT 'x'` lacked a row, and with a GROUP BY it
//! did not end. The tests of answers have such unions.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue, not_impl_err};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// Makes rows that a plan makes while it runs rows in memory, and refuses what tasks cannot have parts of.
#[derive(Debug)]
pub(crate) struct DivisibleLeaves;

impl PhysicalOptimizerRule for DivisibleLeaves {
    fn name(&self) -> &'static str {
        "divisible_leaves"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            if !plan.children().is_empty() || is_divisible(plan.as_ref()) {
                return Ok(Transformed::no(plan));
            }
            let schema = plan.schema();
            let rows = match () {
                () if plan.is::<PlaceholderRowExec>() => vec![one_row(&schema)?],
                () if plan.is::<EmptyExec>() => Vec::new(),
                () => return not_impl_err!("{} cannot run on a cluster", plan.name()),
            };
            let partitions = vec![rows; plan.output_partitioning().partition_count()];
            let source = MemorySourceConfig::try_new(&partitions, schema, None)?;
            Ok(Transformed::yes(DataSourceExec::from_data_source(source)))
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn one_row(schema: &SchemaRef) -> Result<RecordBatch> {
    // Nobody reads the values, but a column may be declared without nulls.
    let columns = schema.fields().iter().map(|field| match field.is_nullable() {
        true => Ok(new_null_array(field.data_type(), 1)),
        false => ScalarValue::new_default(field.data_type())?.to_array_of_size(1),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let columns = columns.collect::<Result<_>>()?;
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

fn is_divisible(plan: &dyn ExecutionPlan) -> bool {
    let Some(leaf) = plan.downcast_ref::<DataSourceExec>() else { return false };
    let source: &dyn std::any::Any = leaf.data_source().as_ref();
    source.is::<FileScanConfig>() || source.is::<MemorySourceConfig>()
}
