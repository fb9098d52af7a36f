//! Parts of a query over rows that the catalogue never has, such as foreign keys. They are never run, so what the planner
//! cannot plan there may be left out.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Join, JoinOperator, Query, Select, SelectItem, SetExpr, SetOperator,
    TableFactor, Value, Values, Visit, VisitMut, Visitor, VisitorMut, visit_expressions_mut,
};

use crate::catalog::{Catalog, has_value, is_empty};

use super::ast::{last_name, normalized, only_argument, take};
use super::select::{is_aggregate, relation_of};
use super::select_list::list_function;

/// Subqueries over functions of outer columns cannot be planned beside other tables. In the select list of a query over
/// rows that the catalogue never has, such as foreign keys, they are never run, and can be null.
pub fn drop_subqueries_without_rows(select: &mut Select, catalog: &Catalog) {
    let mut items = select.projection.iter();
    let calls =
        |item: &SelectItem| Visit::visit(item, &mut FunctionBesideTable::default()).is_break();
    if !items.any(calls) || is_aggregate(select) || has_rows(select, catalog) {
        return;
    }
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            let _ = expr.visit(&mut NoSubqueries);
        }
    }
}

struct NoSubqueries;

impl VisitorMut for NoSubqueries {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let mut value: &Expr = expr;
        // With the function, because the planner does not unnest null.
        if let Expr::Function(function) = value
            && last_name(&function.name).is_some_and(|name| name == "unnest")
            && let Some(list) = only_argument(function)
        {
            value = list;
        }
        while let Expr::Nested(inner) = value {
            value = inner;
        }
        if let Expr::Subquery(_) = value
            && Visit::visit(value, &mut FunctionBesideTable::default()).is_break()
        {
            *expr = Expr::value(Value::Null);
        }
        ControlFlow::Continue(())
    }
}

/// Leaves out the queries of a `UNION` over rows that the catalogue never has. Without its recursive part, a common
/// table expression can use outer columns.
pub fn drop_branches_without_rows(query: &mut Query, catalog: &Catalog) {
    let Some(with) = query.with.as_mut().filter(|with| with.recursive) else { return };
    for table in &mut with.cte_tables {
        if let SetExpr::SetOperation { op: SetOperator::Union, left, right, .. } =
            table.query.body.as_mut()
            && let SetExpr::Select(select) = right.as_ref()
            && !is_aggregate(select)
            && !has_rows(select, catalog)
        {
            let left = std::mem::replace(
                left.as_mut(),
                SetExpr::Values(Values {
                    explicit_row: false,
                    value_keyword: false,
                    rows: Vec::new(),
                }),
            );
            *table.query.body = left;
        }
    }
    let is_union =
        |body: &SetExpr| matches!(body, SetExpr::SetOperation { op: SetOperator::Union, .. });
    with.recursive = with.cte_tables.iter().any(|table| is_union(&table.query.body));
}

/// Finds a subquery with a table and a function of rows.
#[derive(Default)]
struct FunctionBesideTable {
    tables: usize,
    functions: usize,
    depth: usize,
}

impl FunctionBesideTable {
    fn found(&self) -> ControlFlow<()> {
        match self.tables > 0 && self.functions > 0 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

impl Visitor for FunctionBesideTable {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Function { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::Table { args: Some(_), .. } => {
                self.functions += 1;
            }
            TableFactor::Table { .. } => self.tables += 1,
            _ => {}
        }
        self.found()
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && self.depth > 0
            && last_name(&function.name)
                .is_some_and(|name| name == "unnest" || list_function(&name).is_some())
        {
            self.functions += 1;
        }
        self.found()
    }
}

/// Leaves out the branches of a `CASE` whose condition no row of the catalogue meets.
pub fn drop_cases_without_rows(select: &mut Select, catalog: &Catalog) {
    let mut projection = std::mem::take(&mut select.projection);
    for item in &mut projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            let _ = visit_expressions_mut(expr, |expr| {
                if let Expr::Case { operand: None, conditions, else_result, .. } = expr {
                    conditions.retain(|when| may_be_met(&when.condition, select, catalog));
                    if conditions.is_empty() {
                        let null = Expr::value(Value::Null);
                        *expr = else_result.as_mut().map_or(null, |expr| take(expr));
                    }
                }
                ControlFlow::<()>::Continue(())
            });
        }
    }
    select.projection = projection;
}

fn may_be_met(condition: &Expr, select: &Select, catalog: &Catalog) -> bool {
    let Some((of, column, wanted)) = equality(condition) else { return true };
    let factors = select.from.iter().flat_map(|from| {
        std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
    });
    let mut tables = factors.filter(|factor| name_of(factor).as_ref() == Some(&of));
    let relation = tables.next().and_then(|factor| relation_of(factor, catalog));
    relation.is_none_or(|relation| has_value(catalog, relation, &column, &wanted))
}

/// The name that a table has in its query.
fn name_of(factor: &TableFactor) -> Option<String> {
    let TableFactor::Table { name, alias, .. } = factor else { return None };
    alias.as_ref().map(|alias| normalized(&alias.name)).or_else(|| last_name(name))
}

/// Whether the tables in FROM may have rows that meet the conditions. Conditions on one column are compared with the
/// rows of the catalogue.
fn has_rows(select: &Select, catalog: &Catalog) -> bool {
    let factors = select.from.iter().flat_map(|from| {
        let is_inner = |join: &&Join| {
            matches!(
                join.join_operator,
                JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_)
            )
        };
        let joined = from.joins.iter().take_while(is_inner).map(|join| &join.relation);
        std::iter::once(&from.relation).chain(joined)
    });
    let conditions = select.selection.as_ref().map(conjuncts).unwrap_or_default();
    factors.into_iter().all(|factor| {
        let Some(relation) = relation_of(factor, catalog) else { return true };
        let table = name_of(factor);
        conditions.iter().all(|condition| {
            let Some((of, column, wanted)) = equality(condition) else { return true };
            Some(of) != table || has_value(catalog, relation, &column, &wanted)
        }) && !is_empty(catalog, relation)
    })
}

fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut all = conjuncts(left);
            all.extend(conjuncts(right));
            all
        }
        Expr::Nested(inner) => conjuncts(inner),
        expr => vec![expr],
    }
}

/// The table, column and text of `t.c = 'x'`.
fn equality(expr: &Expr) -> Option<(String, String, String)> {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = expr else { return None };
    let (Expr::CompoundIdentifier(names), Expr::Value(value)) = (left.as_ref(), right.as_ref())
    else {
        return None;
    };
    let [table, column] = names.as_slice() else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    Some((normalized(table), normalized(column), text.clone()))
}
