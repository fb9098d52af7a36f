//! The views of a store for rows of many machines.
//!
//! What a view says of a store it must say of each machine: agents have the same names on all of them, and ids the
//! same numbers. So each query in a view gets the column `machine`: in its answer, in what it groups and partitions
//! by, and in the conditions of its joins. The views themselves need not know of lakes.

use std::ops::ControlFlow;
use std::sync::OnceLock;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, NamedWindowExpr, Query,
    Select, SelectItem, SetExpr, Statement, TableAlias, TableFactor, WindowSpec, WindowType,
    visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use netsky_db::{VIEWS, View, ViewColumn, ViewType};

use crate::layout::MACHINE;
use crate::tables::WHAT;

/// The views of a lake. They are those of stores, with a column for the machine.
pub fn views() -> &'static [&'static View] {
    static VIEWS_OF_LAKES: OnceLock<Vec<&'static View>> = OnceLock::new();
    VIEWS_OF_LAKES.get_or_init(|| VIEWS.iter().filter_map(of_lake).collect())
}

/// Leaks some kilobytes, once in a process, because a view is static.
fn of_lake(view: &'static View) -> Option<&'static View> {
    let sql: &'static str = per_machine(view.sql())?.leak();
    let machine = ViewColumn::new(MACHINE, ViewType::Text, WHAT);
    let columns = view.columns().iter().copied().chain([machine]);
    let columns: &'static [ViewColumn] = columns.collect::<Vec<_>>().leak();
    let view = View::new(view.name(), view.doc(), columns, sql).with_note(view.note());
    Some(Box::leak(Box::new(view)))
}

/// Returns a query on a lake that answers for each machine what the query answers on a store, with `machine` as the
/// last column. Subqueries in expressions see all machines. `None` if the text is not one query, or has a join or a
/// relation for which that is not known.
pub fn per_machine(sql: &str) -> Option<String> {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?;
    let [Statement::Query(query)] = &mut statements[..] else { return None };
    of_query(query)?;
    Some(query.to_string())
}

fn of_query(query: &mut Query) -> Option<()> {
    for table in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
        of_query(&mut table.query)?;
    }
    of_body(&mut query.body)
}

fn of_body(body: &mut SetExpr) -> Option<()> {
    match body {
        SetExpr::Select(select) => of_select(select),
        SetExpr::Query(query) => of_query(query),
        SetExpr::SetOperation { left, right, .. } => {
            of_body(left)?;
            of_body(right)
        }
        _ => None,
    }
}

fn of_select(select: &mut Select) -> Option<()> {
    let [from] = &mut select.from[..] else { return None };
    let first = of_relation(&mut from.relation, 0)?;
    // Only if there are several relations must the column say whose it is.
    let mut of_first = Expr::Identifier(Ident::new(MACHINE));
    for (place, join) in from.joins.iter_mut().enumerate() {
        let other = of_relation(&mut join.relation, place + 1)?;
        of_first = machine(&first);
        let (JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on))) = &mut join.join_operator
        else {
            return None;
        };
        let before = std::mem::replace(on, of_first.clone());
        let same = equal(of_first.clone(), machine(&other));
        *on = and(Expr::Nested(Box::new(before)), same);
    }
    let partition = |window: &mut WindowSpec| {
        // One that refers to a named window has its partitions.
        if window.window_name.is_none() {
            window.partition_by.push(of_first.clone());
        }
    };
    let _ = visit_expressions_mut(&mut select.projection, |expr| {
        if let Expr::Function(function) = expr
            && let Some(WindowType::WindowSpec(window)) = &mut function.over
        {
            partition(window);
        }
        ControlFlow::<()>::Continue(())
    });
    for window in &mut select.named_window {
        if let NamedWindowExpr::WindowSpec(window) = &mut window.1 {
            partition(window);
        }
    }
    let is_wildcard = |item: &SelectItem| {
        matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
    };
    if !select.projection.iter().any(is_wildcard) {
        let alias = Ident::new(MACHINE);
        select.projection.push(SelectItem::ExprWithAlias { expr: of_first.clone(), alias });
    }
    match &mut select.group_by {
        GroupByExpr::Expressions(keys, _) if keys.is_empty() => {}
        GroupByExpr::Expressions(keys, _) => keys.push(of_first),
        GroupByExpr::All(_) => {}
    }
    Some(())
}

