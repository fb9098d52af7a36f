//! The types of parameters.

use datafusion::sql::sqlparser::ast::Expr;

use crate::catalog::types::Type;
use crate::catalog::{Catalog, Schema};
use crate::sqlstate::Failure;

use super::ast::{is_parameter, normalized, take};
use super::casts::{TypeName, cast};

/// The type that a client has declared for a parameter such as `$1`. The planner would infer another one from the
/// place of the parameter.
pub fn declared(parameter: &str, types: &[u32]) -> Option<TypeName> {
    let number = parameter.strip_prefix('$')?.parse::<usize>().ok()?;
    let oid = types.get(number.checked_sub(1)?)?;
    let ty = Type::of_oid(*oid).filter(|ty| ty.name != "unknown")?;
    match ty.is_array() {
        true => {
            let element = Type::of_oid(ty.element)?;
            Some(TypeName { name: element.name.to_string(), is_array: true })
        }
        false => Some(TypeName { name: ty.name.to_string(), is_array: false }),
    }
}

/// `x = ANY($1)` takes an array of the type of `x`, which the planner does not infer.
pub fn infer(expr: &mut Expr, catalog: &Catalog) -> Result<(), Failure> {
    let (Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. }) = expr else {
        return Ok(());
    };
    if !is_parameter(right) {
        return Ok(());
    }
    let name = type_of(left, catalog).unwrap_or_else(|| "text".to_owned());
    **right = cast(take(right), TypeName { name, is_array: true })?;
    Ok(())
}

/// The type of a column that has the same one in every table of the store, or else of the catalogue.
fn type_of(expr: &Expr, catalog: &Catalog) -> Option<String> {
    let name = match expr {
        Expr::Nested(inner) => return type_of(inner, catalog),
        Expr::Cast { data_type, .. } => return Some(super::casts::type_name(data_type).name),
        Expr::Identifier(name) => normalized(name),
        Expr::CompoundIdentifier(names) => normalized(names.last()?),
        _ => return None,
    };
    let types = |of_store: bool| {
        let relations =
            catalog.relations().filter(move |of| (of.schema == Schema::Public) == of_store);
        let columns = relations.flat_map(|of| &of.columns);
        let mut types = columns.filter(|column| column.name == name).map(|column| column.ty.oid);
        let first = types.next()?;
        types.all(|other| other == first).then_some(first)
    };
    let ty = Type::of_oid(types(true).or_else(|| types(false))?)?;
    Some(ty.name.to_string())
}
