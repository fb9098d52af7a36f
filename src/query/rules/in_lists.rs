//! Keeps `IN` lists from being merged wrongly.
//!
//! DataFusion 55.2 merges lists over one expression as if they were sets of constants, and ignores
//! that a comparison with NULL is neither true nor false. It drops the right side of `x IN (1, 2)
//! AND x NOT IN (3, NULL)` and of `x IN (a, 1) AND x NOT IN (b, 2)`, and simplifies `x NOT IN (1,
//! 2) OR x NOT IN (3, 4)` to true even if `x` is NULL. Fixed in part upstream after 55.2
//! (apache/datafusion#24258). The test here fails once one of these cases is right; then check
//! whether this rule can be removed.

use std::collections::HashMap;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, internal_err};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, Distinct, DistinctOn, Expr, ExprSchemable, LogicalPlan, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, SortExpr, Volatility, lit,
};
use datafusion::optimizer::AnalyzerRule;

/// Rewrites lists to an equivalent form that the optimizer does not merge.
#[derive(Debug)]
pub(super) struct SeparateInLists;

impl AnalyzerRule for SeparateInLists {
    fn name(&self) -> &'static str {
        "separate_in_lists"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let mut lists = NullableLists::default();
        plan.transform_up_with_subqueries(|node| {
            let inputs: Vec<&LogicalPlan> = node.inputs();
            let schema = merge_schema(&inputs);
            if let LogicalPlan::Distinct(Distinct::On(distinct)) = node {
                let distinct = separate_in_distinct(distinct, &schema, &mut lists)?;
                return Ok(distinct.update_data(|d| LogicalPlan::Distinct(Distinct::On(d))));
            }
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                let separated = separate_all(expr, &schema, &mut lists)?;
                Ok(separated.update_data(|expr| name.restore(expr)))
            })
        })
        .data()
    }
}

/// The distinct lists over nullable expressions, numbered. Equal lists get equal numbers, because
/// an expression must stay equal to the same expression elsewhere, as in `ORDER BY` and `DISTINCT
/// ON`.
#[derive(Default)]
struct NullableLists(HashMap<InList, u64>);

impl NullableLists {
    /// Returns the number of the list, counted from 1.
    fn number(&mut self, list: &InList) -> u64 {
        let next = self.0.len() as u64 + 1;
        *self.0.entry(list.clone()).or_insert(next)
    }
}

/// Rewrites lists in a `DISTINCT ON`. Its keys may change their names, but its columns must keep
/// theirs.
fn separate_in_distinct(
    distinct: DistinctOn,
    schema: &DFSchema,
    lists: &mut NullableLists,
) -> Result<Transformed<DistinctOn>> {
    let names: Vec<_> = distinct
        .schema
        .iter()
        .map(|(table, field)| (table.cloned(), field.name().clone()))
        .collect();
    let mut changed = false;
    let mut separated = |expr: Expr| {
        let separated = separate_all(expr, schema, lists)?;
        changed |= separated.transformed;
        Ok(separated.data)
    };
    let DistinctOn { on_expr, select_expr, sort_expr, input, .. } = distinct;
    let on_expr = on_expr.into_iter().map(&mut separated).collect::<Result<_>>()?;
    let select_expr = select_expr.into_iter().zip(names).map(|(expr, (table, name))| {
        let before = expr.clone();
        let expr = separated(expr)?;
        Ok(if expr == before { expr } else { expr.unalias().alias_qualified(table, name) })
    });
    let select_expr = select_expr.collect::<Result<_>>()?;
    let sort_expr = sort_expr.map(|keys| {
        let keys = keys.into_iter().map(|key| Ok(SortExpr { expr: separated(key.expr)?, ..key }));
        keys.collect::<Result<Vec<_>>>()
    });
    let distinct = DistinctOn::try_new(on_expr, select_expr, sort_expr.transpose()?, input)?;
    Ok(Transformed::new_transformed(distinct, changed))
}

