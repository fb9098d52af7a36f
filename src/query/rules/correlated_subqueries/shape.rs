//! Recognizes the subqueries that can be joined.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, UnnestOptions};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::Sort as SortKey;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, ExprFunctionExt, FetchType, Filter, LogicalPlan,
    LogicalPlanBuilder, Operator, Projection, SkipType, Sort, SubqueryAlias, Unnest, lit, when,
};

/// A subquery, and what is done with its rows for each outer row. The expressions are over the columns of
/// the source and the outer ones.
pub(super) struct Shape {
    pub(super) source: Source,
    /// The conditions with outer columns, or on the elements of lists.
    pub(super) conditions: Vec<Expr>,
    pub(super) rows: Rows,
    /// The subquery's columns. Over an aggregation, its columns in place of the source's.
    pub(super) outputs: Vec<Expr>,
}

/// Where the rows of a subquery come from.
pub(super) enum Source {
    /// A plan without outer columns, with the conditions that have none.
    Plan(LogicalPlan),
    /// The elements of lists, which are computed from the outer row.
    Lists(Lists),
}

/// `unnest(..)` in `FROM`.
pub(super) struct Lists {
    pub(super) exprs: Vec<Expr>,
    /// The columns of the elements, in the order of the lists.
    pub(super) elements: Vec<Column>,
    pub(super) options: UnnestOptions,
}

/// What is done with the rows that fit an outer row.
pub(super) enum Rows {
    /// They are aggregated to one row. With the columns of the aggregates.
    Aggregated(Vec<(Column, Expr)>),
    /// The first ones in an order are returned, or all.
    Ranked { keys: Vec<SortKey>, limit: Option<usize> },
}

impl Shape {
    /// Returns the shape of a correlated subquery. `None` if it has another one.
    pub(super) fn of(subquery: &LogicalPlan) -> Result<Option<Self>> {
        let outputs = subquery.schema().columns().into_iter().map(Expr::Column).collect();
        let mut top = Peeled { exprs: outputs, ..Peeled::default() };
        let Some(below) = top.peel(subquery)? else { return Ok(None) };
        let aggregate = match below {
            LogicalPlan::Aggregate(aggregate) if has_outer_columns(below)? => aggregate,
            _ => {
                // An aggregation has one row, of which the outputs compute something.
                let has_one_row = below.max_rows() == Some(1) && top.conditions.is_empty();
                let limit = if has_one_row { top.limit.or(Some(1)) } else { top.limit };
                return top.finish(below, |top| {
                    let rows = Rows::Ranked { keys: std::mem::take(&mut top.keys), limit };
                    (rows, std::mem::take(&mut top.exprs))
                });
            }
        };
        // HAVING could remove the only row.
        let is_one_row = aggregate.group_expr.is_empty() && top.conditions.is_empty();
        if !is_one_row || top.limit == Some(0) {
            return Ok(None);
        }
        let Aggregate { aggr_expr, schema, input, .. } = aggregate;
        let exprs = aggr_expr.iter().map(|aggregate| aggregate.clone().unalias()).collect();
        let mut bottom = Peeled { exprs, ..Peeled::default() };
        let Some(below) = bottom.peel(input)? else { return Ok(None) };
        if bottom.limit.is_some() || matches!(below, LogicalPlan::Aggregate(_)) {
            return Ok(None);
        }
        let columns = schema.columns();
        let outputs = top.exprs;
        // An order of the only row, or of the rows below, has no effect.
        bottom.finish(below, |bottom| {
            let aggregates = columns.into_iter().zip(std::mem::take(&mut bottom.exprs)).collect();
            (Rows::Aggregated(aggregates), outputs)
        })
    }

    /// Returns the shape of `EXISTS (subquery)` over lists. DataFusion runs the others.
    pub(super) fn exists(self) -> Option<Self> {
        let has_rows = matches!(self.rows, Rows::Ranked { limit, .. } if limit != Some(0));
        if !has_rows || !self.is_of_lists() {
            return None;
        }
        let found = Column::new_unqualified("found");
        let outputs = vec![Expr::Column(found.clone()).gt(lit(0_i64))];
        let rows = Rows::Aggregated(vec![(found, count(lit(1_i64)))]);
        Some(Self { rows, outputs, ..self })
    }

    /// Returns the shape of `value IN (subquery)` over lists, which is NULL if no row is equal and one is
    /// not comparable. DataFusion runs the others.
    pub(super) fn contains(self, value: &Expr) -> Result<Option<Self>> {
        let has_all_rows = matches!(self.rows, Rows::Ranked { limit: None, .. });
        let [element] = self.outputs.as_slice() else { return Ok(None) };
        if !has_all_rows || !self.is_of_lists() || has_subquery(value) {
            return Ok(None);
        }
        let is_equal = value.clone().eq(element.clone());
        let (equal, unknown) =
            (Column::new_unqualified("equal"), Column::new_unqualified("unknown"));
        let is_any = |column: &Column| Expr::Column(column.clone()).gt(lit(0_i64));
        let output = when(is_any(&equal), lit(true))
            .when(is_any(&unknown), lit(ScalarValue::Boolean(None)))
            .otherwise(lit(false))?;
        let count_if = |condition: Expr| count(lit(1_i64)).filter(condition).build();
        let counts =
            vec![(equal, count_if(is_equal.clone())?), (unknown, count_if(is_equal.is_null())?)];
        Ok(Some(Self { rows: Rows::Aggregated(counts), outputs: vec![output], ..self }))
    }

