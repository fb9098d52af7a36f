//! What a select is.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Query, Select, SetExpr, TableFactor, Visit, Visitor,
};

use crate::catalog::{Catalog, Relation};

use super::ast::{last_name, names};

/// A select without anything around it that would change which rows an aggregate sees.
pub fn plain_select(query: &mut Query) -> Option<&mut Select> {
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
pub fn is_aggregate(select: &Select) -> bool {
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

/// The relation of the catalogue that FROM names.
pub fn relation_of<'a>(factor: &TableFactor, catalog: &'a Catalog) -> Option<&'a Relation> {
    let TableFactor::Table { name, args: None, .. } = factor else { return None };
    match names(name).as_slice() {
        [name] => catalog.relation_named(None, name),
        [.., schema, name] => catalog.relation_named(Some(schema), name),
        [] => None,
    }
}