fn separate_all(
    expr: Expr,
    schema: &DFSchema,
    lists: &mut NullableLists,
) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| match expr {
        Expr::InList(list) => separate(list, schema, lists),
        other => Ok(Transformed::no(other)),
    })
}

fn separate(
    list: InList,
    schema: &DFSchema,
    lists: &mut NullableLists,
) -> Result<Transformed<Expr>> {
    // A volatile expression must not be duplicated. A single subquery may return many rows.
    if list.expr.is_volatile() || list.list.len() == 1 && !is_constant(&list.list[0]) {
        return Ok(Transformed::no(Expr::InList(list)));
    }
    // If the type cannot be determined, DataFusion reports it later.
    let number = match list.expr.nullable(schema).unwrap_or(false) {
        true => lists.number(&list),
        false => 1,
    };
    let InList { mut expr, list, negated } = list;
    let (constants, others): (Vec<_>, Vec<_>) = list.into_iter().partition(is_constant);
    let mut changed = !others.is_empty();
    let compare = |other| match negated {
        true => expr.as_ref().clone().not_eq(other),
        false => expr.as_ref().clone().eq(other),
    };
    let mut parts: Vec<Expr> = others.into_iter().map(compare).collect();
    if !constants.is_empty() {
        if number > 1 {
            expr = Box::new(set_apart(*expr, number));
            changed = true;
        }
        parts.push(Expr::InList(InList { expr, list: constants, negated }));
    }
    Ok(Transformed::new_transformed(joined(parts, negated), changed))
}

/// Whether it is a literal other than NULL, possibly with a cast.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => !value.is_null(),
        Expr::Cast(cast) => is_constant(&cast.expr),
        Expr::Negative(expr) => is_constant(expr),
        _ => false,
    }
}

/// Joins the parts with `AND` or `OR`, as a balanced tree.
fn joined(mut parts: Vec<Expr>, and: bool) -> Expr {
    if parts.len() > 1 {
        let right = joined(parts.split_off(parts.len() / 2), and);
        let left = joined(parts, and);
        return if and { left.and(right) } else { left.or(right) };
    }
    parts.pop().unwrap_or_else(|| lit(and))
}

/// Wraps the expression so that the optimizer cannot look into it. With another number it is another expression.
pub(super) fn set_apart(expr: Expr, number: u64) -> Expr {
    set_apart_function().call(vec![expr, lit(number)])
}

pub(in crate::query) fn set_apart_function() -> ScalarUDF {
    ScalarUDF::new_from_impl(SetApart { signature: Signature::any(2, Volatility::Immutable) })
}

/// `set_apart(x, number)` returns `x`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SetApart {
    signature: Signature,
}

impl ScalarUDFImpl for SetApart {
    fn name(&self) -> &'static str {
        "set_apart"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(FieldRef::clone(&args.arg_fields[0]))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.into_iter().next() {
            Some(value) => Ok(value),
            None => internal_err!("set_apart needs a value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    #[tokio::test]
    async fn datafusion_still_merges_lists_wrongly() {
        for (sql, right) in [
            ("SELECT 1 FROM (VALUES (1)) t(x) WHERE x IN (1, 2) AND x NOT IN (3, NULL)", 0),
            (
                "SELECT 1 FROM (VALUES (1, 1)) t(x, a) \
                 WHERE x IN (a, 3, 4, 5) AND x NOT IN (a + 0, 6, 7, 8)",
                0,
            ),
            (
                "SELECT 1 FROM (VALUES (1), (NULL)) t(x) \
                 WHERE x NOT IN (1, 2, 3, 4) OR x NOT IN (5, 6, 7, 8)",
                1,
            ),
        ] {
            let rows = SessionContext::new().sql(sql).await.unwrap().count().await.unwrap();
            assert_ne!(rows, right, "DataFusion is fixed; can this file be removed? {sql}");
        }
    }
}
