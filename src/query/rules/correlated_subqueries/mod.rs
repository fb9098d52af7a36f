//! Runs subqueries that compare inner columns with outer ones by an inequality, or that return one row
//! of each outer row with `ORDER BY .. LIMIT`.
//!
//! DataFusion 55.2 runs a correlated scalar subquery only if it is an aggregate and compares by `=`,
//! and a `LATERAL` one only without a limit. Here the outer rows get numbers and are joined with the
//! inner rows once. Then the joined rows are aggregated, or ranked, by the number. Equal outer rows
//! have different numbers, and outer rows without a match stay, so that each outer row has its own
//! answer, as if the subquery ran for it alone.
//!
//! A subquery over lists of the outer row, as `unnest(t.list)` or `json_each(t.x)` in its FROM, unnests
//! them beside the outer row in place of the join. So do `EXISTS` and `IN`, as counts.
//!
//! [`shape`] recognizes a subquery, and [`apply`] builds the plan. What is not recognized stays, and
//! DataFusion refuses it.

mod apply;
mod shape;

use std::collections::HashSet;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Subquery,
    SubqueryAlias, lit,
};
use datafusion::optimizer::AnalyzerRule;

use apply::{Applied, Keep, apply};
use shape::Shape;

/// Replaces such subqueries by joins. It runs after type coercion.
#[derive(Debug)]
pub(super) struct CorrelatedSubqueries;

impl AnalyzerRule for CorrelatedSubqueries {
    fn name(&self) -> &'static str {
        "correlated_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let mut numbers = 0;
        let rewritten = plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Projection(node) => of_projection(node, &mut numbers),
            LogicalPlan::Filter(node) => of_filter(node, &mut numbers),
            LogicalPlan::Aggregate(node) => of_aggregate(node, &mut numbers),
            LogicalPlan::Join(node) => of_join(node, &mut numbers),
            other => Ok(Transformed::no(other)),
        })?;
        if !rewritten.transformed {
            return Ok(rewritten.data);
        }
        // A column can be nullable now.
        rewritten.data.transform_up(|node| node.recompute_schema().map(Transformed::yes)).data()
    }
}

fn of_projection(node: Projection, numbers: &mut usize) -> Result<Transformed<LogicalPlan>> {
    if !has_subquery(&node.expr) {
        return Ok(Transformed::no(LogicalPlan::Projection(node)));
    }
    let original = LogicalPlan::Projection(node.clone());
    let Some(input) = with_used_columns(&node.input, &node.expr)? else {
        return Ok(Transformed::no(original));
    };
    let names = NamePreserver::new(&original);
    let Some((input, exprs)) = replaced(input, node.expr, &names, numbers)? else {
        return Ok(Transformed::no(original));
    };
    let projection = LogicalPlanBuilder::from(input).project(exprs)?.build()?;
    Ok(Transformed::yes(projection))
}

fn of_filter(node: Filter, numbers: &mut usize) -> Result<Transformed<LogicalPlan>> {
    if !has_subquery(std::slice::from_ref(&node.predicate)) {
        return Ok(Transformed::no(LogicalPlan::Filter(node)));
    }
    let original = LogicalPlan::Filter(node.clone());
    let names = NamePreserver::new(&original);
    let input = node.input.as_ref().clone();
    let Some((input, exprs)) = replaced(input, vec![node.predicate], &names, numbers)? else {
        return Ok(Transformed::no(original));
    };
    let columns = node.input.schema().columns().into_iter().map(Expr::Column);
    let mut filtered = LogicalPlanBuilder::from(input);
    for predicate in exprs {
        filtered = filtered.filter(predicate)?;
    }
    Ok(Transformed::yes(filtered.project(columns)?.build()?))
}

fn of_aggregate(node: Aggregate, numbers: &mut usize) -> Result<Transformed<LogicalPlan>> {
    if !has_subquery(&node.group_expr) && !has_subquery(&node.aggr_expr) {
        return Ok(Transformed::no(LogicalPlan::Aggregate(node)));
    }
    let original = LogicalPlan::Aggregate(node.clone());
    let all: Vec<Expr> = node.group_expr.iter().chain(&node.aggr_expr).cloned().collect();
    let Some(input) = with_used_columns(&node.input, &all)? else {
        return Ok(Transformed::no(original));
    };
    let names = NamePreserver::new(&original);
    let Some((input, mut exprs)) = replaced(input, all, &names, numbers)? else {
        return Ok(Transformed::no(original));
    };
    let aggregates = exprs.split_off(node.group_expr.len());
    let aggregate = Aggregate::try_new(input.into(), exprs, aggregates)?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
}

/// Whether there is a subquery to replace. Most plans have none, and are left before they are copied.
fn has_subquery(exprs: &[Expr]) -> bool {
    let is_correlated = |part: &Expr| Ok(subquery_of(part).is_some());
    exprs.iter().any(|expr| expr.exists(is_correlated).unwrap_or(true))
}

/// Returns the correlated subquery of an expression that has a value for each outer row.
fn subquery_of(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery)
        | Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. }) => Some(subquery),
        _ => None,
    }
    .filter(|subquery| !subquery.outer_ref_columns.is_empty())
}

