//! Hides what is constant on a side of an outer join whose columns are NULL where there is no match.
//!
//! DataFusion 55.2 takes such a column for constant above the join, too, and leaves it out of sorts: `SELECT a.id, b.s
//! FROM a LEFT JOIN (SELECT id, 'x' AS s FROM b) b ON a.id = b.id ORDER BY b.s, a.id` was sorted by `a.id`. So was one
//! with `WHERE s = 'x'` on that side. The test here fails once this is right; then this rule can be removed.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::query::rules::nullable_subqueries::or_null;

/// The last of the rules, so that it is not in the way of the others.
#[derive(Debug)]
pub(super) struct NullableSides;

impl OptimizerRule for NullableSides {
    fn name(&self) -> &'static str {
        "nullable_sides"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = plan else { return Ok(Transformed::no(plan)) };
        let is_of = |types: &[JoinType]| types.contains(&join.join_type);
        let left = match is_of(&[JoinType::Right, JoinType::Full]) {
            true => hidden(&join.left)?,
            false => None,
        };
        let right = match is_of(&[JoinType::Left, JoinType::Full]) {
            true => hidden(&join.right)?,
            false => None,
        };
        if left.is_none() && right.is_none() {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        }
        let join = Join {
            left: left.unwrap_or_else(|| Arc::clone(&join.left)),
            right: right.unwrap_or_else(|| Arc::clone(&join.right)),
            ..join
        };
        Ok(Transformed::yes(LogicalPlan::Join(join).recompute_schema()?))
    }
}

/// The same rows with columns of which nothing is known; `None` if none of them is constant.
fn hidden(side: &Arc<LogicalPlan>) -> Result<Option<Arc<LogicalPlan>>> {
    let constants = constants(side)?;
    let columns = side.schema().columns();
    if !columns.iter().any(|column| constants.contains(column)) {
        return Ok(None);
    }
    let columns = columns.into_iter().map(|column| match constants.contains(&column) {
        true => {
            let (table, name) = (column.relation.clone(), column.name.clone());
            or_null()
                .call(vec![column.into(), unknown().call(Vec::new())])
                .alias_qualified(table, name)
        }
        false => column.into(),
    });
    let hidden =
        LogicalPlanBuilder::from(Arc::clone(side)).project(columns.collect::<Vec<Expr>>())?;
    Ok(Some(Arc::new(hidden.build()?)))
}

/// The columns that DataFusion may take for constant. It does no harm if there are too many.
fn constants(plan: &LogicalPlan) -> Result<HashSet<Column>> {
    let mut of_inputs = HashSet::new();
    for input in plan.inputs() {
        of_inputs.extend(constants(input)?);
    }
    let outputs = plan.schema().columns();
    let of_conditions = |conditions: &mut dyn Iterator<Item = &Expr>| {
        let mut found = of_inputs.clone();
        for condition in conditions.flat_map(split_conjunction) {
            found.extend(of_equality(condition));
        }
        found
    };
    Ok(match plan {
        LogicalPlan::Filter(filter) => of_conditions(&mut std::iter::once(&filter.predicate)),
        LogicalPlan::TableScan(scan) => of_conditions(&mut scan.filters.iter()),
        LogicalPlan::Join(join) => {
            let mut found = of_conditions(&mut join.filter.iter());
            for (left, right) in &join.on {
                if is_constant(left, &of_inputs) || is_constant(right, &of_inputs) {
                    found.extend(
                        [left, right].into_iter().filter_map(|side| side.try_as_col().cloned()),
                    );
                }
            }
            found
        }
        LogicalPlan::Projection(projection) => outputs
            .into_iter()
            .zip(&projection.expr)
            .filter(|(_, expr)| is_constant(expr, &of_inputs))
            .map(|(column, _)| column)
            .collect(),
        LogicalPlan::Aggregate(aggregate) => outputs
            .into_iter()
            .zip(&aggregate.group_expr)
            .filter(|(_, expr)| is_constant(expr, &of_inputs))
            .map(|(column, _)| column)
            .collect(),
        // By their places, because the names of inputs differ.
        LogicalPlan::SubqueryAlias(_) | LogicalPlan::Union(_) => {
            let places = plan.inputs().into_iter().flat_map(|input| {
                let columns = input.schema().columns().into_iter().enumerate();
                columns.filter(|(_, column)| of_inputs.contains(column)).map(|(at, _)| at)
            });
            let places: HashSet<usize> = places.collect();
            outputs
                .into_iter()
                .enumerate()
                .filter(|(at, _)| places.contains(at))
                .map(|(_, it)| it)
                .collect()
        }
        _ => of_inputs,
    })
}

/// The columns that a condition says are equal to a constant or to another column, which may be one.
fn of_equality(condition: &Expr) -> Vec<Column> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            left.column_refs().into_iter().chain(right.column_refs()).cloned().collect()
        }
        Expr::IsNull(expr) | Expr::IsTrue(expr) | Expr::IsFalse(expr) | Expr::Not(expr) => {
            expr.column_refs().into_iter().cloned().collect()
        }
        Expr::Column(column) => vec![column.clone()],
        Expr::InList(list) => list.expr.column_refs().into_iter().cloned().collect(),
        _ => Vec::new(),
    }
}

/// Whether all that the expression depends on is constant.
fn is_constant(expr: &Expr, constants: &HashSet<Column>) -> bool {
    let mut is_constant = true;
    let _ = expr.apply(|part| {
        let varies = match part {
            Expr::Column(column) => !constants.contains(column),
            Expr::ScalarFunction(call) => call.func.signature().volatility == Volatility::Volatile,
            Expr::ScalarSubquery(_) | Expr::OuterReferenceColumn(..) => true,
            _ => false,
        };
        is_constant &= !varies;
        Ok(if varies { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    is_constant
}

/// `unknown()` returns NULL, of which DataFusion does not know that it always does.
pub(in crate::query) fn unknown() -> ScalarUDF {
    ScalarUDF::new_from_impl(Unknown { signature: Signature::nullary(Volatility::Volatile) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Unknown {
    signature: Signature,
}

impl ScalarUDFImpl for Unknown {
    fn name(&self) -> &'static str {
        "unknown"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Boolean(None)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{SessionConfig, SessionContext};

    #[tokio::test]
    async fn datafusion_still_takes_a_nullable_column_for_constant() {
        let config = SessionConfig::new().with_target_partitions(1);
        let session = SessionContext::new_with_config(config);
        let table =
            "CREATE TABLE t AS SELECT column1 AS x, column2 AS s FROM (VALUES (1, 's'), (2, 's'))";
        session.sql(table).await.unwrap().collect().await.unwrap();
        let sql = "SELECT a.x, b.s FROM t a LEFT JOIN (SELECT * FROM t WHERE s = 's' AND x > 1) b \
                   ON a.x = b.x ORDER BY b.s, a.x";
        let answer = session.sql(sql).await.unwrap().to_string().await.unwrap();
        assert!(answer.find("| 1 ") < answer.find("| 2 "), "{answer}");
    }
}
