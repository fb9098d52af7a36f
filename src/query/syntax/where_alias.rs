//! Names of the select list in `WHERE`, which DuckDB and SQLite accept: `SELECT lower(tool) AS t ..
//! WHERE t = 'bash'`.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, VisitMut, VisitorMut,
};

use crate::error::Result;
use crate::position::Position;
use crate::query::syntax::ast::normalized;
use crate::query::syntax::unsupported;

/// The limits on the length of an expression and on its copies. Without them, a few names could make a
/// statement as large as the size limit squared.
const MAX_EXPANDED: usize = 2_000;
const MAX_NAMES: usize = 100;

/// Replaces the name at a place in a `WHERE` by the expression that has it in the same select list,
/// everywhere in that `WHERE`. Returns whether there is one. The name must not be that of a column.
///
/// # Errors
///
/// [`Error::UnsupportedSql`] if the expression has another value each time.
pub(in crate::query) fn expand_alias(statement: &mut Statement, at: Position) -> Result<bool> {
    let Statement::Statement(statement) = statement else { return Ok(false) };
    let mut selects = Selects { at, found: Ok(false) };
    let _ = statement.visit(&mut selects);
    selects.found
}

/// Looks for the query that has the name in its `WHERE`.
struct Selects {
    at: Position,
    found: Result<bool>,
}

impl VisitorMut for Selects {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let Some(condition) = &mut select.selection else { return ControlFlow::Continue(()) };
        let mut finder = Names { wanted: Wanted::At(self.at), depth: 0, name: None, left: 0 };
        let _ = condition.visit(&mut finder);
        let Some(name) = finder.name else { return ControlFlow::Continue(()) };
        let named = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if normalized(alias) == normalized(&name) => {
                Some(expr.clone())
            }
            _ => None,
        });
        let Some(expr) = named else { return ControlFlow::Break(()) };
        if is_volatile(&expr) {
            let message = format!("WHERE cannot use '{name}', which has another value each time");
            let hint = format!("select from a query: SELECT * FROM (SELECT ..) WHERE {name} ..");
            self.found = Err(unsupported(message, hint, name.span));
            return ControlFlow::Break(());
        }
        if expr.to_string().len() > MAX_EXPANDED {
            return ControlFlow::Break(());
        }
        let wanted = Wanted::Replace(name, Box::new(Expr::Nested(Box::new(expr))));
        let mut names = Names { wanted, depth: 0, name: None, left: MAX_NAMES };
        let _ = condition.visit(&mut names);
        self.found = Ok(names.left > 0);
        ControlFlow::Break(())
    }
}

/// What is done with the names in a condition, but not with those in its subqueries.
struct Names {
    wanted: Wanted,
    depth: usize,
    name: Option<Ident>,
    /// How many names may still be replaced.
    left: usize,
}

enum Wanted {
    /// Find the name at the place.
    At(Position),
    /// Replace the name.
    Replace(Ident, Box<Expr>),
}

impl VisitorMut for Names {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    /// After the operands, so that the replacement is not visited.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Identifier(ident) = &*expr else { return ControlFlow::Continue(()) };
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        match &self.wanted {
            Wanted::At(at) => {
                let start = ident.span.start;
                if (start.line, start.column) == (at.line, at.column) {
                    self.name = Some(ident.clone());
                    return ControlFlow::Break(());
                }
            }
            Wanted::Replace(name, replacement) => {
                if normalized(ident) == normalized(name) {
                    *expr = Expr::clone(replacement);
                    self.left = self.left.saturating_sub(1);
                    if self.left == 0 {
                        return ControlFlow::Break(());
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fn is_volatile(expr: &Expr) -> bool {
    let text = expr.to_string().to_lowercase();
    ["random(", "uuid(", "uuidv7("].iter().any(|function| text.contains(function))
}
