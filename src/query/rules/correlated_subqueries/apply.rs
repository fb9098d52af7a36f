//! Joins outer rows with a subquery.

use std::collections::HashMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::functions::core;
use datafusion::functions_nested;
use datafusion::functions_nested::length::array_length_udf;
use datafusion::functions_nested::range::range_udf;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, ExprSchemable, JoinType, LogicalPlan, LogicalPlanBuilder, cast, lit,
    when,
};

use crate::query::rules::correlated_subqueries::shape::{Lists, Rows, Shape, Source};

/// The outer rows that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    All,
    /// Those for which the subquery has a row.
    Matched,
}

/// The outer rows with the subquery's columns.
pub(super) struct Applied {
    /// A plan with all columns of the outer plan, under their names.
    pub(super) plan: LogicalPlan,
    /// The subquery's columns in it.
    pub(super) outputs: Vec<Expr>,
}

/// Joins each outer row with the rows that the subquery has for it. `number` tells the added columns
/// from those of other subqueries.
pub(super) fn apply(
    outer: LogicalPlan,
    shape: Shape,
    keep: Keep,
    number: usize,
) -> Result<Applied> {
    let Shape { source, conditions, rows, outputs } = shape;
    let outer_columns = outer.schema().columns();
    // An aggregate has a row for each outer row, if only over no rows.
    let keep = match rows {
        Rows::Aggregated(_) => Keep::All,
        Rows::Ranked { .. } => keep,
    };
    let row = Column::new_unqualified(format!("__outer_{number}_row"));
    let outer = match (&source, &rows) {
        (Source::Lists(_), Rows::Ranked { limit: None, .. })
            if keep == Keep::Matched || conditions.is_empty() =>
        {
            LogicalPlanBuilder::from(outer)
        }
        _ => LogicalPlanBuilder::from(outer).window([row_number().alias(&row.name)])?,
    };
    let Joined { plan: mut joined, columns, is_matched, has_unmatched_rows } = match source {
        Source::Plan(input) => join(outer, input, conditions, keep, number)?,
        Source::Lists(lists) => unnest(outer, lists, conditions, keep, number)?,
    };
    let over_join = |expr: Expr| renamed(expr, &columns);

    match rows {
        Rows::Ranked { keys, limit } => {
            // An outer row with several rows of which none is matched stays once.
            let keeps_one = has_unmatched_rows && keep == Keep::All;
            if limit.is_some() || keeps_one {
                let mut sorted = Vec::with_capacity(keys.len() + 1);
                if keeps_one {
                    sorted.push(is_matched.clone().sort(false, false));
                }
                for mut key in keys {
                    key.expr = over_join(key.expr)?;
                    sorted.push(key);
                }
                let rank = Column::new_unqualified(format!("__inner_{number}_rank"));
                let ranking = row_number().partition_by(vec![Expr::Column(row)]).order_by(sorted);
                joined = joined.window([ranking.build()?.alias(&rank.name)])?;
                let rank = Expr::Column(rank);
                if let Some(limit) = limit {
                    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
                    joined = joined.filter(rank.clone().lt_eq(lit(limit)))?;
                }
                if keeps_one {
                    joined = joined.filter(is_matched.clone().or(rank.eq(lit(1_u64))))?;
                }
            }
            let mut results = Vec::with_capacity(outputs.len());
            for output in outputs {
                results.push(match over_join(output)? {
                    Expr::Column(column)
                        if !has_unmatched_rows && !outer_columns.contains(&column) =>
                    {
                        Expr::Column(column)
                    }
                    // It may have a value where there is no row, as coalesce does.
                    output if keep == Keep::All => when(is_matched.clone(), output).end()?,
                    output => output,
                });
            }
            finish(joined, outer_columns, results, number)
        }
        Rows::Aggregated(aggregates) => {
            let groups = std::iter::once(row).chain(outer_columns.iter().cloned());
            let mut results = HashMap::new();
            let mut computed = Vec::with_capacity(aggregates.len());
            for (index, (column, aggregate)) in aggregates.into_iter().enumerate() {
                let name = format!("__aggregate_{number}_{index}");
                computed.push(only_matched(over_join(aggregate)?, &is_matched)?.alias(&name));
                results.insert(column, Column::new_unqualified(name));
            }
            let aggregated = joined.aggregate(groups.map(Expr::Column), computed)?;
            let outputs = outputs.into_iter().map(|output| renamed(output, &results));
            finish(aggregated, outer_columns, outputs.collect::<Result<Vec<_>>>()?, number)
        }
    }
}

/// Outer rows, each with the rows of the subquery's source.
struct Joined {
    plan: LogicalPlanBuilder,
    /// The columns of the source in it, which have names that no outer column has.
    columns: HashMap<Column, Column>,
    /// Whether there is a row of the source that meets the conditions.
    is_matched: Expr,
    /// Whether an outer row can have several rows that are not matched.
    has_unmatched_rows: bool,
}

