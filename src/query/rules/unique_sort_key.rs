//! Drops redundant sort keys.
//!
//! Ids are unique within a table, so `ORDER BY id DESC, source` is equivalent to `ORDER BY id
//! DESC`, which a scan provides without a sort: with `LIMIT 5` it reads five rows. A unique
//! constraint would tell the optimizer the same, but DataFusion 55.2 maps constraints through a
//! projection by position, to whatever column is now in the place of the old one.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

use crate::providers::StoreTable;
use crate::query::rules::rewrite::Rewrite;

/// Cuts off an `ORDER BY` after the id of a table.
pub(super) const DROP_KEYS_AFTER_ID: Rewrite =
    Rewrite { name: "drop_keys_after_id", node: drop_keys_after_id };

fn drop_keys_after_id(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Sort(mut sort) = plan else { return Ok(Transformed::no(plan)) };
    let by_id = sort.expr.iter().position(
        |key| matches!(&key.expr, Expr::Column(column) if is_row_id(&sort.input, column)),
    );
    let keys = by_id.map_or(sort.expr.len(), |by_id| by_id + 1);
    let changed = keys < sort.expr.len();
    sort.expr.truncate(keys);
    Ok(Transformed::new_transformed(LogicalPlan::Sort(sort), changed))
}

/// Whether a column of the plan is the id of a table of which the plan has each row at most once.
fn is_row_id(plan: &LogicalPlan, column: &Column) -> bool {
    plan.schema().maybe_index_of_column(column).is_some_and(|index| is_row_id_at(plan, index))
}

fn is_row_id_at(plan: &LogicalPlan, index: usize) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => {
            scan.projected_schema.field(index).name() == "id"
                && source_as_provider(&scan.source).is_ok_and(|table| table.is::<StoreTable>())
        }
        LogicalPlan::Filter(filter) => is_row_id_at(&filter.input, index),
        LogicalPlan::Sort(sort) => is_row_id_at(&sort.input, index),
        LogicalPlan::Limit(limit) => is_row_id_at(&limit.input, index),
        LogicalPlan::Distinct(Distinct::All(input)) => is_row_id_at(input, index),
        LogicalPlan::SubqueryAlias(alias) => is_row_id_at(&alias.input, index),
        LogicalPlan::Projection(projection) => {
            match projection.expr.get(index).map(|expr| expr.clone().unalias_nested().data) {
                Some(Expr::Column(column)) => is_row_id(&projection.input, &column),
                _ => false,
            }
        }
        _ => false,
    }
}
