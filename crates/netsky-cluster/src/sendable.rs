//! Plans in a form in which nothing of them is lost when they are written.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{Column, Result};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder};

/// Replaces inputs without rows by tables without rows. DataFusion 55.2 writes that there are no rows, and not of
/// which columns.
pub(crate) fn sendable(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema })
            if !schema.fields().is_empty() =>
        {
            // Two columns can have one name, of two tables.
            let names: Vec<String> =
                (0..schema.fields().len()).map(|at| format!("c{at}")).collect();
            let fields = schema.fields().iter().zip(&names);
            let fields = fields.map(|(field, name)| Field::clone(field).with_name(name));
            let table = EmptyTable::new(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
            let columns = schema.iter().zip(&names).map(|((table, field), name)| {
                let column = Expr::Column(Column::new(Some("nothing"), name));
                column.alias_qualified(table.cloned(), field.name())
            });
            let plan =
                LogicalPlanBuilder::scan("nothing", provider_as_source(Arc::new(table)), None)?
                    .project(columns.collect::<Vec<_>>())?
                    .build()?;
            Ok(Transformed::yes(plan))
        }
        node => Ok(Transformed::no(node)),
    })
    .data()
}