fn join(
    outer: LogicalPlanBuilder,
    input: LogicalPlan,
    conditions: Vec<Expr>,
    keep: Keep,
    number: usize,
) -> Result<Joined> {
    let mut columns = HashMap::new();
    let mut inner = Vec::new();
    for (index, column) in input.schema().columns().into_iter().enumerate() {
        let name = format!("__inner_{number}_{index}");
        inner.push(Expr::Column(column.clone()).alias(&name));
        columns.insert(column, Column::new_unqualified(name));
    }
    let is_matched = Column::new_unqualified(format!("__inner_{number}_matched"));
    inner.push(lit(true).alias(&is_matched.name));
    let inner = LogicalPlanBuilder::from(input).project(inner)?.build()?;
    let conditions = conditions.into_iter().map(|condition| renamed(condition, &columns));
    let mut conditions = conditions.collect::<Result<Vec<_>>>()?;
    if conditions.is_empty() {
        conditions.push(lit(true));
    }
    let join_type = match keep {
        Keep::All => JoinType::Left,
        Keep::Matched => JoinType::Inner,
    };
    let plan = outer.join_on(inner, join_type, conditions)?;
    let is_matched = Expr::Column(is_matched).is_not_null();
    Ok(Joined { plan, columns, is_matched, has_unmatched_rows: false })
}

fn unnest(
    outer: LogicalPlanBuilder,
    lists: Lists,
    conditions: Vec<Expr>,
    keep: Keep,
    number: usize,
) -> Result<Joined> {
    let Lists { exprs, elements, options } = lists;
    let outer_columns = outer.schema().columns();
    let outer_exprs = || outer_columns.iter().cloned().map(Expr::Column).collect::<Vec<_>>();
    let mut projected = outer_exprs();
    let mut names = Vec::with_capacity(exprs.len() + 1);
    for (index, list) in exprs.into_iter().enumerate() {
        let name = format!("__list_{number}_{index}");
        projected.push(renamed(list, &HashMap::new())?.alias(&name));
        names.push(Column::new_unqualified(name));
    }
    let mut plan = outer.project(projected)?;
    if keep == Keep::All {
        let mut projected = outer_exprs();
        let mut lengths = Vec::with_capacity(names.len());
        for name in &names {
            let list = Expr::Column(name.clone());
            let length = cast(array_length_udf().call(vec![list.clone()]), DataType::Int64);
            lengths.push(core::coalesce().call(vec![length, lit(0_i64)]));
            // A NULL in place of a list stays as a row.
            let null = ScalarValue::try_from(&list.get_type(plan.schema())?)?;
            let is_empty = functions_nested::expr_fn::array_empty(list.clone());
            projected.push(when(is_empty, lit(null)).otherwise(list)?.alias(&name.name));
        }
        // Elements can be NULL, so a list of numbers tells which rows have one.
        let length = core::greatest().call(lengths);
        let name = format!("__list_{number}_numbers");
        projected.push(range_udf().call(vec![lit(0_i64), length]).alias(&name));
        names.push(Column::new_unqualified(name));
        plan = plan.project(projected)?;
    }
    let options = options.with_preserve_nulls(keep == Keep::All);
    let mut plan = plan.unnest_columns_with_options(names, options)?;
    let mut unnested = plan.schema().columns().into_iter().skip(outer_columns.len());
    let columns = elements.into_iter().zip(&mut unnested).collect();
    let has_element = unnested.next().map(|numbers| Expr::Column(numbers).is_not_null());
    let conditions = conditions.into_iter().map(|condition| renamed(condition, &columns));
    let conditions = conditions.collect::<Result<Vec<_>>>()?;
    let has_unmatched_rows = keep == Keep::All && !conditions.is_empty();
    if keep == Keep::Matched {
        for condition in conditions {
            plan = plan.filter(condition)?;
        }
        return Ok(Joined { plan, columns, is_matched: lit(true), has_unmatched_rows });
    }
    let is_matched = has_element.into_iter().chain(conditions).reduce(Expr::and);
    // NULL is not a match, and would be sorted before one.
    let is_matched = is_matched.unwrap_or_else(|| lit(true)).is_true();
    Ok(Joined { plan, columns, is_matched, has_unmatched_rows })
}

/// Adds the subquery's columns to the outer ones, under names of their own.
fn finish(
    plan: LogicalPlanBuilder,
    outer_columns: Vec<Column>,
    outputs: Vec<Expr>,
    number: usize,
) -> Result<Applied> {
    let names = (0..outputs.len()).map(|index| format!("__subquery_{number}_{index}"));
    let named = outputs.into_iter().zip(names.clone()).map(|(output, name)| output.alias(name));
    let columns = outer_columns.into_iter().map(Expr::Column).chain(named).collect::<Vec<_>>();
    let plan = plan.project(columns)?.build()?;
    let outputs = names.map(|name| Expr::Column(Column::new_unqualified(name))).collect();
    Ok(Applied { plan, outputs })
}

/// Limits an aggregate to rows that have a match. An outer row without one is joined with NULLs, which
/// `count(*)` would count.
fn only_matched(aggregate: Expr, is_matched: &Expr) -> Result<Expr> {
    let only = |part: Expr| match part {
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            let filter = match params.filter {
                Some(filter) => is_matched.clone().and(*filter),
                None => is_matched.clone(),
            };
            params.filter = Some(Box::new(filter));
            let aggregate = Expr::AggregateFunction(AggregateFunction { func, params });
            Ok(Transformed::new(aggregate, true, TreeNodeRecursion::Jump))
        }
        other => Ok(Transformed::no(other)),
    };
    aggregate.transform_down(only).data()
}

/// Replaces columns by others, and outer columns by plain ones.
fn renamed(expr: Expr, columns: &HashMap<Column, Column>) -> Result<Expr> {
    expr.transform(|part| {
        Ok(match part {
            Expr::OuterReferenceColumn(_, column) => Transformed::yes(Expr::Column(column)),
            Expr::Column(column) => match columns.get(&column) {
                Some(renamed) => Transformed::yes(Expr::Column(renamed.clone())),
                None => Transformed::no(Expr::Column(column)),
            },
            other => Transformed::no(other),
        })
    })
    .data()
}
