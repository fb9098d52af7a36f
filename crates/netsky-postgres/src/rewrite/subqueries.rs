//! Subqueries in places where the planner takes none.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, OrderByKind, Query, Select, SelectItem, SetExpr,
    TableFactor, UnaryOperator, Values, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::catalog::Catalog;
use crate::functions::SingleValue;
use crate::sqlstate::Failure;

use super::ast::{call, ident, last_name, normalized, number, query, take};
use super::inline::inline_only_table;
use super::select::{is_aggregate, plain_select, relation_of};

/// `array(SELECT x ..)` is `(SELECT array_agg(x) ..)`, and empty instead of null.
pub fn array_of(mut subquery: Query) -> Result<Expr, Failure> {
    inline_only_table(&mut subquery);
    let order = subquery.order_by.take();
    let plain = plain_select(&mut subquery).filter(|select| !is_aggregate(select));
    let aggregate = match plain {
        Some(select) => {
            let Some(value) = only_value(select) else {
                return Err(Failure::new("42601", "subquery must return only one column"));
            };
            let order = match order.map(|order| order.kind) {
                // By the column itself.
                Some(OrderByKind::Expressions(mut by)) => {
                    for by in &mut by {
                        if matches!(&by.expr, Expr::Value(_)) {
                            by.expr = value.clone();
                        }
                    }
                    by
                }
                _ => Vec::new(),
            };
            let clauses = match order.is_empty() {
                true => Vec::new(),
                false => vec![FunctionArgumentClause::OrderBy(order)],
            };
            let mut aggregate = call("array_agg", vec![value]);
            if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) =
                &mut aggregate
            {
                list.clauses = clauses;
            }
            set_value(select, aggregate);
            subquery
        }
        None => {
            subquery.order_by = order;
            let mut outer = *query("SELECT array_agg(\"value\") FROM (SELECT 1) AS a(\"value\")")?;
            if let SetExpr::Select(select) = outer.body.as_mut()
                && let Some(from) = select.from.first_mut()
                && let TableFactor::Derived { subquery: inner, .. } = &mut from.relation
            {
                **inner = subquery;
            }
            outer
        }
    };
    let array = Expr::Subquery(Box::new(aggregate));
    let empty = Expr::Array(Array { elem: Vec::new(), named: true });
    Ok(call("coalesce", vec![array, empty]))
}

fn only_value(select: &Select) -> Option<Expr> {
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] => {
            Some(expr.clone())
        }
        _ => None,
    }
}

fn set_value(select: &mut Select, value: Expr) {
    select.projection = vec![SelectItem::ExprWithAlias { expr: value, alias: ident("value") }];
}

/// A subquery that uses columns of the query around it becomes an aggregate, which the planner can run. It fails if
/// there is more than one row, as the subquery would.
pub fn single_value(subquery: &mut Query, catalog: &Catalog) {
    if !is_correlated(subquery, catalog) {
        return;
    }
    let Some(select) = plain_select(subquery) else { return };
    if select.from.is_empty() || is_aggregate(select) {
        return;
    }
    let Some(value) = only_value(select) else { return };
    set_value(select, call(SingleValue::NAME, vec![value]));
    subquery.order_by = None;
}

/// The planner takes `EXISTS` and `IN` of subqueries in conditions only. In a select list, `EXISTS (..)` is
/// `(SELECT count(*) > 0 ..)`, and `x IN (..)` compares with the array of its values.
pub fn compute_conditions(select: &mut Select) -> Result<(), Failure> {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
            && let ControlFlow::Break(failure) = expr.visit(&mut Conditions { depth: 0 })
        {
            return Err(*failure);
        }
    }
    Ok(())
}

struct Conditions {
    depth: usize,
}

impl VisitorMut for Conditions {
    type Break = Box<Failure>;

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<Box<Failure>> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Box<Failure>> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Box<Failure>> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        match expr {
            Expr::Exists { subquery, negated } => {
                let op = if *negated { BinaryOperator::Eq } else { BinaryOperator::Gt };
                let Some(select) = plain_select(subquery).filter(|select| !is_aggregate(select))
                else {
                    return ControlFlow::Continue(());
                };
                let (left, right) = (Box::new(count_of_rows()), Box::new(number(0)));
                set_value(select, Expr::BinaryOp { left, op, right });
                subquery.order_by = None;
                *expr = Expr::Subquery(std::mem::replace(subquery, Box::new(empty_query())));
            }
            Expr::InSubquery { expr: value, subquery, negated } => {
                let subquery = std::mem::replace(subquery, Box::new(empty_query()));
                let array = match array_of(*subquery) {
                    Ok(array) => array,
                    Err(failure) => return ControlFlow::Break(Box::new(failure)),
                };
                let is_in = call("pg_in", vec![take(value), array]);
                *expr = match negated {
                    true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(is_in) },
                    false => is_in,
                };
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn empty_query() -> Query {
    Query {
        with: None,
        body: Box::new(SetExpr::Values(Values {
            explicit_row: false,
            value_keyword: false,
            rows: Vec::new(),
        })),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

fn count_of_rows() -> Expr {
    let mut count = call("count", Vec::new());
    if let Expr::Function(Function {
        args: FunctionArguments::List(FunctionArgumentList { args, .. }),
        ..
    }) = &mut count
    {
        args.push(FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
    }
    count
}

/// Whether a query uses a column of the query around it.
fn is_correlated(query: &Query, catalog: &Catalog) -> bool {
    let mut known = Known { catalog, names: HashSet::new(), columns: Some(HashSet::new()) };
    let _ = query.visit(&mut known);
    let mut outer = Outer(&known);
    query.visit(&mut outer).is_break()
}

/// What the query's own tables are called, and their columns. `None` if not all of them are known.
struct Known<'a> {
    catalog: &'a Catalog,
    names: HashSet<String>,
    columns: Option<HashSet<String>>,
}

impl Visitor for Known<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, alias: None, .. } => self.names.extend(last_name(name)),
            TableFactor::Derived { alias, .. }
            | TableFactor::Table { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. } => {
                self.names.extend(alias.iter().map(|alias| normalized(&alias.name)));
            }
            _ => {}
        }
        match (relation_of(factor, self.catalog), &mut self.columns) {
            (Some(relation), Some(columns)) => {
                columns.extend(relation.columns.iter().map(|column| column.name.to_owned()));
            }
            _ => self.columns = None,
        }
        ControlFlow::Continue(())
    }
}

struct Outer<'a>(&'a Known<'a>);

impl Visitor for Outer<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let is_outer = match expr {
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., table, _] => !self.0.names.contains(&normalized(table)),
                _ => false,
            },
            Expr::Identifier(name) => match &self.0.columns {
                Some(columns) => !columns.contains(&normalized(name)),
                None => false,
            },
            _ => false,
        };
        match is_outer {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
