//! Columns that every table of PostgreSQL has and `*` leaves out, such as `tableoid`.

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::{Expr, Select, TableFactor};

use crate::catalog::Catalog;

use super::ast::{call, names, normalized, number, text};

/// The tables of the selects around an expression, by the names that they have there.
#[derive(Debug, Default)]
pub struct Scopes(Vec<HashMap<String, Vec<String>>>);

impl Scopes {
    pub fn enter(&mut self, select: &Select) {
        let mut tables = HashMap::new();
        for from in &select.from {
            let joined = from.joins.iter().map(|join| &join.relation);
            for factor in std::iter::once(&from.relation).chain(joined) {
                if let TableFactor::Table { name, alias, args: None, .. } = factor {
                    let parts = names(name);
                    let known = alias.as_ref().map(|alias| normalized(&alias.name));
                    if let Some(known) = known.or_else(|| parts.last().cloned()) {
                        tables.insert(known, parts);
                    }
                }
            }
        }
        self.0.push(tables);
    }

    pub fn leave(&mut self) {
        self.0.pop();
    }

    /// The value of a system column of a table, if it is one.
    pub fn system_column(
        &self,
        table: Option<&str>,
        column: &str,
        catalog: &Catalog,
    ) -> Option<Expr> {
        if !matches!(column, "tableoid" | "xmin" | "ctid") {
            return None;
        }
        let parts = match table {
            Some(table) => self.0.iter().rev().find_map(|tables| tables.get(table))?,
            None => self
                .0
                .last()?
                .values()
                .next()
                .filter(|_| self.0.last().is_some_and(|t| t.len() == 1))?,
        };
        let relation = match parts.as_slice() {
            [name] => catalog.relation_named(None, name),
            [.., schema, name] => catalog.relation_named(Some(schema), name),
            [] => None,
        }?;
        Some(match column {
            "tableoid" => call("oid", vec![number(i64::from(relation.oid))]),
            // Rows of the catalogue do not change.
            "xmin" => call("xid", vec![number(1)]),
            _ => text("(0,1)"),
        })
    }
}