    /// Adds the condition of a join with the subquery, whose columns have the names of the schema. `None` if
    /// it would have to be computed after the subquery.
    pub(super) fn with_condition(self, condition: Expr, schema: &DFSchema) -> Result<Option<Self>> {
        let has_all_rows = matches!(self.rows, Rows::Ranked { limit: None, .. });
        if !has_all_rows || !self.is_of_lists() || has_subquery(&condition) {
            return Ok(None);
        }
        let mut added =
            Peeled { conditions: split_conjunction_owned(condition), ..Peeled::default() };
        added.substitute(schema, self.outputs.clone())?;
        let mut conditions = self.conditions;
        conditions.extend(added.conditions);
        Ok(Some(Self { conditions, ..self }))
    }

    fn is_of_lists(&self) -> bool {
        matches!(self.source, Source::Lists(_))
    }

    /// Whether DataFusion runs it as a scalar subquery.
    pub(super) fn is_decorrelated_by_datafusion(&self) -> bool {
        let Rows::Aggregated(aggregates) = &self.rows else { return false };
        let mut computed = aggregates.iter().map(|(_, aggregate)| aggregate).chain(&self.outputs);
        !self.is_of_lists()
            && self.conditions.iter().all(is_equality)
            && !computed.any(Expr::contains_outer)
    }

    /// Whether DataFusion runs it on the right side of a lateral join.
    pub(super) fn is_lateral_join_of_datafusion(&self) -> bool {
        match &self.rows {
            Rows::Aggregated(_) => self.is_decorrelated_by_datafusion(),
            Rows::Ranked { limit, .. } => limit.is_none() && !self.is_of_lists(),
        }
    }

    /// Whether it has at most one row for each outer row.
    pub(super) fn has_one_row(&self) -> bool {
        match self.rows {
            Rows::Aggregated(_) => true,
            Rows::Ranked { limit, .. } => limit == Some(1),
        }
    }

    /// Whether its outer columns are those of the schema, and not of a query further out.
    pub(super) fn fits(&self, outer: &DFSchema) -> bool {
        let fits = |expr: &Expr| {
            !expr
                .exists(|part| match part {
                    Expr::OuterReferenceColumn(_, column) => Ok(!outer.has_column(column)),
                    _ => Ok(false),
                })
                .unwrap_or(true)
        };
        let of_rows = match &self.rows {
            Rows::Aggregated(aggregates) => aggregates.iter().all(|(_, expr)| fits(expr)),
            Rows::Ranked { keys, .. } => keys.iter().all(|key| fits(&key.expr)),
        };
        let of_source = match &self.source {
            Source::Plan(_) => true,
            Source::Lists(lists) => lists.exprs.iter().all(fits),
        };
        of_rows && of_source && self.outputs.iter().chain(&self.conditions).all(fits)
    }
}

/// The nodes above a plan, as expressions over its columns.
#[derive(Default)]
struct Peeled {
    exprs: Vec<Expr>,
    conditions: Vec<Expr>,
    keys: Vec<SortKey>,
    limit: Option<usize>,
}