/// Returns the shape of such an expression, whose only output is its value.
fn shape_of(expr: &Expr) -> Result<Option<Shape>> {
    let Some(subquery) = subquery_of(expr) else { return Ok(None) };
    let Some(shape) = Shape::of(&subquery.subquery)? else { return Ok(None) };
    match expr {
        Expr::Exists(_) => Ok(shape.exists()),
        Expr::InSubquery(within) => shape.contains(&within.expr),
        _ => Ok(Some(shape)),
    }
}

fn is_negated(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Exists(Exists { negated: true, .. })
            | Expr::InSubquery(InSubquery { negated: true, .. })
    )
}

/// Replaces the subqueries in expressions over `input` by columns that it then has. `None` if there is
/// nothing to replace.
fn replaced(
    mut input: LogicalPlan,
    exprs: Vec<Expr>,
    names: &NamePreserver,
    numbers: &mut usize,
) -> Result<Option<(LogicalPlan, Vec<Expr>)>> {
    let mut subqueries: Vec<Expr> = Vec::new();
    for expr in &exprs {
        expr.apply(|part| {
            if subquery_of(part).is_some() && !subqueries.contains(part) {
                subqueries.push(part.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    let mut columns: Vec<(Expr, Expr)> = Vec::new();
    for subquery in subqueries {
        let Some(shape) = shape_of(&subquery)? else { continue };
        if shape.is_decorrelated_by_datafusion()
            || !shape.has_one_row()
            || !shape.fits(input.schema())
        {
            continue;
        }
        *numbers += 1;
        let Applied { plan, outputs } = apply(input, shape, Keep::All, *numbers)?;
        input = plan;
        for output in outputs {
            let value = if is_negated(&subquery) { !output } else { output };
            columns.push((subquery.clone(), value));
        }
    }
    if columns.is_empty() {
        return Ok(None);
    }
    let replace = |expr: Expr| {
        let name = names.save(&expr);
        let expr = expr.transform_down(|part| {
            let column = columns.iter().find(|(known, _)| *known == part);
            Ok(column.map_or_else(
                || Transformed::no(part.clone()),
                |(_, column)| Transformed::yes(column.clone()),
            ))
        })?;
        Ok(name.restore(expr.data))
    };
    let exprs = exprs.into_iter().map(replace).collect::<Result<Vec<_>>>()?;
    Ok(Some((input, exprs)))
}

/// Returns the input with only the columns that the expressions use, because an aggregation carries
/// all of them. `None` if an expression uses another column, of a query further out.
fn with_used_columns(input: &LogicalPlan, exprs: &[Expr]) -> Result<Option<LogicalPlan>> {
    let mut used: HashSet<Column> = HashSet::new();
    for expr in exprs {
        expr.apply(|part| {
            match part {
                Expr::Column(column) => {
                    used.insert(column.clone());
                }
                Expr::ScalarSubquery(subquery)
                | Expr::Exists(Exists { subquery, .. })
                | Expr::InSubquery(InSubquery { subquery, .. })
                | Expr::SetComparison(SetComparison { subquery, .. }) => {
                    used.extend(subquery.outer_ref_columns.iter().filter_map(
                        |outer| match outer {
                            Expr::OuterReferenceColumn(_, column) => Some(column.clone()),
                            _ => None,
                        },
                    ));
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    let schema = input.schema();
    if !used.iter().all(|column| schema.has_column(column)) {
        return Ok(None);
    }
    let columns: Vec<_> = schema
        .columns()
        .into_iter()
        .filter(|column| used.contains(column))
        .map(Expr::Column)
        .collect();
    if columns.len() == schema.fields().len() {
        return Ok(Some(input.clone()));
    }
    Ok(Some(LogicalPlanBuilder::from(input.clone()).project(columns)?.build()?))
}

fn of_join(node: Join, numbers: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let original = |node| Ok(Transformed::no(LogicalPlan::Join(node)));
    let keep = match node.join_type {
        JoinType::Inner => Keep::Matched,
        JoinType::Left => Keep::All,
        _ => return original(node),
    };
    let right = match node.right.as_ref() {
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. }) => input.as_ref(),
        right => right,
    };
    if !matches!(right, LogicalPlan::Subquery(_)) {
        return original(node);
    }
    let Some(mut shape) = Shape::of(&node.right)? else { return original(node) };
    let is_left_to_datafusion = shape.is_lateral_join_of_datafusion();
    if is_left_to_datafusion || !shape.fits(node.left.schema()) {
        return original(node);
    }
    let on = node.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let condition = on.chain(node.filter.clone()).filter(|filter| *filter != lit(true));
    let condition = condition.reduce(Expr::and);
    // The condition of a left join must not remove rows that it rejects.
    if let (Keep::All, Some(condition)) = (keep, &condition) {
        match shape.with_condition(condition.clone(), node.right.schema())? {
            Some(with_condition) => shape = with_condition,
            None => return original(node),
        }
    }
    *numbers += 1;
    let Applied { plan, outputs } = apply(node.left.as_ref().clone(), shape, keep, *numbers)?;
    let left = node.left.schema().columns().into_iter().map(Expr::Column);
    let right = node.right.schema().iter().zip(outputs).map(|((qualifier, field), output)| {
        output.alias_qualified(qualifier.cloned(), field.name())
    });
    let mut joined =
        LogicalPlanBuilder::from(plan).project(left.chain(right).collect::<Vec<_>>())?;
    if let (Keep::Matched, Some(condition)) = (keep, condition) {
        joined = joined.filter(condition)?;
    }
    Ok(Transformed::yes(joined.build()?))
}
