//! Joins outer rows with a subquery.

use std::collections::HashMap;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue, UnnestOptions, internal_err};
use datafusion::functions_nested;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, ExprSchemable, JoinType, LogicalPlan, LogicalPlanBuilder, lit, when,
};

use crate::query::rules::correlated_subqueries::shape::{Rows, Shape};

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
    let Shape { input, conditions, rows, outputs } = shape;
    let outer_columns = outer.schema().columns();
    let rows = match rows {
        Rows::Unnested { lists, elements, options } => {
            let lists = Lists { lists, elements, options };
            return lists.unnest(outer, outputs, keep, number);
        }
        rows => rows,
    };
    let row = Column::new_unqualified(format!("__outer_{number}_row"));
    let outer = LogicalPlanBuilder::from(outer).window([row_number().alias(&row.name)])?;

    // The inner columns get names that no outer column has.
    let mut columns = HashMap::new();
    let mut inner = Vec::new();
    for (index, column) in input.schema().columns().into_iter().enumerate() {
        let name = format!("__inner_{number}_{index}");
        inner.push(Expr::Column(column.clone()).alias(&name));
        columns.insert(column, Column::new_unqualified(name));
    }
    let is_matched = Column::new_unqualified(format!("__inner_{number}_matched"));
    inner.push(lit(true).alias(&is_matched.name));
    let is_matched = Expr::Column(is_matched).is_not_null();
    let inner = LogicalPlanBuilder::from(input).project(inner)?.build()?;
    let over_join = |expr: Expr| renamed(expr, &columns);

    let conditions = conditions.into_iter().map(over_join).collect::<Result<Vec<_>>>()?;
    // An aggregate has a row for each outer row, if only over no rows.
    let join_type = match (&rows, keep) {
        (Rows::Ranked { .. }, Keep::Matched) => JoinType::Inner,
        _ => JoinType::Left,
    };
    let conditions = if conditions.is_empty() { vec![lit(true)] } else { conditions };
    let joined = outer.join_on(inner, join_type, conditions)?;

    match rows {
        Rows::Unnested { .. } => internal_err!("lists are not joined"),
        Rows::Ranked { keys, limit } => {
            let mut joined = joined;
            if let Some(limit) = limit {
                let mut sorted = Vec::with_capacity(keys.len());
                for mut key in keys {
                    key.expr = over_join(key.expr)?;
                    sorted.push(key);
                }
                let rank = Column::new_unqualified(format!("__inner_{number}_rank"));
                let ranking = row_number().partition_by(vec![Expr::Column(row)]).order_by(sorted);
                joined = joined.window([ranking.build()?.alias(&rank.name)])?;
                let limit = u64::try_from(limit).unwrap_or(u64::MAX);
                joined = joined.filter(Expr::Column(rank).lt_eq(lit(limit)))?;
            }
            let mut results = Vec::with_capacity(outputs.len());
            for output in outputs {
                results.push(match over_join(output)? {
                    Expr::Column(column) if !outer_columns.contains(&column) => {
                        Expr::Column(column)
                    }
                    // It may have a value where there is no row, as coalesce does.
                    output if join_type == JoinType::Left => {
                        when(is_matched.clone(), output).end()?
                    }
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

/// The lists of an outer row, which become rows.
struct Lists {
    lists: Vec<Expr>,
    elements: Vec<Column>,
    options: UnnestOptions,
}

impl Lists {
    fn unnest(
        self,
        outer: LogicalPlan,
        outputs: Vec<Expr>,
        keep: Keep,
        number: usize,
    ) -> Result<Applied> {
        let Self { lists, elements, options } = self;
        let outer_columns = outer.schema().columns();
        let mut columns: Vec<_> = outer_columns.iter().cloned().map(Expr::Column).collect();
        let mut names = Vec::with_capacity(lists.len());
        for (index, list) in lists.into_iter().enumerate() {
            let mut list = renamed(list, &HashMap::new())?;
            if keep == Keep::All {
                // A NULL in place of a list stays as a row.
                let null = ScalarValue::try_from(&list.get_type(outer.schema())?)?;
                let is_empty = functions_nested::expr_fn::array_empty(list.clone());
                list = when(is_empty, lit(null)).otherwise(list)?;
            }
            let name = format!("__list_{number}_{index}");
            columns.push(list.alias(&name));
            names.push(Column::new_unqualified(name));
        }
        let options = options.with_preserve_nulls(keep == Keep::All);
        let unnested = LogicalPlanBuilder::from(outer).project(columns)?;
        let unnested = unnested.unnest_columns_with_options(names, options)?;
        let found = unnested.schema().columns().into_iter().skip(outer_columns.len());
        let found = elements.into_iter().zip(found).collect();
        let outputs = outputs.into_iter().map(|output| renamed(output, &found));
        let outputs = outputs.collect::<Result<Vec<_>>>()?;
        finish(unnested, outer_columns, outputs, number)
    }
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
