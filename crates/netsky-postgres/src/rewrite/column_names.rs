//! The names that PostgreSQL gives to columns without an alias: `count` for `count(*)`, `?column?` for `1 + 1`.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Query, Select, SelectItem, SetExpr, TrimWhereField,
};

use super::ast::{ident, last_name, normalized, take};
use super::casts::type_name;

const UNNAMED: &str = "?column?";

/// Separates a name that repeats from a number that the planner needs to tell it from others.
const REPEATED: char = '\u{1}';

/// The name that a column of the planner has in the answer.
pub fn answered(name: &str) -> &str {
    name.split(REPEATED).next().unwrap_or_default()
}

/// Gives the columns of the query's first select list their names, as aliases.
pub fn name_columns(query: &mut Query) {
    let Some(select) = first_select(&mut query.body) else { return };
    let names = select.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(normalized(name)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) => names.last().map(normalized),
        SelectItem::ExprWithAlias { alias, .. } => Some(normalized(alias)),
        _ => None,
    });
    let mut seen = names.flatten().collect::<HashSet<_>>();
    for (index, item) in select.projection.iter_mut().enumerate() {
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        let name = column_name(expr);
        // The planner gives columns their names.
        let is_column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        let alias = match is_column && !REPLACED.contains(&name.as_str()) {
            true => continue,
            // It was seen as a column.
            false if is_column => name,
            false if seen.insert(name.clone()) => name,
            false => format!("{name}{REPEATED}{index}"),
        };
        let (expr, alias) = (take(expr), ident(&alias));
        *item = SelectItem::ExprWithAlias { expr, alias };
    }
}

/// Names that become something else.
const REPLACED: [&str; 6] =
    ["ctid", "current_catalog", "current_role", "current_schema", "tableoid", "xmin"];

fn first_select(mut body: &mut SetExpr) -> Option<&mut Select> {
    loop {
        body = match body {
            SetExpr::Select(select) => return Some(select),
            SetExpr::Query(query) => query.body.as_mut(),
            SetExpr::SetOperation { left, .. } => left.as_mut(),
            _ => return None,
        };
    }
}

/// How well a name describes an expression. A better one wins over that of a type.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Type,
    Name,
}

/// The name of a column.
pub fn column_name(expr: &Expr) -> String {
    name_of(expr).map_or_else(|| UNNAMED.to_owned(), |(name, _)| name)
}

fn name_of(expr: &Expr) -> Option<(String, Strength)> {
    let named = |name: &str| Some((name.to_owned(), Strength::Name));
    match expr {
        Expr::Identifier(name) => named(&normalized(name)),
        Expr::CompoundIdentifier(names) => named(&normalized(names.last()?)),
        Expr::Nested(expr) | Expr::Collate { expr, .. } => name_of(expr),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(field)) => Some(normalized(field)),
                _ => None,
            });
            field.map_or_else(|| name_of(root), |field| Some((field, Strength::Name)))
        }
        Expr::Cast { expr, data_type, .. } => {
            let of_operand = name_of(expr).filter(|(_, strength)| *strength == Strength::Name);
            of_operand.or_else(|| Some((type_name(data_type).name, Strength::Type)))
        }
        Expr::TypedString(typed) => Some((type_name(&typed.data_type).name, Strength::Type)),
        Expr::Interval(_) => Some(("interval".to_owned(), Strength::Type)),
        Expr::Function(function) => Some((last_name(&function.name)?, Strength::Name)),
        Expr::Case { else_result, .. } => {
            let of_else = else_result.as_ref().and_then(|expr| name_of(expr));
            let of_else = of_else.filter(|(_, strength)| *strength == Strength::Name);
            of_else.or_else(|| Some(("case".to_owned(), Strength::Type)))
        }
        Expr::Exists { negated: false, .. } => named("exists"),
        Expr::Subquery(query) => of_query(query),
        Expr::Array(_) => named("array"),
        Expr::Tuple(_) => named("row"),
        Expr::AtTimeZone { .. } => named("timezone"),
        Expr::Extract { .. } => named("extract"),
        Expr::Substring { .. } => named("substring"),
        Expr::Position { .. } => named("position"),
        Expr::Overlay { .. } => named("overlay"),
        Expr::Ceil { .. } => named("ceil"),
        Expr::Floor { .. } => named("floor"),
        Expr::Trim { trim_where, .. } => named(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        _ => None,
    }
}

fn of_query(query: &Query) -> Option<(String, Strength)> {
    let mut body = query.body.as_ref();
    let select = loop {
        body = match body {
            SetExpr::Select(select) => break select,
            SetExpr::Query(query) => query.body.as_ref(),
            SetExpr::SetOperation { left, .. } => left.as_ref(),
            _ => return None,
        };
    };
    match select.projection.first()? {
        SelectItem::UnnamedExpr(expr) => Some((column_name(expr), Strength::Name)),
        SelectItem::ExprWithAlias { alias, .. } => Some((normalized(alias), Strength::Name)),
        _ => None,
    }
}
