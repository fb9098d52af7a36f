//! Subqueries in places where the planner takes none.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, GroupByExpr, Join, JoinOperator, OrderByKind, Query,
    Select, SelectItem, SetExpr, SetOperator, TableFactor, UnaryOperator, Value, Values, Visit,
    VisitMut, Visitor, VisitorMut, visit_expressions_mut,
};

use crate::catalog::{Catalog, Relation};
use crate::functions::SingleValue;
use crate::sqlstate::Failure;

use super::ast::{call, ident, last_name, names, normalized, number, query, take};
use super::column_names::column_name;
use super::select_list::list_function;

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

/// A select without anything around it that would change which rows an aggregate sees.
fn plain_select(query: &mut Query) -> Option<&mut Select> {
    if query.limit_clause.is_some() || query.fetch.is_some() || query.with.is_some() {
        return None;
    }
    match query.body.as_mut() {
        SetExpr::Select(select) => {
            let is_grouped = match &select.group_by {
                GroupByExpr::Expressions(by, _) => !by.is_empty(),
                GroupByExpr::All(_) => true,
            };
            let is_plain = !is_grouped && select.distinct.is_none() && select.having.is_none();
            is_plain.then_some(select.as_mut())
        }
        _ => None,
    }
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
            && let Some(list) = super::only_argument(function)
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
            let left = std::mem::replace(left.as_mut(), SetExpr::Values(no_values()));
            *table.query.body = left;
        }
    }
    let is_union =
        |body: &SetExpr| matches!(body, SetExpr::SetOperation { op: SetOperator::Union, .. });
    with.recursive = with.cte_tables.iter().any(|table| is_union(&table.query.body));
}

fn no_values() -> Values {
    Values { explicit_row: false, value_keyword: false, rows: Vec::new() }
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
        let TableFactor::Table { name, alias, .. } = factor else { return true };
        let table = alias.as_ref().map(|alias| normalized(&alias.name)).or_else(|| last_name(name));
        conditions.iter().all(|condition| {
            let Some((of, column, wanted)) = equality(condition) else { return true };
            Some(of) != table || catalog.has_value(relation, &column, &wanted)
        }) && !catalog.is_empty(relation)
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

/// The relation of the catalogue that FROM names.
fn relation_of<'a>(factor: &TableFactor, catalog: &'a Catalog) -> Option<&'a Relation> {
    let TableFactor::Table { name, args: None, .. } = factor else { return None };
    match names(name).as_slice() {
        [name] => catalog.relation_named(None, name),
        [.., schema, name] => catalog.relation_named(Some(schema), name),
        [] => None,
    }
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

/// `SELECT a FROM (SELECT a FROM t WHERE b) AS x` is `SELECT a FROM t WHERE b`, also with a common table expression.
/// The planner cannot take a condition with outer columns out of the inner query.
fn inline_only_table(query: &mut Query) {
    let Some((table, inner)) = only_table(query) else { return };
    let columns = inner.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(expr) => Some((column_name(expr), expr.clone())),
        SelectItem::ExprWithAlias { expr, alias } => Some((normalized(alias), expr.clone())),
        _ => None,
    });
    let Some(columns) = columns.collect::<Option<HashMap<_, _>>>() else { return };
    query.with = None;
    let _ = visit_expressions_mut(query, |expr| {
        let name = match &*expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => match names.as_slice() {
                [of, name] if normalized(of) == table => Some(name),
                _ => None,
            },
            _ => None,
        };
        if let Some(column) = name.and_then(|name| columns.get(&normalized(name))) {
            *expr = column.clone();
        }
        ControlFlow::<()>::Continue(())
    });
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    select.from = inner.from;
    select.selection = match (select.selection.take(), inner.selection) {
        (Some(one), Some(other)) => Some(Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(one))),
            op: BinaryOperator::And,
            right: Box::new(Expr::Nested(Box::new(other))),
        }),
        (one, other) => one.or(other),
    };
}

/// The only table of a query, if it is a plain query itself.
fn only_table(query: &Query) -> Option<(String, Select)> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [from] = select.from.as_slice() else { return None };
    if !from.joins.is_empty() {
        return None;
    }
    let (name, inner) = match (&from.relation, &query.with) {
        (TableFactor::Derived { subquery, alias: Some(alias), .. }, None) => {
            (normalized(&alias.name), subquery)
        }
        (TableFactor::Table { name, alias: None, args: None, .. }, Some(with))
            if !with.recursive =>
        {
            let [table] = with.cte_tables.as_slice() else { return None };
            let name = last_name(name)?;
            if normalized(&table.alias.name) != name {
                return None;
            }
            (name, &table.query)
        }
        _ => return None,
    };
    let mut inner = inner.as_ref().clone();
    let select = plain_select(&mut inner).filter(|select| !is_aggregate(select))?;
    Some((name, select.clone()))
}

fn empty_query() -> Query {
    Query {
        with: None,
        body: Box::new(SetExpr::Values(no_values())),
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

const AGGREGATES: [&str; 24] = [
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "every",
    "first_value",
    "json_agg",
    "json_group_array",
    "json_group_object",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "last_value",
    "max",
    "median",
    "min",
    "pg_single_value",
    "string_agg",
    "sum",
    "stddev",
];

/// Whether the select list calls an aggregate.
fn is_aggregate(select: &Select) -> bool {
    struct Finder(usize);
    impl Visitor for Finder {
        type Break = ();

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function)
                    if self.0 == 0
                        && function.over.is_none()
                        && last_name(&function.name)
                            .is_some_and(|name| AGGREGATES.contains(&name.as_str())) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    select.projection.iter().any(|item| item.visit(&mut Finder(0)).is_break())
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

/// `(a, b) = (c, d)` is `a = c AND b = d`.
pub fn compare_tuples(expr: &mut Expr) {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = expr else { return };
    let (Expr::Tuple(lefts), Expr::Tuple(rights)) = (left.as_mut(), right.as_mut()) else { return };
    if lefts.len() != rights.len() {
        return;
    }
    let pairs = lefts.iter_mut().zip(rights).map(|(left, right)| Expr::BinaryOp {
        left: Box::new(take(left)),
        op: BinaryOperator::Eq,
        right: Box::new(take(right)),
    });
    let all = pairs.reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    });
    if let Some(all) = all {
        *expr = Expr::Nested(Box::new(all));
    }
}