/// Returns the relation's name, after it has got one if it had none.
fn of_relation(relation: &mut TableFactor, place: usize) -> Option<Ident> {
    match relation {
        TableFactor::Table { name, alias, args: None, .. } => match alias {
            Some(alias) => Some(alias.name.clone()),
            None => name.0.last()?.as_ident().cloned(),
        },
        TableFactor::Derived { subquery, alias, .. } => {
            of_query(subquery)?;
            let name = Ident::new(format!("relation_{place}"));
            let named = || TableAlias { explicit: true, name, columns: Vec::new(), at: None };
            Some(alias.get_or_insert_with(named).name.clone())
        }
        _ => None,
    }
}

fn machine(relation: &Ident) -> Expr {
    Expr::CompoundIdentifier(vec![relation.clone(), Ident::new(MACHINE)])
}

fn equal(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::Eq, right: Box::new(right) }
}

fn and(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_of_a_store_is_one_of_a_lake() {
        let names = |views: &mut dyn Iterator<Item = &'static View>| {
            views.map(View::name).collect::<Vec<_>>()
        };
        assert_eq!(names(&mut views().iter().copied()), names(&mut VIEWS.iter()));
    }

    #[test]
    fn groups_windows_and_joins_are_per_machine() {
        for (sql, expected) in [
            ("SELECT a FROM t", "SELECT a, machine AS machine FROM t"),
            (
                "SELECT a, count(*) FROM t GROUP BY a",
                "SELECT a, count(*), machine AS machine FROM t GROUP BY a, machine",
            ),
            (
                "SELECT x.a FROM t AS x LEFT JOIN u ON u.a = x.a OR u.b = x.b",
                "SELECT x.a, x.machine AS machine FROM t AS x LEFT JOIN u ON (u.a = x.a OR u.b = x.b) AND \
                 x.machine = u.machine",
            ),
            (
                "SELECT lag(a) OVER w, sum(b) OVER (PARTITION BY a ORDER BY b) FROM t WINDOW w AS (ORDER BY b)",
                "SELECT lag(a) OVER w, sum(b) OVER (PARTITION BY a, machine ORDER BY b), machine AS machine FROM t \
                 WINDOW w AS (PARTITION BY machine ORDER BY b)",
            ),
            (
                "SELECT t.*, max(c) OVER (PARTITION BY c) FROM t JOIN (SELECT b FROM u) ON b = a",
                "SELECT t.*, max(c) OVER (PARTITION BY c, t.machine) FROM t JOIN (SELECT b, machine AS machine FROM \
                 u) AS relation_1 ON (b = a) AND t.machine = relation_1.machine",
            ),
            (
                "SELECT a FROM (SELECT a FROM t UNION ALL SELECT b FROM u) AS v",
                "SELECT a, machine AS machine FROM (SELECT a, machine AS machine FROM t UNION ALL SELECT b, machine \
                 AS machine FROM u) AS v",
            ),
        ] {
            assert_eq!(per_machine(sql).as_deref(), Some(expected), "{sql}");
        }
        for sql in [
            "SELECT t.a FROM t RIGHT JOIN u ON t.a = u.a",
            "SELECT t.a FROM t JOIN u USING (a)",
            "SELECT t.a FROM t CROSS JOIN u",
            "SELECT t.a FROM t, u",
            "SELECT 1",
            "SELECT a FROM generate_series(1, 3) AS a",
            "VALUES (1)",
            "SELECT 1; SELECT 2",
        ] {
            assert_eq!(per_machine(sql), None, "{sql}");
        }
    }
}