impl Peeled {
    /// Takes off nodes down to an aggregation, or to a plan without outer columns. `None` if a node
    /// cannot be taken off.
    fn peel<'a>(&mut self, mut plan: &'a LogicalPlan) -> Result<Option<&'a LogicalPlan>> {
        while has_outer_columns(plan)? {
            plan = match plan {
                LogicalPlan::Subquery(subquery) => &subquery.subquery,
                LogicalPlan::SubqueryAlias(SubqueryAlias { input, schema, .. }) => {
                    let columns = input.schema().columns().into_iter().map(Expr::Column);
                    self.substitute(schema, columns.collect())?;
                    input
                }
                LogicalPlan::Projection(Projection { expr, input, schema, .. }) => {
                    if expr.iter().any(|expr| expr.is_volatile() || has_subquery(expr)) {
                        return Ok(None);
                    }
                    self.substitute(schema, expr.clone())?;
                    input
                }
                LogicalPlan::Filter(Filter { predicate, input, .. }) => {
                    self.conditions.extend(split_conjunction_owned(predicate.clone()));
                    input
                }
                LogicalPlan::Sort(Sort { expr, input, fetch: None }) => {
                    // A sort below another one, or below an aggregation, has no effect.
                    if self.keys.is_empty() {
                        self.keys.clone_from(expr);
                    }
                    input
                }
                LogicalPlan::Limit(limit) => {
                    let is_first = self.limit.is_none()
                        && self.keys.is_empty()
                        && self.conditions.is_empty()
                        && matches!(limit.get_skip_type()?, SkipType::Literal(0));
                    let FetchType::Literal(Some(fetch)) = limit.get_fetch_type()? else {
                        return Ok(None);
                    };
                    if !is_first {
                        return Ok(None);
                    }
                    self.limit = Some(fetch);
                    &limit.input
                }
                LogicalPlan::Aggregate(_) | LogicalPlan::Unnest(_) => return Ok(Some(plan)),
                _ => return Ok(None),
            };
        }
        Ok(Some(plan))
    }

    /// Replaces the columns of a schema by expressions over the plan below.
    fn substitute(&mut self, schema: &DFSchema, exprs: Vec<Expr>) -> Result<()> {
        let exprs = exprs.into_iter().map(Expr::unalias);
        let by_column: HashMap<Column, Expr> = schema.columns().into_iter().zip(exprs).collect();
        let keys = self.keys.iter_mut().map(|key| &mut key.expr);
        for expr in self.exprs.iter_mut().chain(&mut self.conditions).chain(keys) {
            *expr = std::mem::take(expr)
                .transform_down(|part| match &part {
                    Expr::Column(column) => Ok(match by_column.get(column) {
                        // The replacement is over other columns, so it is not replaced again.
                        Some(below) => {
                            Transformed::new(below.clone(), true, TreeNodeRecursion::Jump)
                        }
                        None => Transformed::no(part),
                    }),
                    _ => Ok(Transformed::no(part)),
                })
                .data()?;
        }
        Ok(())
    }

    /// Returns the shape with the plan below. Conditions without outer columns become part of it.
    fn finish(
        mut self,
        below: &LogicalPlan,
        rows: impl FnOnce(&mut Self) -> (Rows, Vec<Expr>),
    ) -> Result<Option<Shape>> {
        let lists = match below {
            LogicalPlan::Unnest(unnest) if has_outer_columns(below)? => match Lists::of(unnest) {
                Some(lists) => Some(lists),
                None => return Ok(None),
            },
            _ => None,
        };
        let (conditions, local): (Vec<_>, Vec<_>) = std::mem::take(&mut self.conditions)
            .into_iter()
            .partition(|condition| lists.is_some() || condition.contains_outer());
        let (rows, outputs) = rows(&mut self);
        let computed = match &rows {
            Rows::Aggregated(aggregates) => aggregates.iter().map(|(_, expr)| expr).collect(),
            Rows::Ranked { keys, .. } => keys.iter().map(|key| &key.expr).collect::<Vec<_>>(),
        };
        if computed.into_iter().chain(&outputs).chain(&conditions).any(has_subquery)
            || local.iter().any(has_correlated_subquery)
        {
            return Ok(None);
        }
        let source = match lists {
            Some(lists) => Source::Lists(lists),
            None => {
                let mut input = LogicalPlanBuilder::from(Arc::new(below.clone()));
                for condition in local {
                    input = input.filter(condition)?;
                }
                Source::Plan(input.build()?)
            }
        };
        Ok(Some(Shape { source, conditions, rows, outputs }))
    }
}

impl Lists {
    /// Returns the lists of `unnest(..)` in `FROM`. `None` if there is more than lists, or an element has
    /// more than one column.
    fn of(unnest: &Unnest) -> Option<Self> {
        let LogicalPlan::Projection(Projection { expr, input, schema, .. }) = unnest.input.as_ref()
        else {
            return None;
        };
        let columns = schema.columns();
        let elements = unnest.schema.columns();
        let is_plain = matches!(input.as_ref(), LogicalPlan::EmptyRelation(_))
            && unnest.struct_type_columns.is_empty()
            && unnest.exec_columns == columns
            && elements.len() == columns.len();
        if !is_plain || expr.iter().any(has_subquery) {
            return None;
        }
        let exprs = expr.iter().map(|list| list.clone().unalias()).collect();
        Some(Self { exprs, elements, options: unnest.options.clone() })
    }
}

/// Whether the plan, or a subquery in it, has outer columns.
fn has_outer_columns(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= node.contains_outer_reference();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn has_subquery(expr: &Expr) -> bool {
    let is_subquery = |part: &Expr| {
        Ok(matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
        ))
    };
    expr.exists(is_subquery).unwrap_or(true)
}

/// Whether a subquery in the expression has outer columns. They would be of the plan itself, whose
/// columns may have other names now.
fn has_correlated_subquery(expr: &Expr) -> bool {
    let is_correlated = |part: &Expr| {
        Ok(match part {
            Expr::ScalarSubquery(subquery) => !subquery.outer_ref_columns.is_empty(),
            Expr::Exists(exists) => !exists.subquery.outer_ref_columns.is_empty(),
            Expr::InSubquery(within) => !within.subquery.outer_ref_columns.is_empty(),
            Expr::SetComparison(compared) => !compared.subquery.outer_ref_columns.is_empty(),
            _ => false,
        })
    };
    expr.exists(is_correlated).unwrap_or(true)
}

/// Whether the condition is an equality of an inner and an outer expression.
fn is_equality(condition: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else {
        return false;
    };
    let is_outer = |side: &Expr| side.contains_outer() && side.column_refs().is_empty();
    let is_inner = |side: &Expr| !side.contains_outer();
    (is_outer(left) && is_inner(right)) || (is_inner(left) && is_outer(right))
}
